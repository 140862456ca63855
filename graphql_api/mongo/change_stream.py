"""The history of customers, read from MongoDB's change streams."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import structlog
from bson import Timestamp
from bson.errors import BSONError
from pymongo.change_stream import ChangeStream
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from ..customers.events import (
    EVENTS_AT_ONCE,
    Batch,
    CustomerCreated,
    CustomerDeleted,
    CustomerUpdated,
    Event,
    HistoryLost,
    InvalidCursor,
    Moment,
    What,
)
from ..customers.fields import FIELDS, Field
from ..deadline import REQUEST_SECONDS, deadline_in
from ..logs import stack_frames
from .customer_documents import SEARCH, NotACustomer, from_document, is_removed
from .customers_collection import NAME
from .database import MongoDatabase
from .deadline import within_deadline
from .driver_errors import error_name, is_transient

logger = structlog.get_logger()

_Stream = ChangeStream[dict[str, Any]]
_Change = Mapping[str, Any]
_Result = TypeVar("_Result")

# The remains of a removed customer are deleted a day later, which is no event.
_PIPELINE: list[dict[str, Any]] = [
    {"$match": {"operationType": {"$nin": ["delete"]}}},
    {"$unset": [f"fullDocument.{SEARCH}", f"updateDescription.updatedFields.{SEARCH}"]},
]
# The collection was dropped or renamed, so all customers may be other ones.
_OTHER_COLLECTION = ("drop", "rename", "dropDatabase", "invalidate")

# The oplog no longer reaches back to the moment; or it does, and does not have the moment.
_HISTORY_LOST = {286, 280}
# MongoDB cannot read the moment as a resume token: FailedToParse, Overflow, InvalidResumeToken, and
# codes without a name for malformed ones.
_INVALID_TOKENS = {9, 15, 260, 40649, 50811}
_NOT_A_TOKEN = range(40_000, 60_000)

# How long MongoDB waits for an event before it answers without one: in the live stream, and in
# the history, whose end a subscriber must not wait for.
_AWAIT_MILLISECONDS = 500
_NO_WAIT_MILLISECONDS = 1
# The pause after an error.
_RETRY_SECONDS = 0.5
# Events of the history that are read at once, and changes: many of them may be no events, such as
# those of a migration.
_MOST_AT_ONCE = 200
_MOST_CHANGES = 1000

# A resume token begins with a mark and its time, in seconds since 1970.
_SECONDS = slice(1, 5)
# How much the clocks of this machine and of MongoDB's may differ.
_CLOCKS_DIFFER_SECONDS = 60.0


class MongoHistory:
    """A `customers.events.History`: MongoDB's oplog, as change streams show it."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database

    async def live(self) -> AsyncGenerator[Batch, None]:
        """The events from now on. After an error of MongoDB, the stream continues."""
        reader = _Reader(self._database.driver.blocking)
        try:
            while True:
                yield await reader.next()
        finally:
            reader.stop()

    async def since(self, moment: Moment) -> Batch:
        """The first of the events after this moment.

        Raises `InvalidCursor`, `HistoryLost`, `Unavailable`, and `pymongo.errors.PyMongoError` if a
        second try would fail as well.
        """
        seconds = int.from_bytes(moment[_SECONDS])
        if len(moment) <= _SECONDS.stop or seconds > time.time() + _CLOCKS_DIFFER_SECONDS:
            # MongoDB would wait for that time.
            raise InvalidCursor
        return await self._ask(partial(_read, after=moment))

    async def moment_at(self, time: datetime | None) -> Moment:
        """The moment before everything that MongoDB stored at this time or later; without one, now.

        The time must be past, and is cut to whole seconds. Raises what `since` raises.
        """
        return await self._ask(partial(_moment_at, time=time))

    async def _ask(self, work: Callable[[Database[dict[str, Any]]], _Result]) -> _Result:
        try:
            return await within_deadline(
                deadline_in(REQUEST_SECONDS), partial(self._database.driver.in_thread, work)
            )
        except OperationFailure as error:
            if error.code in _HISTORY_LOST:
                raise HistoryLost from None
            if error.code in _INVALID_TOKENS or error.code in _NOT_A_TOKEN:
                raise InvalidCursor from None
            raise
        except BSONError:
            raise HistoryLost from None


def time_of(moment: Moment) -> datetime:
    """When MongoDB stored what happened at a moment of this history, in UTC and whole seconds."""
    return datetime.fromtimestamp(int.from_bytes(moment[_SECONDS]), UTC)


def _moment_at(database: Database[dict[str, Any]], *, time: datetime | None) -> Moment:
    start = None if time is None else Timestamp(int(time.timestamp()), 0)
    # Without a batch, the stream is still at its beginning.
    with database[NAME].watch(start_at_operation_time=start, batch_size=0) as stream:
        return _moment(stream)


def _watch(
    database: Database[dict[str, Any]],
    after: Moment | None,
    await_milliseconds: int = _AWAIT_MILLISECONDS,
) -> _Stream:
    return database[NAME].watch(
        _PIPELINE,
        # The customer as it is when the change is read: that version or a later one.
        full_document="updateLookup",
        resume_after=None if after is None else {"_data": after.hex().upper()},
        max_await_time_ms=await_milliseconds,
        batch_size=_MOST_AT_ONCE,
    )


def _moment(stream: _Stream) -> Moment:
    """The moment until which everything was read."""
    token = stream.resume_token
    assert token is not None  # noqa: S101  # since MongoDB 4.2, an open stream has one
    return Moment(bytes.fromhex(token["_data"]))


def _read(database: Database[dict[str, Any]], *, after: Moment) -> Batch:
    """Reads the events after this moment. Raises `HistoryLost`, and `bson.errors.BSONError`."""
    events: list[Event] = []
    with _watch(database, after, _NO_WAIT_MILLISECONDS) as stream:
        for _ in range(_MOST_CHANGES):
            change = stream.try_next()
            if change is None:
                break
            if change["operationType"] in _OTHER_COLLECTION:
                raise HistoryLost
            if (event := _event(change)) is not None:
                events.append(event)
            if len(events) == _MOST_AT_ONCE:
                break
        return Batch(events, _moment(stream))


class _Reader:
    """A thread that follows a change stream, and what it has read."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._is_stopped = False
        # The thread's own: where a stream that is opened again begins, and whether one was opened.
        self._resume_after: Moment | None = None
        self._has_begun = False
        # These are shared with the thread.
        self._lock = threading.Lock()
        # The feed takes all that is waiting. With more, it would delay requests for longer.
        self._room = threading.Semaphore(EVENTS_AT_ONCE)
        self._events: list[Event] = []
        self._moment: Moment | None = None
        self._is_gap = False
        threading.Thread(target=self._run, name="change-stream", daemon=True).start()

    async def next(self) -> Batch:
        """What was read since the last call; waits until something was."""
        await self._arrived.wait()
        self._arrived.clear()
        with self._lock:
            events, self._events = self._events, []
            is_gap, self._is_gap = self._is_gap, False
            moment = self._moment
        if events:
            self._room.release(len(events))
        assert moment is not None  # noqa: S101  # something has arrived
        return Batch(events, moment, is_gap)

    def stop(self) -> None:
        """Ends the thread, within the time that MongoDB waits for an event."""
        self._is_stopped = True
        self._room.release()

    def _run(self) -> None:
        last_error = ""
        while not self._is_stopped:
            try:
                self._follow()
            except PyMongoError as error:
                if self._is_stopped:
                    # The client may be closed already.
                    return
                if getattr(error, "code", None) in _HISTORY_LOST:
                    logger.warning("MongoDB no longer has the next events of customers.")
                    self._resume_after = None
                    continue
                # The same error occurs again and again; the log shows it once.
                name = error_name(error)
                if name != last_error and not is_transient(error):
                    logger.error(f"MongoDB refuses the change stream: {name}.")  # noqa: TRY400  # the error's own text may show values
                last_error = name
                time.sleep(_RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001  # without the thread, nobody hears anything
                # Another program has stored what the driver cannot read, such as a date after the
                # year 9999. Subscribers hear that they missed something.
                fault = stack_frames(error)
                logger.warning("A change of a customer cannot be read.", exception=fault)
                self._resume_after = None
                time.sleep(_RETRY_SECONDS)

    def _follow(self) -> None:
        """Reads what happens until the thread is stopped, or until the collection is another one.

        Raises `pymongo.errors.PyMongoError`.
        """
        with _watch(self._database, self._resume_after) as stream:
            if self._resume_after is None:
                self._put(None, _moment(stream), is_gap=self._has_begun)
                self._has_begun = True
            while not self._is_stopped:
                change = stream.try_next()
                if change is not None and change["operationType"] in _OTHER_COLLECTION:
                    self._resume_after = None
                    return
                self._put(None if change is None else _event(change), _moment(stream))

    def _put(self, event: Event | None, moment: Moment, *, is_gap: bool = False) -> None:
        if event is not None:
            self._room.acquire()
        with self._lock:
            is_new = event is not None or is_gap or moment != self._moment
            if is_gap:
                # What was read before the gap takes no room any more.
                self._events, self._is_gap = [], True
                self._room = threading.Semaphore(EVENTS_AT_ONCE)
            if event is not None:
                self._events.append(event)
            self._moment = self._resume_after = moment
        if is_new:
            # The loop may be closed.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._arrived.set)


def _event(change: _Change) -> Event | None:
    """What a change means to clients; None if it means nothing."""
    try:
        what = _what(change["operationType"], change)
    except (KeyError, NotACustomer):
        # Another program has stored something that is not a customer.
        return None
    return None if what is None else Event(Moment(bytes.fromhex(change["_id"]["_data"])), what)


def _what(operation: str, change: _Change) -> What | None:
    document = change["fullDocument"]
    if document is None:
        # The document was deleted since.
        return None
    if is_removed(document):
        # Of a change before, only the deletion that follows is left to tell.
        # In a sharded collection, an insert of remains moves them to another shard.
        return None if operation == "update" else CustomerDeleted(document["_id"])
    customer = from_document(document).customer
    if operation == "insert":
        return CustomerCreated(customer)
    # Only other programs replace customers, and they do not say what they change.
    fields = FIELDS if operation == "replace" else _changed_fields(change["updateDescription"])
    # A migration changes no field.
    return CustomerUpdated(customer, fields) if fields else None


def _changed_fields(update: Mapping[str, Any]) -> tuple[Field, ...]:
    changed = {*update["updatedFields"], *update["removedFields"]}
    return tuple(field for field in FIELDS if field.public_name in changed)

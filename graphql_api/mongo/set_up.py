"""Sets up the `customers` collection in the background, because its indexes can take hours."""

import asyncio
import contextvars
import time
from functools import partial
from typing import Any

import pymongo
import structlog
from bson import Binary
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from ..deadline import deadline_in
from ..faults import Misconfigured, SettingUp, Unavailable
from .customer_documents import unique_indexes
from .customers_collection import (
    NAME,
    NAMESPACE_NOT_FOUND,
    RAW,
    ensure_collection,
    has_indexes,
    list_indexes,
)
from .deadline import within_deadline
from .driver import Driver
from .known_faults import known_fault

logger = structlog.get_logger()

# Building the indexes of a very large collection takes hours, and a build that is given up starts
# from the beginning.
_SET_UP_SECONDS = 24 * 3600.0

# How long a request waits for the set-up, unless it is known to take longer.
_PATIENCE_SECONDS = 1.0

# The pause between two tries while the database is unreachable, and the shortest pause after a
# set-up that found the database misconfigured.
_PAUSE_SECONDS = 0.2
_MISCONFIGURED_SECONDS = 1.0

# How often MongoDB is asked for the progress of the indexes, and how often the log shows it.
_POLL_SECONDS = 1.0
_LOG_SECONDS = 10.0


class SetUp:
    """Sets up the collection of one database: one set-up at a time, repeated whenever needed."""

    def __init__(self, driver: Driver, *, is_sharded: bool = False) -> None:
        self._driver = driver
        self.is_sharded = is_sharded
        self.unique_indexes = tuple(unique_indexes(is_sharded=is_sharded))
        # The collection's, while the collection is set up as far as is known.
        self._uuid: Binary | None = None
        self._task: asyncio.Task[None] | None = None
        self._started_at = 0.0
        # Why the last set-up found the database misconfigured, and when the next one may start.
        self._misconfiguration: str | None = None
        self._retry_at = 0.0
        # Only while indexes may be built.
        self._indexing_since: float | None = None
        self._progress: str | None = None

    async def collection_uuid(self, deadline: float, patience: float = _PATIENCE_SECONDS) -> Binary:
        """The collection's UUID, as soon as the collection is set up.

        Waits until the deadline, and for `patience` seconds at most. Raises `Misconfigured`,
        `SettingUp` (at once while indexes are known to be built) and `Unavailable`.
        """
        if self._uuid is None:
            task = self._start()
            seconds = min(deadline - time.monotonic(), patience)
            await asyncio.wait([task], timeout=max(0.0, seconds) if self._progress is None else 0.0)
        if self._uuid is not None:
            return self._uuid
        if self._misconfiguration is not None:
            raise Misconfigured(self._misconfiguration)
        if self._progress is not None:
            raise SettingUp(self._progress)
        raise Unavailable

    async def require_indexes(self, deadline: float) -> None:
        """Checks that the collection has its unique indexes now, and so contains no duplicate.

        Starts a new set-up and raises `Unavailable` if it does not. Raises what `collection_uuid`
        and `within_deadline` raise.
        """
        uuid = await self.collection_uuid(deadline)
        try:
            [listed] = await within_deadline(
                deadline, partial(self._driver.send, [list_indexes()], RAW)
            )
            is_set_up = has_indexes(listed, self.unique_indexes)
        except OperationFailure as error:
            if error.code != NAMESPACE_NOT_FOUND:
                raise
            is_set_up = False
        if not is_set_up:
            self.invalidate(uuid)
            raise Unavailable

    def invalidate(self, uuid: Binary) -> None:
        """Starts a new set-up: the collection with this UUID was found dropped or different.

        Does nothing if a collection with another UUID was set up meanwhile.
        """
        if uuid is self._uuid:
            logger.warning(
                "The collection `customers` or one of its indexes is missing, or another program "
                "has set another validator. The server is setting it up again."
            )
            self._uuid = None
            self._start()

    def close(self) -> None:
        """Stops waiting for a set-up. MongoDB completes the indexes that it is building."""
        if self._task is not None:
            self._task.cancel()

    def _start(self) -> asyncio.Task[None]:
        """The running set-up, or a new one; the last one if it is too early for a new one."""
        now = time.monotonic()
        if self._task is None or (
            self._task.done() and (self._misconfiguration is None or now >= self._retry_at)
        ):
            self._started_at = now
            # In a context of its own: the deadline of the request that needs it first, which the
            # driver would read there, is not that of the set-up.
            self._task = asyncio.get_running_loop().create_task(
                self._run(), context=contextvars.Context()
            )
        return self._task

    async def _run(self) -> None:
        while True:
            watching = asyncio.create_task(self._watch())
            try:
                self._uuid = await self._driver.in_new_thread(self._set_up)
            except Misconfigured as error:
                # Each request finds the same; the log shows it once.
                if str(error) != self._misconfiguration:
                    logger.error(str(error))  # noqa: TRY400  # the message is complete
                self._misconfiguration, now = str(error), time.monotonic()
                # A set-up that took long must not keep the database busy all the time.
                self._retry_at = now + max(_MISCONFIGURED_SECONDS, now - self._started_at)
                return
            except (Unavailable, PyMongoError, IndexError):
                # The database is unreachable or elects a primary, or the collection was dropped.
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                self._misconfiguration = None
                if self._progress is not None:
                    logger.info("The collection `customers` is set up.")
                return
            finally:
                watching.cancel()
                self._indexing_since = self._progress = None

    def _set_up(self, database: Database[dict[str, Any]]) -> Binary:
        with pymongo.timeout(_SET_UP_SECONDS):
            uuid = ensure_collection(database, self._start_indexing, is_sharded=self.is_sharded)
            if (fault := known_fault(database)) is not None:
                logger.warning(fault)
            return uuid

    def _start_indexing(self) -> None:
        self._indexing_since = time.monotonic()

    async def _watch(self) -> None:
        logged_at = -_LOG_SECONDS
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            if self._indexing_since is None:
                continue
            share = await self._share()
            seconds = time.monotonic() - self._indexing_since
            self._progress = (
                f"MongoDB has been building the indexes of `customers` for {seconds:.0f} s.{share}"
            )
            if seconds > logged_at + _LOG_SECONDS:
                logged_at = seconds
                logger.warning(self._progress)

    async def _share(self) -> str:
        """How many customers MongoDB has indexed, such as ` Customers read: 40 %.`.

        Empty if this user may not see it, or if no index is being built.
        """
        database = self._driver.database
        pipeline = [
            {"$currentOp": {"allUsers": True}},
            {
                "$match": {
                    "ns": f"{database.name}.{NAME}",
                    "command.createIndexes": NAME,
                    "progress.total": {"$gt": 0},
                }
            },
        ]
        work = partial(
            database.client["admin"].command, "aggregate", 1, pipeline=pipeline, cursor={}
        )
        try:
            answer = await within_deadline(deadline_in(_POLL_SECONDS), work)
            [operation, *_] = answer["cursor"]["firstBatch"]
        except (Unavailable, PyMongoError, ValueError):
            return ""
        done, total = operation["progress"]["done"], operation["progress"]["total"]
        step = "read" if "scanning" in operation["msg"] else "sorted"
        return f" Customers {step}: {min(done, total) * 100 // total} %."

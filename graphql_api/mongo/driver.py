"""The drivers that connect to MongoDB. No other module knows which of them runs."""

import asyncio
import contextvars
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar, cast

from motor.frameworks.asyncio import max_workers
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, MongoClient, _csot
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.asynchronous.topology import Topology
from pymongo.collection import Collection
from pymongo.cursor import Cursor
from pymongo.database import Database
from pymongo.synchronous.topology import Topology as BlockingTopology

from ..deadline import GRACE_SECONDS
from ..metrics.measurements import SharedHistogram
from .command_times import Measured, connections, measured
from .exchange import Exchange
from .threads import Threads

_Result = TypeVar("_Result")
# Made once, because making the type takes longer than the cast.
_AsyncDatabase = AsyncDatabase[dict[str, Any]]

# Motor runs each command in one of this number of threads. PyMongo gets as many connections.
COMMANDS_AT_ONCE: int = max_workers


class Driver(ABC):
    """The connections to one database.

    `database` is for single commands from the event loop. It has PyMongo's type. Motor's object has
    the same methods, but must not be asked for `aggregate`, `watch`, `list_indexes` or a session,
    for which Motor has other types. `blocking` is the same database for code in a thread. `clients`
    have all connections. With `durations`, the commands of `run` and `send` are measured.
    """

    database: AsyncDatabase[dict[str, Any]]
    blocking: Database[dict[str, Any]]
    clients: Sequence[MongoClient[dict[str, Any]] | AsyncMongoClient[dict[str, Any]]]
    durations: SharedHistogram | None = None

    def __init__(
        self, uri: str, options: Mapping[str, Any], name: str, database_options: Mapping[str, Any]
    ) -> None:
        """`name` is that of the database, unless the URI names one."""
        # Not those of the event loop, in which PyMongo looks up hosts.
        self._threads = Threads(COMMANDS_AT_ONCE)
        self._client = _AsyncClient(uri, **options)
        database = self._client.get_default_database(name, **database_options)
        self._exchange = Exchange(database, self.measured)
        # Sends commands together, each of them once, and returns their answers.
        self.send = self._exchange.send

    @abstractmethod
    async def run(
        self, work: Callable[[AsyncDatabase[dict[str, Any]]], Coroutine[Any, Any, _Result]]
    ) -> _Result:
        """Does work of several commands. The work must await nothing but the database.

        Raises what the work raises.
        """

    def in_thread(
        self, work: Callable[[Database[dict[str, Any]]], _Result]
    ) -> asyncio.Future[_Result]:
        """Does work in one of the driver's threads. The future has what it returns or raises."""
        return self._threads.run(work, self.blocking)

    @abstractmethod
    async def aclose(self) -> None:
        """Closes all connections. `pymongo.timeout` limits how long it waits for a server."""

    def connections(self) -> tuple[int, int]:
        """How many connections the clients have open, and how many of them are in use."""
        return connections(self.clients, self._exchange.kept)

    def measured(self, command: str) -> AbstractContextManager[None]:
        """A context in which one command is sent, and measured."""
        return nullcontext() if self.durations is None else Measured(self.durations, command)

    def snapshot(self) -> AbstractContextManager[AsyncClientSession]:
        """A session for `blocking` work, which reads everything at the time of its first read."""
        session = self.blocking.client.start_session(snapshot=True)
        return cast(AbstractContextManager[AsyncClientSession], session)

    async def in_new_thread(self, work: Callable[[Database[dict[str, Any]]], _Result]) -> _Result:
        """Does work that may take hours in a new thread. The process can end before the thread.

        Raises what the work raises.
        """
        done: Future[_Result] = Future()
        done.set_running_or_notify_cancel()

        def run() -> None:
            try:
                done.set_result(work(self.blocking))
            except Exception as error:  # noqa: BLE001  # the waiting task raises it
                done.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return await asyncio.wrap_future(done)

    async def _aclose_client(self) -> None:
        await self._client.close()
        await self._exchange.aclose()


class MotorDriver(Driver):
    """Motor, which runs PyMongo's blocking driver in threads."""

    def __init__(
        self, uri: str, options: Mapping[str, Any], name: str, database_options: Mapping[str, Any]
    ) -> None:
        """`name` is that of the database, unless the URI names one."""
        super().__init__(uri, options, name, database_options)
        self._motor_client = _MotorClient(uri, **options)
        database = self._motor_client.get_default_database(name, **database_options)
        self.database = cast(_AsyncDatabase, database)
        self.blocking = database.delegate
        self.clients = [self._client, self._motor_client.delegate]

    async def run(
        self, work: Callable[[AsyncDatabase[dict[str, Any]]], Coroutine[Any, Any, _Result]]
    ) -> _Result:
        if self.durations is not None:
            work = measured(work, self.durations)
        # Two commands in one thread cost half as much as two in a thread each.
        return await self.in_thread(blocking(work))

    async def aclose(self) -> None:
        self._threads.close()
        self._motor_client.close()
        await self._aclose_client()


class PyMongoDriver(Driver):
    """PyMongo's own asynchronous driver, which runs commands in the event loop.

    What belongs in a thread has PyMongo's blocking driver, with connections of its own.
    """

    def __init__(
        self, uri: str, options: Mapping[str, Any], name: str, database_options: Mapping[str, Any]
    ) -> None:
        """`name` is that of the database, unless the URI names one."""
        super().__init__(uri, options, name, database_options)
        self.database = self._client.get_default_database(name, **database_options)
        self._blocking_client = _BlockingClient(uri, connect=False, **options)
        self.blocking = self._blocking_client.get_default_database(name, **database_options)
        self.clients = [self._client, self._blocking_client]

    async def run(
        self, work: Callable[[AsyncDatabase[dict[str, Any]]], Coroutine[Any, Any, _Result]]
    ) -> _Result:
        if self.durations is not None:
            work = measured(work, self.durations)
        return await work(self.database)

    async def aclose(self) -> None:
        self._threads.close()
        self._blocking_client.close()
        await self._aclose_client()


class _BlockingClient(MongoClient[dict[str, Any]]):
    """PyMongo's client, which opens once, also if its first commands begin together.

    With a `mongodb+srv` URI, PyMongo's own would look up the hosts and connect for each of these
    commands, and never end all but one of the threads that it starts then.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # passed on unread
        self._lock_of_opening = threading.Lock()
        self._opening: Future[BlockingTopology] | None = None
        super().__init__(*arguments, **options)

    def _get_topology(self) -> BlockingTopology:
        if self._opened:
            return self._topology
        with self._lock_of_opening:
            is_first = self._opening is None
            opening = self._opening = self._opening or Future()
        if is_first:
            try:
                opening.set_result(super()._get_topology())
            except BaseException as error:  # noqa: BLE001  # each of these commands raises it
                opening.set_exception(error)
            self._opening = None
        return opening.result()


class _MotorClient(AsyncIOMotorClient[dict[str, Any]]):
    """Motor's client, with that client."""

    __delegate_class__ = _BlockingClient


class _AsyncClient(AsyncMongoClient[dict[str, Any]]):
    """PyMongo's asynchronous client, which opens once, for the same reason.

    PyMongo's own would never close all but one of these connections.
    """

    _opening: asyncio.Task[Topology] | None = None

    async def _get_topology(self) -> Topology:
        opening = self._opening
        if opening is None or (opening.done() and opening.exception() is not None):
            # In a context of its own: the deadline of one command is not that of the others.
            opening = self._opening = asyncio.get_running_loop().create_task(
                super()._get_topology(), context=contextvars.Context()
            )
        if opening.done():
            return opening.result()
        seconds = _csot.remaining()
        # The driver does not limit how long it looks up its hosts.
        async with asyncio.timeout(None if seconds is None else seconds + GRACE_SECONDS):
            # A command that is cancelled must not cancel the others.
            return await asyncio.shield(opening)


# Each driver by its name in the settings.
DRIVERS: dict[str, type[MotorDriver] | type[PyMongoDriver]] = {
    "motor": MotorDriver,
    "pymongo": PyMongoDriver,
}


def blocking(
    work: Callable[[AsyncDatabase[dict[str, Any]]], Coroutine[Any, Any, _Result]],
) -> Callable[[Database[dict[str, Any]]], _Result]:
    """The same work for a thread: each of its commands blocks the thread.

    Raises `RuntimeError` if the work awaits anything but the database.
    """

    def run(database: Database[dict[str, Any]]) -> _Result:
        running = work(cast(_AsyncDatabase, _BlockingDatabase(database)))
        try:
            running.send(None)
        except StopIteration as end:
            result: _Result = end.value
            return result
        running.close()
        raise RuntimeError("The work awaits something that is not the database.")

    return run


class _BlockingDatabase:
    """A blocking database with the interface of an asynchronous one, as far as work uses it.

    What it returns is awaited without waiting.
    """

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database
        self.codec_options = database.codec_options

    def __getitem__(self, name: str) -> "_BlockingCollection":
        return _BlockingCollection(self._database[name])

    async def command(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401  # as the driver has it
        return self._database.command(*arguments, **options)


class _BlockingCollection:
    def __init__(self, collection: Collection[dict[str, Any]]) -> None:
        self._collection = collection

    def find(self, *arguments: Any, **options: Any) -> "_BlockingCursor":  # noqa: ANN401  # as the driver has it
        return _BlockingCursor(self._collection.find(*arguments, **options))

    async def count_documents(self, *arguments: Any, **options: Any) -> int:  # noqa: ANN401  # as the driver has it
        return self._collection.count_documents(*arguments, **options)

    async def distinct(self, *arguments: Any, **options: Any) -> list[Any]:  # noqa: ANN401  # as the driver has it
        return self._collection.distinct(*arguments, **options)


class _BlockingCursor:
    def __init__(self, cursor: Cursor[dict[str, Any]]) -> None:
        self._cursor = cursor

    async def to_list(self) -> list[dict[str, Any]]:
        return self._cursor.to_list()

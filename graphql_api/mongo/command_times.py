"""For the metrics: how long MongoDB takes for commands, and how many connections there are."""

from collections.abc import Callable, Coroutine, Sequence
from time import perf_counter
from typing import Any, TypeVar, cast

from pymongo import AsyncMongoClient, MongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.asynchronous.pool import AsyncConnection

from ..metrics.measurements import SharedHistogram

_Result = TypeVar("_Result")
_Database = AsyncDatabase[dict[str, Any]]


class Measured:
    """A context in which one command is sent, and measured. It fails if the context raises."""

    __slots__ = ("_began", "_command", "_durations")

    def __init__(self, durations: SharedHistogram, command: str) -> None:
        self._durations = durations
        self._command = command

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        outcome = "success" if error is None else "failure"
        self._durations.observe(perf_counter() - self._began, (self._command, outcome))


def measured(
    work: Callable[[_Database], Coroutine[Any, Any, _Result]], durations: SharedHistogram
) -> Callable[[_Database], Coroutine[Any, Any, _Result]]:
    """The same work, with a database that measures each of its commands.

    The driver's events of commands would measure all commands, but cost more than three times as
    much.
    """
    return lambda database: work(cast(_Database, _MeasuredDatabase(database, durations)))


class _MeasuredDatabase:
    """A database with the interface that work uses. `driver.blocking` has the same one."""

    def __init__(self, database: _Database, durations: SharedHistogram) -> None:
        self._database = database
        self._durations = durations
        self.codec_options = database.codec_options

    def __getitem__(self, name: str) -> "_MeasuredCollection":
        return _MeasuredCollection(self._database[name], self._durations)

    async def command(self, command: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401  # as the driver has it
        name = command if isinstance(command, str) else next(iter(command))
        with Measured(self._durations, name):
            return await self._database.command(command, *arguments, **options)


class _MeasuredCollection:
    def __init__(
        self, collection: AsyncCollection[dict[str, Any]], durations: SharedHistogram
    ) -> None:
        self._collection = collection
        self._durations = durations

    def find(self, *arguments: Any, **options: Any) -> "_MeasuredCursor":  # noqa: ANN401  # as the driver has it
        return _MeasuredCursor(self._collection.find(*arguments, **options), self._durations)

    async def count_documents(self, *arguments: Any, **options: Any) -> int:  # noqa: ANN401  # as the driver has it
        with Measured(self._durations, "aggregate"):
            return await self._collection.count_documents(*arguments, **options)

    async def distinct(self, *arguments: Any, **options: Any) -> list[Any]:  # noqa: ANN401  # as the driver has it
        with Measured(self._durations, "distinct"):
            return await self._collection.distinct(*arguments, **options)


class _MeasuredCursor:
    def __init__(self, cursor: AsyncCursor[dict[str, Any]], durations: SharedHistogram) -> None:
        self._cursor = cursor
        self._durations = durations

    async def to_list(self) -> list[dict[str, Any]]:
        with Measured(self._durations, "find"):
            return await self._cursor.to_list()


def connections(
    clients: Sequence[MongoClient[dict[str, Any]] | AsyncMongoClient[dict[str, Any]]],
    kept: Sequence[AsyncConnection],
) -> tuple[int, int]:
    """How many connections the clients have open, and how many of them are in use.

    `kept` are those that are taken from their pools, but not in use. This reads the driver's pools,
    because the driver's events of pools would add two thirds to the cost of its events of commands.
    """
    pools: list[Any] = []
    for client in clients:
        # A client with a `mongodb+srv` URI has no topology before the first command.
        topology: Any = client._topology  # the driver has no public way
        servers = [] if topology is None else list(topology._servers.values())  # as above
        pools += [server.pool for server in servers]
    taken = sum(pool.active_sockets for pool in pools)
    idle = sum(len(pool.conns) for pool in pools)
    # A member that was removed from the replica set has no pool any more.
    return taken + idle, taken - sum(connection.pool_ref() in pools for connection in kept)

"""Commands that are sent together over one connection, at the least cost."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from bson import CodecOptions
from bson.errors import BSONError
from pymongo import AsyncMongoClient, _csot
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.asynchronous.mongo_client import _ClientReadCheckout
from pymongo.asynchronous.pool import AsyncConnection
from pymongo.errors import (
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    _OperationCancelled,
)
from pymongo.helpers_shared import _check_command_response
from pymongo.message import _op_msg, _OpMsg
from pymongo.read_preferences import ReadPreference, _ServerMode
from pymongo.topology_description import TopologyDescription

# An answer, decoded with the options of its caller.
Answer = Any

# The driver's other commands need connections, too, so only a part of the pool is kept.
_KEPT_SHARE = 3

# How often to look for connections whose server has frozen, as the driver's own methods do.
_LOOK_SECONDS = 0.5


class Exchange:
    """Sends commands to the primary of one database, in the event loop.

    For each command, the driver's public methods make a session, choose a server, take a connection
    from the pool and start three tasks, which together takes three times the CPU time. This keeps
    a connection that it has taken until the driver has learned something about the servers, which
    it does once a second.
    """

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        measured: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        """`measured` is a context in which the answer to the named command arrives."""
        self._client: AsyncMongoClient[dict[str, Any]] = database.client
        self._database = database
        self._measured = measured
        self._most_kept = database.client.options.pool_options.max_pool_size // _KEPT_SHARE
        self._kept: list[_Taken] = []
        self._in_use: set[AsyncConnection] = set()
        self._looking: asyncio.TimerHandle | None = None

    @property
    def kept(self) -> list[AsyncConnection]:
        """The connections that are taken from the pool, but not in use."""
        return [taken.connection for taken in self._kept]

    async def send(
        self, commands: Sequence[dict[str, Any]], options: CodecOptions[Any]
    ) -> list[Answer]:
        """Sends all commands at once, each of them once, and returns their answers.

        MongoDB executes the commands of one connection one after another, so each of them sees what
        those before it have done. If a command fails, only the answers before it are returned.
        Ends by the deadline of `pymongo.timeout`. If it is cancelled, the driver closes the
        connection. Raises `pymongo.errors.PyMongoError` if the first command fails, `TimeoutError`
        if the hosts are not found in DNS in time, and `bson.errors.BSONError` for an answer that
        cannot be decoded.
        """
        answers: list[Answer] = []
        taken = await self._take(next(iter(commands[0])))
        try:
            if _needs_the_driver(taken.connection):
                await self._command(taken, commands, options, answers)
            else:
                await self._exchange(taken, commands, options, answers)
        except BaseException as error:
            await taken.checkout.__aexit__(type(error), error, None)
            if not (answers and isinstance(error, PyMongoError)):
                raise
        else:
            await self._keep(taken)
        return answers

    async def aclose(self) -> None:
        """Returns the connections to the pool, which must be closed already, and so closes them."""
        while self._kept:
            await self._kept.pop().give_back()

    async def _take(self, command: str) -> "_Taken":
        while self._kept:
            taken = self._kept.pop()
            if self._is_usable(taken):
                return taken
            # There may be another primary now. The pool closes a connection that is stale.
            await taken.give_back()
        checkout = await self._client._conn_for_reads(ReadPreference.PRIMARY, None, command)
        servers = self._client._topology.description
        connection, preference = await checkout.__aenter__()
        return _Taken(checkout, connection, preference, servers)

    async def _keep(self, taken: "_Taken") -> None:
        connection = taken.connection
        if len(self._kept) < self._most_kept and self._is_usable(taken):
            connection.update_last_checkin_time()
            # Otherwise, nobody would notice that the server closes the connection.
            connection.conn.get_conn.transport.resume_reading()
            self._kept.append(taken)
        else:
            await taken.give_back()

    def _is_usable(self, taken: "_Taken") -> bool:
        """Whether it is open, and the driver has learned nothing since it chose this server.

        Behind a load balancer, the driver never learns anything.
        """
        connection = taken.connection
        return (
            taken.servers is self._client._topology.description
            and not connection.conn_closed()
            and not connection.opts.load_balanced
        )

    def _look(self) -> None:
        """Ends the exchanges whose connections the driver has given up.

        It gives them up if it gets no answer to a heartbeat. Its own methods look as often.
        """
        for connection in self._in_use:
            if connection.cancel_context.cancelled:
                connection.conn.get_conn.close(_OperationCancelled("operation cancelled"))
        loop = asyncio.get_running_loop()
        self._looking = loop.call_later(_LOOK_SECONDS, self._look) if self._in_use else None

    async def _command(
        self,
        taken: "_Taken",
        commands: Sequence[dict[str, Any]],
        options: CodecOptions[Any],
        answers: list[Answer],
    ) -> None:
        for command in commands:
            with self._measured(next(iter(command))):
                answer: Answer = await taken.connection.command(
                    self._database.name,
                    command,
                    taken.preference,
                    options,
                    client=self._client,
                )
            answers.append(answer)

    async def _exchange(
        self,
        taken: "_Taken",
        commands: Sequence[dict[str, Any]],
        options: CodecOptions[Any],
        answers: list[Answer],
    ) -> None:
        connection = taken.connection
        ids, messages = [], []
        for command in commands:
            # From `pymongo.timeout`.
            connection.apply_timeout(command)
            id_, message, *_ = _op_msg(
                0,
                command,
                self._database.name,
                taken.preference,
                self._database.codec_options,
                connection.compression_context,
            )
            ids.append(id_)
            messages.append(message)
        protocol, largest = connection.conn.get_conn, connection.max_message_size
        sent = iter(zip(commands, ids, strict=True))
        self._in_use.add(connection)
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)
        try:
            async with asyncio.timeout(_csot.remaining()):
                await protocol.write(b"".join(messages))
                try:
                    for command, id_ in sent:
                        with self._measured(next(iter(command))):
                            body, _ = await protocol.read(id_, largest)
                            [answer] = _OpMsg.unpack(body).unpack_response(codec_options=options)
                            _check_command_response(answer, connection.max_wire_version)
                        answers.append(answer)
                except (OperationFailure, NotPrimaryError, BSONError):
                    # The next commands of this connection must not get these answers.
                    for _, id_ in sent:
                        await protocol.read(id_, largest)
                    raise
        except (OperationFailure, NotPrimaryError, BSONError):
            raise
        except BaseException as error:  # noqa: BLE001  # raised again, as the driver's own error
            await connection._raise_connection_failure(error)
        finally:
            self._in_use.discard(connection)


class _Taken(NamedTuple):
    """A connection that is taken from the pool, and what the driver knew of the servers then."""

    checkout: _ClientReadCheckout
    connection: AsyncConnection
    preference: _ServerMode
    servers: TopologyDescription

    async def give_back(self) -> None:
        connection = self.connection
        # The pool would forget how long the connection has been idle.
        idle, most_idle = connection.idle_time_seconds(), connection.opts.max_idle_time_seconds
        if connection.conn_closed() or (most_idle is not None and idle > most_idle):
            await connection.close_conn(None)
        await self.checkout.__aexit__(None, None, None)


def _needs_the_driver(connection: AsyncConnection) -> bool:
    """Whether traces listen to commands, or an access token can expire between two commands."""
    listeners, credentials = connection.listeners, connection.opts._credentials
    return (listeners is not None and listeners.enabled_for_commands) or (
        credentials is not None and credentials.mechanism == "MONGODB-OIDC"
    )

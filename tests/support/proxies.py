"""A proxy in front of a database, which can lose the answers of the database."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from .clients import connected

_CHUNK_BYTES = 65536


class Proxy:
    """Forwards everything. After a command in `losing`, drops the answers on its connection."""

    def __init__(self, server_address: str) -> None:
        self._host, self._port = server_address.split(":")
        self.losing: set[str] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Yields the address at which it listens, such as 127.0.0.1:50000."""
        async with await asyncio.start_server(self._connect, "127.0.0.1", 0) as listener:
            host, port = listener.sockets[0].getsockname()
            yield f"{host}:{port}"

    async def _connect(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        server, requests = await asyncio.open_connection(self._host, self._port)
        lost = asyncio.Event()
        ways = [
            asyncio.create_task(self._pass_on(client, requests, lost)),
            asyncio.create_task(self._pass_back(server, answers, lost)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        requests.close()
        answers.close()

    async def _pass_on(
        self, client: asyncio.StreamReader, requests: asyncio.StreamWriter, lost: asyncio.Event
    ) -> None:
        while chunk := await client.read(_CHUNK_BYTES):
            # In BSON, a command is a string (type 2) whose key is the name of the command.
            if any(f"\x02{command}\0".encode() in chunk for command in self.losing):
                lost.set()
            requests.write(chunk)

    async def _pass_back(
        self, server: asyncio.StreamReader, answers: asyncio.StreamWriter, lost: asyncio.Event
    ) -> None:
        while chunk := await server.read(_CHUNK_BYTES):
            if not lost.is_set():
                answers.write(chunk)


@contextlib.asynccontextmanager
async def through(
    proxy: Proxy, database_uri: str, **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that reaches its database only through the proxy."""
    database = database_uri.rpartition("/")[2].partition("?")[0]
    async with (
        proxy.listening() as address,
        connected(f"mongodb://{address}/{database}?directConnection=true", **settings) as client,
    ):
        yield client

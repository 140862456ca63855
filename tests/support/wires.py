"""Clients that send HTTP byte by byte, slowly or malformed, or never read."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PATIENCE_SECONDS = 20.0

# The body of a request that any client may send.
TYPENAME = b'{"query": "{ __typename }"}'
# The head of a request whose body has chunks.
CHUNKED = (
    b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def code(self) -> str:
        """The code of its only error."""
        assert self.headers["content-type"] == "application/json; charset=utf-8"
        [error] = self.json()["errors"]
        assert error["message"].endswith(".")
        code: str = error["extensions"]["code"]
        return code


class Wire:
    """One connection to a server. Each method waits at most `PATIENCE_SECONDS`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Raises `ConnectionError` if the server has closed the connection."""
        self._writer.write(data)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._writer.drain()

    async def until(self, part: bytes) -> bytes:
        """What the server sends until this part of it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._reader.readuntil(part)

    def end(self) -> None:
        """Ends the sending half of the connection."""
        self._writer.write_eof()

    async def answer(self) -> Answer:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (head := await self._head()).startswith("HTTP/1.1 100 "):
                pass
            status_line, *lines = head.strip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            content = await self._reader.readexactly(int(headers["content-length"]))
        return Answer(int(status_line.split()[1]), headers, content)

    async def goes_on(self) -> bool:
        """Whether the server asks for the body."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._head() == "HTTP/1.1 100 Continue\r\n\r\n"

    async def rest(self) -> bytes:
        """The bytes that the server sends until it closes the connection."""
        rest = b""
        async with asyncio.timeout(PATIENCE_SECONDS):
            with contextlib.suppress(ConnectionError):
                rest = await self._reader.read()
        return rest

    async def _head(self) -> str:
        return (await self._reader.readuntil(b"\r\n\r\n")).decode("ascii")

    def arrived(self) -> int:
        """How many bytes have arrived at a server of this machine that has not read them yet."""
        addresses = (self._writer.get_extra_info(end) for end in ("peername", "sockname"))
        ends = [f":{port:04X}" for _, port in addresses]
        return sum(
            int(queues.partition(":")[2], 16)
            for _, local, remote, _, queues, *_ in _sockets()
            if [local[-5:], remote[-5:]] == ends
        )

    def abort(self) -> None:
        """Resets the connection. By itself, `abort` would only end the client's side of it."""
        reset = struct.pack("ii", 1, 0)
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        self._writer.transport.abort()


@asynccontextmanager
async def wire(url: str, *, receive_buffer: int | None = None) -> AsyncIterator[Wire]:
    """A connection to the server at this URL. A small `receive_buffer` holds few answers."""
    address = urlsplit(url)
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        # The server's kernel buffers some segments, which are large on the loopback interface.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
    connection.setblocking(False)  # noqa: FBT003  # its only parameter
    await asyncio.get_running_loop().sock_connect(connection, (address.hostname, address.port))
    # The client stops reading when its buffer is full.
    reader, writer = await asyncio.open_connection(sock=connection, limit=65536)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def post(content: bytes, *headers: bytes) -> bytes:
    """A whole request."""
    return b"\r\n".join(
        [
            b"POST /graphql HTTP/1.1",
            b"Host: localhost",
            b"Content-Type: application/json",
            b"Content-Length: %d" % len(content),
            *headers,
            b"",
            content,
        ]
    )


def get(path: str, *headers: bytes) -> bytes:
    """A whole request."""
    return b"\r\n".join([f"GET {path} HTTP/1.1".encode(), b"Host: localhost", *headers, b"", b""])


def connections(url: str) -> int:
    """The number of connections from clients that a server of this machine has open.

    Not those to MongoDB: the driver opens and closes them when it needs to.
    """
    port = f":{urlsplit(url).port:04X}"
    return sum(
        local.endswith(port) and remote != "00000000:0000" and inode != "0"
        for _, local, remote, *_, inode in _sockets()
    )


def _sockets() -> list[list[str]]:
    """The first ten columns of the kernel's table of TCP sockets."""
    # The first line has the names of the columns.
    return [line.split()[:10] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]

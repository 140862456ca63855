"""Creations at fixed times, whether or not the earlier ones are answered: an open loop.

A client that waits for each answer sends nothing while the server is slow, and so leaves out the
latencies that other clients would have had ("coordinated omission"). Here, as in wrk2, a latency
counts from the time at which the request was due.

No program of Debian or npm does this: autocannon corrects the latencies of a client that waits, and
vegeta counts from the time at which it sent.
"""

import asyncio
import gc
import selectors
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools

from .servers import ServerFailed

# Enough for each request, unless the server answers nothing for a tenth of a second. They are used
# in turn, so that the server does not close one that is idle.
_CONNECTIONS = 128
_PATIENCE_SECONDS = 30
_HEAD = (
    b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)
_CREATED = b'"__typename":"CreateCustomerSuccess"'


@dataclass
class Sent:
    """The latency of each creation, and by how much it was sent too late, both in seconds.

    A latency ends with the whole answer. Both begin when the creation is due.
    """

    latencies: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)


def send_creations(
    url: str, bodies: Iterable[bytes], rate: float, is_over: Callable[[], bool]
) -> Sent:
    """Sends `rate` of the bodies in a second until it is over, and awaits the last answers.

    Raises `ServerFailed` if a creation does not succeed.
    """

    def new_loop() -> asyncio.AbstractEventLoop:
        # The loops with other selectors, and uvloop, wait for whole milliseconds.
        return asyncio.SelectorEventLoop(selectors.SelectSelector())

    gc.disable()
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(_send(url, bodies, rate, is_over))
    finally:
        gc.enable()


async def _send(
    url: str, bodies: Iterable[bytes], rate: float, is_over: Callable[[], bool]
) -> Sent:
    queue = _Queue(url)
    await queue.connect()
    due = time.perf_counter()
    for body in bodies:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if queue.fault is not None or is_over():
            break
        queue.put(due, body)
        due += 1 / rate
    await queue.close()
    if queue.fault is not None:
        raise ServerFailed(queue.fault)
    return queue.sent


class _Queue:
    """The creations that are due but not sent, and the connections that have no request."""

    def __init__(self, url: str) -> None:
        self.sent = Sent()
        self.fault: str | None = None
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._path = parts.path.encode()
        self._due: deque[tuple[float, bytes]] = deque()
        self._connections: list[_Connection] = []
        self._free: deque[_Connection] = deque()

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_CONNECTIONS):
            _, connection = await loop.create_connection(
                lambda: _Connection(self), self._host, self._port
            )
            self._connections.append(connection)
        self._free.extend(self._connections)

    def put(self, due: float, body: bytes) -> None:
        """Sends a creation now or, if no connection is free, later."""
        self._due.append((due, _HEAD % (self._path, len(body), body)))
        self._send_next()

    def note(self, connection: "_Connection", due: float, status: int, content: bytes) -> None:
        """Notes the answer to the creation that was due then."""
        self.sent.latencies.append(time.perf_counter() - due)
        if status != 200 or _CREATED not in content:  # noqa: PLR2004  # the status OK
            self.fault = f"The answer to a creation is {status}: {content.decode()}"
        self._free.append(connection)
        self._send_next()

    def _send_next(self) -> None:
        if self._due and self._free:
            due, request = self._due.popleft()
            self._free.popleft().send(due, request)
            self.sent.delays.append(time.perf_counter() - due)

    async def close(self) -> None:
        """Awaits the answers, unless a creation failed."""
        answers, give_up = 0, 0.0
        while len(self._free) < _CONNECTIONS and self.fault is None:
            if answers < len(self.sent.latencies) or not give_up:
                answers, give_up = len(self.sent.latencies), time.monotonic() + _PATIENCE_SECONDS
            elif time.monotonic() > give_up:
                self.fault = "A creation has no answer."
            await asyncio.sleep(0.01)
        for connection in self._connections:
            connection.transport.close()


class _Connection(asyncio.Protocol):
    """A connection, which has one request at a time."""

    transport: asyncio.Transport

    def __init__(self, queue: _Queue) -> None:
        self._queue = queue
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # asyncio promises it
        self.transport = transport

    def send(self, due: float, request: bytes) -> None:
        self._due = due
        self._content = b""
        self._parser = httptools.HttpResponseParser(self)
        self.transport.write(request)

    def connection_lost(self, _error: Exception | None) -> None:
        # At the end, it is too late for a fault.
        self._queue.fault = self._queue.fault or "The server closed a connection."

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._content += body

    def on_message_complete(self) -> None:
        self._queue.note(self, self._due, self._parser.get_status_code(), self._content)

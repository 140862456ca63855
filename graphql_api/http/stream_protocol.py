"""The protocol of a connection that sends an event stream, and nothing else any more."""

import asyncio
from typing import Any

from .event_stream import EventStream
from .timers import Timer


class StreamProtocol(asyncio.Protocol):
    """One connection after `Protocol`, which has sent the head, has handed it over.

    It is small, because there may be thousands of them.
    """

    __slots__ = (
        "_connections",
        "_ending",
        "_loop",
        "_send_seconds",
        "_stream",
        "_transport",
        "is_paused",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        connections: set[Any],
        send_seconds: float,
        stream: EventStream,
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._connections = connections
        self._send_seconds = send_seconds
        self._stream = stream
        # Ends the connection if the client does not read.
        self._ending: Timer | None = None
        self.is_paused = False
        connections.add(self)
        transport.set_protocol(self)
        stream.continue_on(self)

    def send(self, content: bytes) -> None:
        """Sends a part of the stream, as a chunk (RFC 9112, 7.1)."""
        self._transport.write(b"%x\r\n%s\r\n" % (len(content), content))

    def end(self, content: bytes) -> None:
        """Sends the last part, and closes the connection when the client has read it."""
        if content:
            self.send(content)
        self._transport.write(b"0\r\n\r\n")
        self._transport.close()
        self._start_timer()

    def pause_writing(self) -> None:
        self.is_paused = True
        self._start_timer()

    def resume_writing(self) -> None:
        self.is_paused = False
        self._stop_timer()
        self._stream.send_next()

    def eof_received(self) -> bool:
        """Closes the connection: its client sends nothing else, so it has closed its side, too."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's
        self._stop_timer()
        self._connections.discard(self)
        self._stream.lose_connection()

    def shutdown(self) -> None:
        """Closes the connection: uvicorn calls it when the server stops."""
        self._transport.close()

    def _start_timer(self) -> None:
        if self._ending is None:
            self._ending = Timer(self._loop, self._send_seconds, self._transport.abort)

    def _stop_timer(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

"""The protocol of a connection that sends an event stream, and nothing else any more."""

import asyncio
from typing import Any

from .event_stream import EventStream
from .small_protocol import SmallProtocol


class StreamProtocol(SmallProtocol):
    """One connection after `Protocol`, which has sent the head, has handed it over."""

    __slots__ = ("_stream",)

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        connections: set[Any],
        send_seconds: float,
        stream: EventStream,
    ) -> None:
        super().__init__(transport, loop, connections, send_seconds)
        self._stream = stream
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

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stream.send_next()

    def eof_received(self) -> bool:
        """Closes the connection: its client sends nothing else, so it has closed its side, too."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stream.lose_connection()

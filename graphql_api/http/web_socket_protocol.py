"""uvicorn's WebSocket protocol, with limits for clients that do not read or send too much."""

import logging
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ..settings import Settings
from .timers import Timer

# What uvicorn and the library would log contains addresses, URLs and messages. This logger has no
# parent, and logs nothing.
_SILENT = logging.Logger("silent", logging.CRITICAL + 1)

# Data is read in parts of this size. Of what has arrived at once, this many frames are answered: a
# frame may have six bytes, and each takes as long as some thousand bytes of one long frame.
_PART_BYTES = 4096
_MOST_FRAMES = 500
_POLICY_VIOLATION = 1008


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket. It ends if the client does not read in time, or sends very many frames."""

    def __init__(self, settings: Settings, **of_uvicorn: Any) -> None:  # noqa: ANN401  # passed on unread
        super().__init__(**of_uvicorn)
        self.logger = self.conn.logger = _SILENT
        self.conn.debug = False
        self._send_seconds = settings.send_seconds
        self._sending: Timer | None = None

    def data_received(self, data: bytes) -> None:
        frames = 0
        for start in range(0, len(data), _PART_BYTES):
            self.conn.receive_data(data[start : start + _PART_BYTES])
            if self.conn.parser_exc is not None:
                self.handle_parser_exception()
                return
            frames += len(self.conn.events)
            self.handle_events()
            if frames > _MOST_FRAMES:
                self.conn.fail(_POLICY_VIOLATION, "Too many frames")
                self.transport.write(b"".join(self.conn.data_to_send()))
                self.close_sent = True
                self.transport.close()
                return
        if not self.writable.is_set():
            # Each ping has an answer, which this client would not read.
            self.transport.pause_reading()

    async def send(self, message: Any) -> None:  # noqa: ANN401  # ASGI's, which uvicorn checks
        """Raises `OSError` if the connection ends, also if the protocol itself has closed it."""
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._sending = Timer(self.loop, self._send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_timer()
        if not self.read_paused:
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

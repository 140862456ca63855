"""uvicorn's WebSocket protocol, with a limit for clients that do not read."""

import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ..settings import Settings
from .timers import Timer

# What uvicorn and the library would log contains addresses, URLs and messages. This logger has no
# parent, and logs nothing.
_SILENT = logging.Logger("silent", logging.CRITICAL + 1)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket. It ends if the client does not read in time."""

    def __init__(self, settings: Settings, **of_uvicorn: Any) -> None:  # noqa: ANN401  # passed on unread
        super().__init__(**of_uvicorn)
        self.logger = self.conn.logger = _SILENT
        self.conn.debug = False
        self._send_seconds = settings.send_seconds
        self._sending: Timer | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._sending = Timer(self.loop, self._send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

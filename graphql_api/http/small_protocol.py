"""The protocol of a connection that another protocol has opened and handed over."""

import asyncio
from typing import Any

from .timers import Timer


class SmallProtocol(asyncio.Protocol):
    """One connection. It is small, because there may be thousands, and each may last for days.

    It ends if the client does not read in time.
    """

    __slots__ = (
        "_connections",
        "_ending",
        "_loop",
        "_send_seconds",
        "_transport",
        "is_paused",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        connections: set[Any],
        send_seconds: float,
    ) -> None:
        """Takes the connection over. `connections` are those that uvicorn ends when it stops."""
        self._transport = transport
        self._loop = loop
        self._connections = connections
        self._send_seconds = send_seconds
        # Ends the connection if the client does not read.
        self._ending: Timer | None = None
        self.is_paused = False
        connections.add(self)
        transport.set_protocol(self)

    def pause_writing(self) -> None:
        self.is_paused = True
        self._start_timer()

    def resume_writing(self) -> None:
        self.is_paused = False
        self._stop_timer()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's
        self._stop_timer()
        self._connections.discard(self)

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

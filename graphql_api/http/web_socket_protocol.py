"""The protocols of a WebSocket's connection: uvicorn's for the handshake, then a small one."""

import asyncio
import logging
from functools import lru_cache
from typing import Any, cast

from starlette.types import Scope
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side, State

from ..settings import Settings
from .event_stream import MOST_GROUPS
from .exchange import exchange_of
from .small_protocol import SmallProtocol
from .timers import Timer
from .web_socket import Session

# What uvicorn and the library would log contains addresses, URLs and messages. This logger has no
# parent, and logs nothing.
_SILENT = logging.Logger("silent", logging.CRITICAL + 1)

# Data is read in parts of this size. Of what has arrived at once, this many frames are answered: a
# frame may have six bytes, and each takes as long as some thousand bytes of one long frame.
_PART_BYTES = 4096
_MOST_FRAMES = 500

# How often a client is asked whether it is still there. It must answer before the next time.
_PING_SECONDS = 20.0


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """The opening handshake of a WebSocket, whose connection is then handed over."""

    def __init__(self, settings: Settings, **of_uvicorn: Any) -> None:  # noqa: ANN401  # passed on unread
        super().__init__(**of_uvicorn)
        self.logger = self.conn.logger = _SILENT
        self.conn.debug = False
        # `OpenWebSocket` has its own.
        self.ping_interval = None
        self._settings = settings
        # What the client has sent behind the handshake, before the server accepted.
        self._early = b""

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:
            super().data_received(data)
        elif data:
            self._early += data
            self.transport.pause_reading()

    async def run_asgi(self) -> None:
        """As uvicorn's, but the connection stays open if it was accepted.

        The application itself answers and logs every failure.
        """
        await self.app(self.scope, self.receive, self.send)
        if not self.handshake_complete:
            self.send_500_response()
            self.transport.close()

    async def send(self, message: Any) -> None:  # noqa: ANN401  # ASGI's, which uvicorn checks
        """Raises `OSError` if the connection ends."""
        await super().send(message)
        if message["type"] != "websocket.accept":
            return
        scope = cast("Scope", self.scope)
        session = cast("Session", exchange_of(scope).stream)
        self.connections.discard(self)
        protocol = OpenWebSocket(
            self.transport, self.loop, self.connections, self._settings, session
        )
        # It refers to itself.
        self.conn.parser.close()
        self.transport.resume_reading()
        protocol.data_received(self._early)


class OpenWebSocket(SmallProtocol):
    """An open WebSocket. It ends if the client sends very many frames, or answers no ping."""

    __slots__ = ("_awaits_pong", "_is_text", "_message", "_parser", "_pinging", "_session")

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        connections: set[Any],
        settings: Settings,
        session: Session,
    ) -> None:
        super().__init__(transport, loop, connections, settings.send_seconds)
        self._parser = Protocol(Side.SERVER, max_size=settings.max_body_bytes, logger=_SILENT)
        # The parts of the current message that have arrived.
        self._message = bytearray()
        self._is_text = False
        self._awaits_pong = False
        self._pinging = Timer(loop, _PING_SECONDS, self._ping)
        self._session = session
        session.continue_on(self)

    # For the session.

    def send(self, text: bytes) -> None:
        """Sends a message. Does nothing if the connection is closing."""
        if self._parser.state is State.OPEN:
            self._parser.send_text(text)
            self._send_frames()

    def send_answers(self, start: bytes, answers: tuple[bytes, ...]) -> None:
        """Does the same with several messages: each is the start, an answer and a brace."""
        if self._parser.state is State.OPEN:
            # The library would frame each message of each subscriber again.
            self._transport.write(start.join(_around_starts(answers, len(start))))

    def close(self, code: int, reason: str) -> None:
        """Closes the connection when the client has answered, or has not answered in time."""
        if self._parser.state is State.OPEN:
            self._parser.send_close(code, reason)
            self._send_frames()
            self._start_timer()

    def read_on(self) -> None:
        """Receives more messages, if the client reads the answers."""
        if not self.is_paused:
            self._transport.resume_reading()

    # For the transport.

    def data_received(self, data: bytes) -> None:
        frames = 0
        for start in range(0, len(data), _PART_BYTES):
            self._parser.receive_data(data[start : start + _PART_BYTES])
            for event in self._parser.events_received():
                frames += 1
                self._handle(cast("Frame", event))
            # Answers to pings and to a closing client.
            self._send_frames()
            if self._parser.close_rcvd is not None or self._parser.parser_exc is not None:
                self._transport.close()
                return
            if frames > _MOST_FRAMES:
                self._fail(CloseCode.POLICY_VIOLATION, "Too many frames")
                return
        if self.is_paused or self._session.is_busy:
            # A client that does not read must not cause more answers.
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._parser.state is not State.OPEN:
            # The client has not answered yet.
            self._start_timer()
        self._session.resume()
        if not self._session.is_busy:
            self.read_on()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._pinging.cancel()
        # It refers to itself.
        self._parser.parser.close()
        self._session.end()

    def shutdown(self) -> None:
        self.close(CloseCode.GOING_AWAY, "Going away")
        super().shutdown()

    def _handle(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.PONG:
                self._awaits_pong = False
                return
            case Opcode.TEXT | Opcode.BINARY:
                self._is_text = frame.opcode is Opcode.TEXT
            case Opcode.PING | Opcode.CLOSE:
                return
        self._message += frame.data
        if frame.fin and self._parser.state is State.OPEN:
            message, self._message = self._message, bytearray()
            try:
                self._session.receive(message.decode() if self._is_text else None)
            except UnicodeDecodeError:
                self._fail(CloseCode.INVALID_DATA, "Invalid UTF-8")

    def _ping(self) -> None:
        if self._awaits_pong:
            self._fail(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")
        elif self._parser.state is State.OPEN:
            self._awaits_pong = True
            self._parser.send_ping(b"")
            self._send_frames()
            self._pinging = Timer(self._loop, _PING_SECONDS, self._ping)

    def _fail(self, code: CloseCode, reason: str) -> None:
        """Closes the connection without an answer of the client."""
        self._parser.fail(code, reason)
        self._send_frames()
        self._transport.close()
        self._start_timer()

    def _send_frames(self) -> None:
        if frames := self._parser.data_to_send():
            self._transport.write(b"".join(frames))


@lru_cache(maxsize=MOST_GROUPS)
def _around_starts(answers: tuple[bytes, ...], start_bytes: int) -> list[bytes]:
    """The frames of messages without their starts: what is before, between and behind these."""
    parts = [b""]
    for answer in answers:
        end = answer + b"}"
        frame = Frame(Opcode.TEXT, bytes(start_bytes) + end).serialize(mask=False)
        parts[-1] += frame[: -start_bytes - len(end)]
        parts.append(end)
    return parts

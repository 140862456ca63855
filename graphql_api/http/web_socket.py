"""GraphQL over WebSocket: the protocol `graphql-transport-ws`."""

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from time import perf_counter
from typing import Any, Protocol

import orjson
import structlog
from graphql import ExecutionResult, OperationType
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import Message, Receive, Scope, Send

from ..access.principal import Principal
from ..customers.event_feed import TooSlow
from ..customers.events import EVENTS_AT_ONCE, Event
from ..deadline import start_deadline
from ..execution.operation import Operation
from ..faults import Fault
from ..logs import stack_frames
from .authentication import Authenticate
from .errors import RequestError, body
from .event_stream import TOO_SLOW, Started
from .exchange import WEBSOCKET, Exchange, exchange_of, request_id
from .graphql import GraphQLEndpoint
from .json_values import from_json
from .subscriptions import SHUTTING_DOWN, TOKEN_ENDED, Ticket
from .timers import Timer

logger = structlog.get_logger()

PROTOCOL = "graphql-transport-ws"

# How long a client may take to introduce itself.
_INIT_SECONDS = 5.0

# The operations of one connection that run at once, and the characters of an operation's id.
_MOST_OPERATIONS = 50
_LONGEST_ID = 255

# The codes with which the protocol, or RFC 6455, closes a connection.
_GOING_AWAY = 1001
_FAULT = 1011
_TRY_AGAIN_LATER = 1013
_INVALID_MESSAGE = 4400
_UNAUTHORIZED = 4401
_FORBIDDEN = 4403
_NO_PROTOCOL = 4406
_INIT_TOO_LATE = 4408
_ID_IN_USE = 4409
_INIT_AGAIN = 4429

_AUTHORIZATION = b"authorization"
# The headers that authentication needs. A connection may last for days, and needs no others.
_LASTING_HEADERS = (_AUTHORIZATION, b"host", b"traceparent")

_FAILURE = RequestError(500, "The server failed. The request is not the cause.")


class _Close(Exception):
    """Ends the connection with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class WebSocketEndpoint:
    """An ASGI application for WebSockets. Pages of origins that are not listed get no access.

    Under our own server, the connection takes the session over when it is accepted, and the
    application returns: an idle WebSocket has no task. Other servers lack this, and the
    application goes on.
    """

    def __init__(
        self,
        endpoint: GraphQLEndpoint,
        authenticate: Authenticate,
        cors_origins: Collection[str] | None,
    ) -> None:
        self._endpoint = endpoint
        self._authenticate = authenticate
        self._origins = cors_origins or ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises `RequestError` if the connection cannot be opened, and `ClientDisconnect`."""
        exchange = exchange_of(scope)
        self._require_origin(exchange)
        await receive()
        accept: Message = {"type": "websocket.accept"}
        refusal = None
        if PROTOCOL in scope["subprotocols"]:
            accept["subprotocol"] = PROTOCOL
        else:
            refusal = _Close(_NO_PROTOCOL, f"Use the subprotocol {PROTOCOL}.")
        session = Session(self._endpoint, self._authenticate, scope, refusal)
        exchange.stream = session
        try:
            await send(accept)
        except OSError:
            # As ASGI says, for a client that has closed the connection.
            exchange.stream = None
            raise ClientDisconnect from None
        if not session.has_begun:
            await _AsgiConnection(receive, send).run(session)

    def _require_origin(self, exchange: Exchange) -> None:
        """CORS does not apply to WebSockets, so the server itself checks who opens one."""
        origin = exchange.headers.get(b"origin", b"").decode("latin-1")
        host = exchange.headers.get(b"host", b"").decode("latin-1")
        own = origin.partition("://")[2] == host.lower()
        if origin and not own and origin not in self._origins:
            raise RequestError(
                403,
                "Pages of this origin may not open a WebSocket. The operator can list the origin.",
                code="FORBIDDEN",
            )


class Connection(Protocol):
    """The connection of a session. It takes what is sent without waiting."""

    # Whether the client does not read.
    is_paused: bool

    def send(self, text: bytes) -> None:
        """Sends a message. Does nothing if the connection is closing."""

    def send_answers(self, start: bytes, answers: tuple[bytes, ...]) -> None:
        """Does the same with several messages: each is the start, an answer and a brace."""

    def close(self, code: int, reason: str) -> None:
        """Closes the connection."""

    def read_on(self) -> None:
        """Receives more messages."""


class Session:
    """One connection, from its first message to its last.

    The connection calls it. Tasks run only while operations are executed.
    """

    __slots__ = (
        "_authenticate",
        "_began",
        "_endpoint",
        "_exchange",
        "_initializing",
        "_is_acknowledged",
        "_limit",
        "_operations",
        "_refusal",
        "_request",
        "_resumed",
        "_ticket",
        "_waiting",
        "connection",
        "has_begun",
        "is_ended",
    )

    def __init__(
        self,
        endpoint: GraphQLEndpoint,
        authenticate: Authenticate,
        scope: Scope,
        refusal: _Close | None,
    ) -> None:
        """With a `refusal`, the connection is closed as soon as it is open."""
        self._began = perf_counter()
        self._endpoint = endpoint
        self._authenticate = authenticate
        self._exchange = exchange = exchange_of(scope)
        exchange.headers = {
            name: exchange.headers[name] for name in _LASTING_HEADERS if name in exchange.headers
        }
        # The server's own scope has much that nothing needs any more.
        self._request = HTTPConnection(
            {"type": "websocket", "client": scope["client"], "exchange": exchange}
        )
        self._refusal = refusal
        self.connection: Connection
        self._limit: Timer | None = None
        self._ticket: Ticket | None = None
        self._initializing: asyncio.Task[None] | None = None
        # The messages that arrived while the token was checked.
        self._waiting: list[str | None] = []
        # By the ids that the client gave them.
        self._operations: dict[str, asyncio.Task[None] | _Live] = {}
        # Set when the client reads again; None if nothing waits for that.
        self._resumed: asyncio.Event | None = None
        self.has_begun = self._is_acknowledged = self.is_ended = False

    # For the connection.

    def continue_on(self, connection: Connection) -> None:
        """Begins. The connection calls the session from now on."""
        self.has_begun = True
        self.connection = connection
        if self._refusal is not None:
            self._close(self._refusal)
            return
        too_late = _Close(_INIT_TOO_LATE, "Connection initialisation timeout")
        loop = asyncio.get_running_loop()
        self._limit = Timer(loop, _INIT_SECONDS, lambda: self._close(too_late))

    @property
    def is_busy(self) -> bool:
        """Whether it handles no further messages at the moment, so that none should be received."""
        return self._initializing is not None

    def receive(self, text: str | None) -> None:
        """Handles a message, which is None if it is binary."""
        if self.is_busy:
            self._waiting.append(text)
            return
        try:
            self._handle(_object(text))
        except _Close as close:
            self._close(close)

    def resume(self) -> None:
        """Goes on sending: the client reads again."""
        if self._resumed is not None:
            self._resumed.set()
            self._resumed = None
        for operation in list(self._operations.values()):
            if isinstance(operation, _Live):
                operation.send_next()

    def end(self) -> None:
        """Ends all operations, and writes the line of the log: the connection is closing or lost.

        Does nothing if it has ended.
        """
        if self.is_ended:
            return
        self.is_ended = True
        for ending in (self._limit, self._initializing, *self._operations.values()):
            if ending is not None:
                ending.cancel()
        self._operations.clear()
        if self._ticket is not None:
            self._endpoint.subscriptions.release(self._ticket)
        _log(self._exchange, self._began, 101, "GET")

    def _close(self, close: _Close) -> None:
        if not self.is_ended:
            self._exchange.outcome = str(close.code)
            self.connection.close(close.code, close.reason)
            self.end()

    def _handle(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "connection_init"}:
                self._start_initializing(message.get("payload"))
            case {"type": "ping"}:
                self._send({**message, "type": "pong"})
            case {"type": "pong"}:
                pass
            case {"type": "subscribe", "id": str(id_), "payload": dict(payload)} if (
                0 < len(id_) <= _LONGEST_ID
            ):
                self._start(id_, payload)
            case {"type": "complete", "id": str(id_)}:
                if (operation := self._operations.pop(id_, None)) is not None:
                    operation.cancel()
            case _:
                raise _Close(_INVALID_MESSAGE, "Invalid message")

    # The beginning.

    def _start_initializing(self, payload: object) -> None:
        if self._is_acknowledged:
            raise _Close(_INIT_AGAIN, "Too many initialisation requests")
        if not isinstance(payload, dict | None):
            raise _Close(_INVALID_MESSAGE, "Invalid message")
        for name, value in (payload or {}).items():
            if name.lower() == "authorization" and isinstance(value, str):
                given = value.encode("latin-1", "replace")
                self._exchange.headers = {**self._exchange.headers, _AUTHORIZATION: given}
        self._initializing = asyncio.create_task(self._initialize())

    async def _initialize(self) -> None:
        start_deadline()
        try:
            principal = await self._authenticate(self._request)
            self._ticket = self._endpoint.subscriptions.admit(self._request, principal)
        except RequestError as error:
            self._close(_closing(error))
            return
        except Exception as error:  # noqa: BLE001  # nothing waits for this task
            logger.error("The server failed.", exception=stack_frames(error))  # noqa: TRY400  # no texts
            self._close(_Close(_FAULT, "The server failed"))
            return
        self._exchange.client = principal.id.partition(":")[0]
        assert self._limit is not None  # noqa: S101  # it runs since the connection is open
        self._limit.cancel()
        self._limit = None
        self._ticket.on_end(self._end_later)
        self._is_acknowledged = True
        self._send({"type": "connection_ack"})
        self._initializing = None
        waiting, self._waiting = self._waiting, []
        for text in waiting:
            self.receive(text)
        self.connection.read_on()

    def _end_later(self, reason: RequestError) -> None:
        """Closes the connection after its subscriptions, which end for the same reason."""
        asyncio.get_running_loop().call_soon(self._close, _closing(reason))

    # Operations.

    def _start(self, id_: str, payload: dict[str, Any]) -> None:
        if not self._is_acknowledged:
            raise _Close(_UNAUTHORIZED, "Unauthorized")
        if id_ in self._operations:
            raise _Close(_ID_IN_USE, f"Subscriber for {id_[:64]} already exists")
        if len(self._operations) >= _MOST_OPERATIONS:
            raise _Close(_TRY_AGAIN_LATER, "Too many operations")
        self._operations[id_] = asyncio.create_task(self._answer(id_, payload))

    async def _answer(self, id_: str, payload: dict[str, Any]) -> None:
        """Executes an operation, and sends its answers. Each has its own line in the log."""
        began = perf_counter()
        exchange = Exchange(request_id(), self._exchange.headers, self._exchange.client)
        exchange.measurements = self._exchange.measurements
        if (tracing := self._exchange.tracing) is not None:
            exchange.trace = tracing.message("/graphql", exchange.headers)
        is_live = False
        try:
            start_deadline()
            # Each operation counts as a request.
            principal = await self._authenticate(self._request)
            found = await self._endpoint.find(self._request, principal, payload, exchange)
            if isinstance(found, list):
                self._fail(id_, found, exchange)
                return
            operation, variables = found
            if operation.type is OperationType.SUBSCRIPTION:
                live = _Live(self, id_, exchange, began)
                is_live = await self._subscribe(live, principal, operation, variables)
                return
            content = await self._endpoint.content(operation, variables, principal, exchange)
            if "data" in content:
                self.connection.send(_start_of_answers(id_) + body(content, exchange) + b"}")
                self._send({"id": id_, "type": "complete"})
            else:
                self._fail(id_, content["errors"], exchange)
        except TooSlow:
            self.fail(id_, TOO_SLOW, exchange)
        except RequestError as error:
            self.fail(id_, error, exchange)
        except asyncio.CancelledError:
            exchange.outcome = "disconnected"
            raise
        except Exception as error:  # noqa: BLE001  # the client hears of every failure
            logger.error("The server failed.", exception=stack_frames(error))  # noqa: TRY400  # no texts
            self.fail(id_, _FAILURE, exchange)
        finally:
            if not is_live:
                if self._operations.get(id_) is asyncio.current_task():
                    del self._operations[id_]
                _log(exchange, began, 200, WEBSOCKET)

    async def _subscribe(
        self,
        live: "_Live",
        principal: Principal,
        operation: Operation,
        variables: dict[str, Any] | None,
    ) -> bool:
        """Begins a subscription, and sends what the history has. The feed calls it from then on.

        Returns false if it cannot begin. Raises `RequestError`, and `TooSlow`.
        """
        started = await self._endpoint.subscribe(self._request, principal, operation, variables)
        if isinstance(started, ExecutionResult):
            self._fail(live.id, [error.formatted for error in started.errors or ()], live.exchange)
            return False
        try:
            while not started.follower.is_live:
                start_deadline()
                for event in await started.follower.next():
                    live.send((event,), started)
                    await self._until_read()
        except Fault as fault:
            started.end()
            raise RequestError(503, fault.advice, code=fault.code) from None
        except BaseException:
            started.end()
            raise
        if live.exchange.trace is not None:
            # The subscription may last for days.
            live.exchange.trace.end(200, live.exchange.outcome)
        self._operations[live.id] = live
        live.follow(started)
        return True

    async def _until_read(self) -> None:
        """Waits while the client does not read."""
        if self.connection.is_paused:
            self._resumed = self._resumed or asyncio.Event()
            await self._resumed.wait()

    def fail(self, id_: str, reason: RequestError, exchange: Exchange) -> None:
        """Ends an operation for this reason."""
        self._operations.pop(id_, None)
        exchange.outcome = reason.code
        # For these reasons, the connection is closed, so that the client connects again.
        if reason not in (SHUTTING_DOWN, TOKEN_ENDED):
            self._fail(id_, [reason.formatted], exchange)

    def _fail(self, id_: str, errors: Sequence[Mapping[str, Any]], exchange: Exchange) -> None:
        exchange.fail(errors)
        self._send({"id": id_, "type": "error", "payload": errors})

    def _send(self, message: dict[str, Any]) -> None:
        self.connection.send(orjson.dumps(message))


class _Live:
    """A subscription that needs nothing but the feed, which calls it. It has no task."""

    __slots__ = ("_began", "_is_ended", "_session", "_start", "_started", "exchange", "id")

    def __init__(self, session: Session, id_: str, exchange: Exchange, began: float) -> None:
        self._session = session
        self.id = id_
        self._start = _start_of_answers(id_)
        self.exchange = exchange
        self._began = began
        self._is_ended = False

    def send(self, events: tuple[Event, ...], started: Started) -> None:
        """Sends the answers to events."""
        answers = started.answers.get(events, started.asked, self.exchange)
        self._session.connection.send_answers(self._start, answers)

    def follow(self, started: Started) -> None:
        """Sends what the feed has from now on."""
        self._started = started
        started.follower.on_wake(self.send_next)
        # Events may have arrived since the last look.
        asyncio.get_running_loop().call_soon(self.send_next)

    def send_next(self) -> None:
        """Sends what has happened. Does nothing while the client does not read."""
        if self._is_ended or self._session.connection.is_paused:
            return
        follower = self._started.follower
        try:
            if events := follower.take(EVENTS_AT_ONCE):
                self.send(events, self._started)
        except TooSlow:
            self._fail(TOO_SLOW)
        except RequestError as reason:
            self._fail(reason)
        except Exception as error:  # noqa: BLE001  # it must not end the feed, which calls this
            logger.error("The server failed.", exception=stack_frames(error))  # noqa: TRY400  # no texts
            self._fail(_FAILURE)
        else:
            if follower.is_behind:
                asyncio.get_running_loop().call_soon(self.send_next)

    def cancel(self) -> None:
        """Ends the subscription, for its client or with the connection. It is called once."""
        self._is_ended = True
        self._started.end()
        if self._session.is_ended:
            self.exchange.lose_client()
        _log(self.exchange, self._began, 200, WEBSOCKET)

    def _fail(self, reason: RequestError) -> None:
        self._session.fail(self.id, reason, self.exchange)
        self.cancel()


class _AsgiConnection:
    """The connection of a session under another server than our own."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send_message = send
        self._unsent: asyncio.Queue[Message] = asyncio.Queue()
        self._may_read = asyncio.Event()
        self.is_paused = False

    async def run(self, session: Session) -> None:
        """Serves until one of both sides closes the connection."""
        session.continue_on(self)
        halves = [
            asyncio.create_task(self._receive_all(session)),
            asyncio.create_task(self._send_all(session)),
        ]
        try:
            await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for half in halves:
                half.cancel()
            session.end()

    def send(self, text: bytes) -> None:
        self._put({"type": "websocket.send", "text": text.decode()})

    def send_answers(self, start: bytes, answers: tuple[bytes, ...]) -> None:
        for answer in answers:
            self.send(start + answer + b"}")

    def close(self, code: int, reason: str) -> None:
        self._put({"type": "websocket.close", "code": code, "reason": reason})

    def read_on(self) -> None:
        self._may_read.set()

    def _put(self, message: Message) -> None:
        self.is_paused = True
        self._unsent.put_nowait(message)

    async def _receive_all(self, session: Session) -> None:
        while (message := await self._receive())["type"] == "websocket.receive":
            self._may_read.clear()
            session.receive(message.get("text"))
            if session.is_busy:
                await self._may_read.wait()
            # A client that does not read must not cause more answers.
            await self._unsent.join()

    async def _send_all(self, session: Session) -> None:
        type_ = ""
        # The client may have gone.
        with contextlib.suppress(OSError):
            while type_ != "websocket.close":
                message = await self._unsent.get()
                await self._send_message(message)
                self._unsent.task_done()
                type_ = message["type"]
                if self._unsent.empty():
                    self.is_paused = False
                    session.resume()


def _start_of_answers(id_: str) -> bytes:
    """What each message with an answer of this operation begins with. The answer follows."""
    return b'{"id":%s,"type":"next","payload":' % orjson.dumps(id_)


def _object(text: str | None) -> dict[str, Any]:
    """The JSON object of a message."""
    with contextlib.suppress(ValueError, RecursionError):
        value = from_json((text or "").encode())
        if isinstance(value, dict):
            return value
    raise _Close(_INVALID_MESSAGE, "Invalid message")


def _closing(reason: RequestError) -> _Close:
    """How a connection is closed that is rejected, or that must end."""
    match reason.code:
        case "UNAUTHENTICATED" | "FORBIDDEN":
            return _Close(_FORBIDDEN, "Forbidden")
        case "SHUTTING_DOWN":
            return _Close(_GOING_AWAY, "Going away")
        case _:
            return _Close(_TRY_AGAIN_LATER, "Try again later")


def _log(exchange: Exchange, began: float, status: int, method: str) -> None:
    duration = round((perf_counter() - began) * 1000, 3)
    exchange.log(status=status, method=method, path="/graphql", duration_ms=duration)

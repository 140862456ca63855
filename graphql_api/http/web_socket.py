"""GraphQL over WebSocket: the protocol `graphql-transport-ws`."""

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from time import perf_counter
from typing import Any

import orjson
import structlog
from graphql import ExecutionResult, OperationType
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import Receive, Scope, Send

from ..access.principal import Principal
from ..customers.event_feed import TooSlow
from ..deadline import start_deadline
from ..execution.operation import Operation
from ..faults import Fault
from ..logs import stack_frames
from .authentication import Authenticate
from .errors import RequestError, body
from .event_stream import TOO_SLOW
from .exchange import WEBSOCKET, Exchange, exchange_of, request_id
from .graphql import GraphQLEndpoint
from .json_values import from_json
from .subscriptions import SHUTTING_DOWN, TOKEN_ENDED, Ticket

logger = structlog.get_logger()

PROTOCOL = "graphql-transport-ws"

# How long a client may take to introduce itself.
_INIT_SECONDS = 5.0

# The operations of one connection that run at once, and the characters of an operation's id.
_MOST_OPERATIONS = 50
_LONGEST_ID = 255

# The codes with which the protocol, or RFC 6455, closes a connection.
_GOING_AWAY = 1001
_TRY_AGAIN_LATER = 1013
_INVALID_MESSAGE = 4400
_UNAUTHORIZED = 4401
_FORBIDDEN = 4403
_NO_PROTOCOL = 4406
_INIT_TOO_LATE = 4408
_ID_IN_USE = 4409
_INIT_AGAIN = 4429

_AUTHORIZATION = b"authorization"


class _Close(Exception):
    """Ends the connection with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class WebSocketEndpoint:
    """An ASGI application for WebSockets. Pages of origins that are not listed get no access."""

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
        connection = HTTPConnection(scope)
        self._require_origin(exchange_of(scope))
        await receive()
        if PROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            close = {"code": _NO_PROTOCOL, "reason": f"Use the subprotocol {PROTOCOL}."}
            await send({"type": "websocket.close", **close})
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        session = _Session(self._endpoint, self._authenticate, connection, receive, send)
        await session.run()

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


class _Session:
    """One connection, from its first message to its last."""

    def __init__(
        self,
        endpoint: GraphQLEndpoint,
        authenticate: Authenticate,
        connection: HTTPConnection,
        receive: Receive,
        send: Send,
    ) -> None:
        self._endpoint = endpoint
        self._authenticate = authenticate
        self._connection = connection
        self._receive = receive
        self._send_message = send
        self._exchange = exchange_of(connection.scope)
        self._limit = asyncio.timeout(_INIT_SECONDS)
        self._is_initialized = self._is_acknowledged = False
        self._ticket: Ticket | None = None
        # By the ids that the client gave them.
        self._operations: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Answers messages until one of both sides closes the connection."""
        try:
            async with self._limit:
                while (message := await self._receive())["type"] == "websocket.receive":
                    await self._handle(_object(message))
        except TimeoutError:
            close = _Close(_INIT_TOO_LATE, "Connection initialisation timeout")
            if self._ticket is not None and self._ticket.reason is not None:
                close = _closing(self._ticket.reason)
            await self._close(close)
        except _Close as close:
            await self._close(close)
        except ClientDisconnect:
            pass
        finally:
            running = list(self._operations.values())
            for operation in running:
                operation.cancel()
            if running:
                await asyncio.wait(running)
            if self._ticket is not None:
                self._endpoint.subscriptions.release(self._ticket)

    async def _close(self, close: _Close) -> None:
        self._exchange.outcome = str(close.code)
        with contextlib.suppress(OSError):
            message = {"code": close.code, "reason": close.reason}
            await self._send_message({"type": "websocket.close", **message})

    async def _handle(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "connection_init"}:
                await self._initialize(message.get("payload"))
            case {"type": "ping"}:
                await self._send({**message, "type": "pong"})
            case {"type": "pong"}:
                pass
            case {"type": "subscribe", "id": str(id_), "payload": dict(payload)} if (
                0 < len(id_) <= _LONGEST_ID
            ):
                await self._start(id_, payload)
            case {"type": "complete", "id": str(id_)}:
                if (operation := self._operations.pop(id_, None)) is not None:
                    operation.cancel()
            case _:
                raise _Close(_INVALID_MESSAGE, "Invalid message")

    async def _initialize(self, payload: object) -> None:
        if self._is_initialized:
            raise _Close(_INIT_AGAIN, "Too many initialisation requests")
        if not isinstance(payload, dict | None):
            raise _Close(_INVALID_MESSAGE, "Invalid message")
        self._is_initialized = True
        for name, value in (payload or {}).items():
            if name.lower() == "authorization" and isinstance(value, str):
                given = value.encode("latin-1", "replace")
                self._exchange.headers = {**self._exchange.headers, _AUTHORIZATION: given}
        start_deadline()
        try:
            principal = await self._authenticate(self._connection)
            self._ticket = self._endpoint.subscriptions.admit(self._connection, principal)
        except RequestError as error:
            raise _closing(error) from None
        self._exchange.client = principal.id.partition(":")[0]
        self._limit.reschedule(None)
        self._ticket.on_end(self._end)
        self._is_acknowledged = True
        await self._send({"type": "connection_ack"})

    def _end(self, _reason: RequestError) -> None:
        """Lets `run` close the connection."""
        with contextlib.suppress(RuntimeError):
            # It may be ending already.
            self._limit.reschedule(asyncio.get_running_loop().time())

    async def _start(self, id_: str, payload: dict[str, Any]) -> None:
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
        try:
            start_deadline()
            # Each operation counts as a request.
            principal = await self._authenticate(self._connection)
            found = await self._endpoint.find(self._connection, principal, payload, exchange)
            if isinstance(found, list):
                await self._fail(id_, found, exchange)
                return
            operation, variables = found
            if operation.type is OperationType.SUBSCRIPTION:
                await self._stream(id_, principal, operation, variables, exchange)
                return
            content = await self._endpoint.content(operation, variables, principal, exchange)
            self._operations.pop(id_, None)
            if "data" in content:
                await self._send_answer(id_, body(content, exchange))
                await self._send({"id": id_, "type": "complete"})
            else:
                await self._fail(id_, content["errors"], exchange)
        except RequestError as error:
            if error in (SHUTTING_DOWN, TOKEN_ENDED):
                # `run` closes the connection, so that the client connects again.
                exchange.outcome = error.code
            else:
                await self._fail(id_, [error.formatted], exchange)
        except ClientDisconnect:
            exchange.outcome = "disconnected"
        except Exception as error:  # noqa: BLE001  # the client hears of every failure
            logger.error("The server failed.", exception=stack_frames(error))  # noqa: TRY400  # no texts
            failure = RequestError(500, "The server failed. The request is not the cause.")
            await self._fail(id_, [failure.formatted], exchange)
        finally:
            if self._operations.get(id_) is asyncio.current_task():
                del self._operations[id_]
            duration = round((perf_counter() - began) * 1000, 3)
            exchange.log(status=200, method=WEBSOCKET, path="/graphql", duration_ms=duration)

    async def _stream(
        self,
        id_: str,
        principal: Principal,
        operation: Operation,
        variables: dict[str, Any] | None,
        exchange: Exchange,
    ) -> None:
        started = await self._endpoint.subscribe(self._connection, principal, operation, variables)
        if isinstance(started, ExecutionResult):
            errors = [error.formatted for error in started.errors or ()]
            await self._fail(id_, errors, exchange)
            return
        try:
            while True:
                start_deadline()
                for event in await started.follower.next():
                    answer = started.answers.get(event, started.asked, exchange)
                    await self._send_answer(id_, answer.json)
        except TooSlow:
            raise TOO_SLOW from None
        except Fault as fault:
            raise RequestError(503, fault.advice, code=fault.code) from None
        finally:
            started.end()

    async def _fail(
        self, id_: str, errors: Sequence[Mapping[str, Any]], exchange: Exchange
    ) -> None:
        self._operations.pop(id_, None)
        exchange.fail(errors)
        with contextlib.suppress(ClientDisconnect):
            await self._send({"id": id_, "type": "error", "payload": errors})

    async def _send(self, message: dict[str, Any]) -> None:
        await self._send_text(orjson.dumps(message))

    async def _send_answer(self, id_: str, json: bytes) -> None:
        """Sends an answer, which is JSON already."""
        await self._send_text(b'{"id":%s,"type":"next","payload":%s}' % (orjson.dumps(id_), json))

    async def _send_text(self, text: bytes) -> None:
        try:
            await self._send_message({"type": "websocket.send", "text": text.decode()})
        except OSError:
            # As ASGI says, for a client that has closed the connection.
            raise ClientDisconnect from None


def _object(message: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object of a message."""
    with contextlib.suppress(ValueError, RecursionError):
        value = from_json((message.get("text") or "").encode())
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

"""The outermost middleware: every answer has a request id and security headers, and is logged."""

import asyncio
from collections.abc import Collection
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..logs import stack_frames
from ..metrics.measurements import Measurements
from .cors import cors_headers
from .errors import JSON, RequestError, body, error_response, retry_later
from .exchange import Exchange, request_id
from .headers import combined, require_host, require_supported_coding

if TYPE_CHECKING:
    from ..tracing.tracing import Tracing

logger = structlog.get_logger()

SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
_SECURITY_HEADER_NAMES = {name for name, _ in SECURITY_HEADERS}


class Edge:
    """ASGI middleware that answers every failure of the application, and logs every request.

    `own_paths` are the paths that the log may contain; any other path may hold anything. The log
    has the place of a failure, and never its message. With `cors_origins` every answer has the
    CORS headers. With `measurements` every request is counted, and with `tracing` it has a span.
    """

    def __init__(
        self,
        app: ASGIApp,
        own_paths: Collection[str] = (),
        cors_origins: Collection[str] | None = None,
        measurements: Measurements | None = None,
        tracing: "Tracing | None" = None,
    ) -> None:
        self._app = app
        self._own_paths = own_paths
        self._cors_origins = cors_origins
        self._measurements = measurements
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._web_socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        exchange = self._begin(scope)
        received = exchange.headers
        named = (b"x-request-id", exchange.request_id.encode("ascii"))
        status: int | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # A header of the answer itself has priority: files may be cached, for example.
                given = {name for name, _ in message["headers"]}
                added = SECURITY_HEADERS
                if not given.isdisjoint(_SECURITY_HEADER_NAMES):
                    added = [header for header in added if header[0] not in given]
                if self._cors_origins is not None:
                    origin = exchange.headers.get(b"origin")
                    added = [*added, *cors_headers(self._cors_origins, origin)]
                message["headers"] = [*message["headers"], named, *added]
            await send(message)

        failure: RequestError | None = None
        try:
            if len(received) < len(scope["headers"]):
                exchange.headers = combined(scope["headers"])
                scope["headers"] = list(exchange.headers.items())
            require_host(received, scope["http_version"])
            require_supported_coding(exchange.headers)
            await self._app(scope, receive, send_with_headers)
        except RequestError as rejection:
            failure = rejection
        except ClientDisconnect:
            exchange.outcome = "disconnected"
        except asyncio.CancelledError:
            # The server stops, and has waited for this request long enough.
            failure = retry_later(
                503,
                "The server stopped before it finished the request. Send the request again. A "
                "mutation may or may not have taken effect: send a creation with the same "
                "idempotency key.",
                "SHUTTING_DOWN",
            )
        except Exception as error:  # noqa: BLE001  # every failure is answered and logged
            logger.error("The server failed.", exception=stack_frames(error))  # noqa: TRY400  # no texts
            failure = RequestError(500, "The server failed. The request is not the cause.")
        finally:
            if self._measurements is not None:
                self._measurements.requests_in_progress -= 1
        if failure is not None:
            # It notes the error, also if it only ends an answer that has begun, such as an export.
            answer = error_response(failure, exchange)
            if status is None:
                await answer(scope, receive, send_with_headers)
        if exchange.stream is not None:
            return
        exchange.log(
            status=status,
            method=scope["method"],
            path=scope["path"] if scope["path"] in self._own_paths else None,
            duration_ms=round((perf_counter() - began) * 1000, 3),
        )

    def _begin(self, scope: Scope) -> Exchange:
        received = dict(scope["headers"])
        exchange = Exchange(
            request_id(received.get(b"x-request-id")),
            received,
            measurements=self._measurements,
            tracing=self._tracing,
        )
        scope["exchange"] = exchange
        structlog.contextvars.bind_contextvars(request_id=exchange.request_id)
        if self._measurements is not None and scope["type"] == "http":
            self._measurements.requests_in_progress += 1
        if self._tracing is not None and scope["type"] == "http":
            path = scope["path"] if scope["path"] in self._own_paths else None
            exchange.trace = self._tracing.request(scope["method"], path, scope["scheme"], received)
        return exchange

    async def _web_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As above, for a WebSocket, which is logged when it ends."""
        began = perf_counter()
        exchange = self._begin(scope)
        received = exchange.headers
        named = (b"x-request-id", exchange.request_id.encode("ascii"))
        status = HTTPStatus.SWITCHING_PROTOCOLS
        try:
            exchange.headers = combined(scope["headers"])
            require_host(received, scope["http_version"])
            await self._app(scope, receive, send)
        except RequestError as error:
            status = HTTPStatus(error.status_code)
            content = body({"errors": [error.formatted]}, exchange)
            given = [(b"content-type", JSON.encode()), named, *SECURITY_HEADERS]
            start = {"type": "websocket.http.response.start", "status": int(status)}
            await send({**start, "headers": given})
            await send({"type": "websocket.http.response.body", "body": content})
        except (asyncio.CancelledError, ClientDisconnect):
            exchange.outcome = "disconnected"
        except Exception as error:  # noqa: BLE001  # every failure is logged
            logger.error("The server failed.", exception=stack_frames(error))  # noqa: TRY400  # no texts
            exchange.outcome = "INTERNAL_SERVER_ERROR"
        if exchange.stream is not None:
            return
        exchange.log(
            status=status,
            method="GET",
            path=scope["path"] if scope["path"] in self._own_paths else None,
            duration_ms=round((perf_counter() - began) * 1000, 3),
        )

"""CORS: scripts of the origins that the operator lists may call the API, and no others."""

from collections.abc import Collection

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .exchange import exchange_of

# Tracing libraries add the headers of the third line, and GraphQL clients those of the last two.
_ALLOWED_HEADERS = (
    *("Accept", "Accept-Language", "Content-Language", "Content-Type"),
    *("Authorization", "Idempotency-Key", "Last-Event-ID", "X-Request-ID"),
    *("traceparent", "tracestate", "baggage", "sentry-trace"),
    *("apollographql-client-name", "apollographql-client-version", "Apollo-Require-Preflight"),
    *("graphql-client-name", "graphql-client-version"),
)


def cors_headers(origins: Collection[str], origin: bytes | None) -> list[tuple[bytes, bytes]]:
    """The headers of every answer, also of a rejection, if the operator lists origins.

    `origin` is the request's header `Origin`.
    """
    vary = (b"vary", b"Origin")
    if origin is None or origin.decode("latin-1") not in origins:
        return [vary]
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"Retry-After, X-Request-ID"),
        vary,
    ]


class Preflights:
    """ASGI middleware that answers preflights: browsers send them before a script's request.

    The answer allows the methods and headers. `cors_headers`, which every answer has, allows the
    origin.
    """

    def __init__(self, app: ASGIApp, further_headers: Collection[str]) -> None:
        self._app = app
        self._headers = {
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": ", ".join((*_ALLOWED_HEADERS, *further_headers)),
            "Access-Control-Max-Age": "600",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            received = exchange_of(scope).headers
            if b"origin" in received and b"access-control-request-method" in received:
                await Response(status_code=204, headers=self._headers)(scope, receive, send)
                return
        await self._app(scope, receive, send)

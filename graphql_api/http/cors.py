"""Lets scripts of the origins that the operator lists call the API, and of no other one."""

from collections.abc import Collection

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .exchange import exchange_of

# The third line is what libraries for traces add by themselves; the last two, GraphQL clients.
_ALLOWED_HEADERS = (
    *("Accept", "Accept-Language", "Content-Language", "Content-Type"),
    *("Authorization", "Idempotency-Key", "X-Request-ID"),
    *("traceparent", "tracestate", "baggage", "sentry-trace"),
    *("apollographql-client-name", "apollographql-client-version", "Apollo-Require-Preflight"),
    *("graphql-client-name", "graphql-client-version"),
)


def cors_headers(origins: Collection[str], origin: bytes | None) -> list[tuple[bytes, bytes]]:
    """What each answer has, also to a request that is refused, where the operator lists origins."""
    vary = (b"vary", b"Origin")
    if origin is None or origin.decode("latin-1") not in origins:
        return [vary]
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"Retry-After, X-Request-ID"),
        vary,
    ]


class Preflights:
    """ASGI middleware; answers what browsers ask before they send what a script wants to send.

    Whether the script's origin is listed is in the headers that every answer has.
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

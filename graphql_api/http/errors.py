"""What is answered to a request that is refused or fails: always JSON, in GraphQL's own form."""

from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from .exchange import Exchange, exchange_of

JSON = "application/json"

# Codes for programs, in `extensions.code` of an error.
CODES = {
    400: "BAD_REQUEST",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    408: "REQUEST_TIMEOUT",
    413: "CONTENT_TOO_LARGE",
    414: "URI_TOO_LONG",
    415: "UNSUPPORTED_MEDIA_TYPE",
    431: "HEADERS_TOO_LARGE",
    500: "INTERNAL_SERVER_ERROR",
    505: "HTTP_VERSION_NOT_SUPPORTED",
}


class RequestError(Exception):
    """A request that is not executed; the message says what to do instead."""

    def __init__(
        self,
        status_code: int,
        message: str,
        headers: dict[str, str] | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.message = message
        self.headers = headers
        self.code = code or CODES[status_code]

    @property
    def formatted(self) -> dict[str, Any]:
        """As it stands among the `errors` of an answer."""
        return {"message": self.message, "extensions": {"code": self.code}}


def body(content: dict[str, Any], exchange: Exchange) -> bytes:
    """A GraphQL answer as JSON; one that has errors names its request, and so does the log."""
    if "errors" in content:
        content["extensions"] = {"requestId": exchange.request_id}
        exchange.outcome = content["errors"][0]["extensions"]["code"]
    return orjson.dumps(content)


def error_response(error: RequestError, exchange: Exchange, media_type: str = JSON) -> Response:
    return Response(
        body({"errors": [error.formatted]}, exchange),
        error.status_code,
        error.headers,
        media_type=f"{media_type}; charset=utf-8",
    )


async def http_exception(request: Request, exception: Exception) -> Response:
    """An `HTTPException` of Starlette's router, in our form."""
    assert isinstance(exception, HTTPException)  # noqa: S101  # Starlette's signature is wider
    message = {
        404: "This path does not exist. GraphQL is at /graphql.",
        405: "This method is not allowed here. Use one that the header Allow lists.",
    }[exception.status_code]
    headers = dict(exception.headers or {})
    error = RequestError(exception.status_code, message, headers)
    return error_response(error, exchange_of(request.scope))

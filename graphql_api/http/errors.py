"""The answers to requests that are rejected or fail: JSON in the form of GraphQL errors."""

from collections.abc import Iterable
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..faults import RETRY_AFTER_SECONDS
from .exchange import Exchange, exchange_of

JSON = "application/json"

# The `extensions.code` of an error, by HTTP status.
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
    501: "NOT_IMPLEMENTED",
    505: "HTTP_VERSION_NOT_SUPPORTED",
}


class RequestError(Exception):
    """A request that is rejected. The message says what is wrong, and what to do.

    `code` is the error's `extensions.code`; without it, the status has one in `CODES`. With
    `retry_after`, in seconds, the error has `extensions.retryAfter` and the answer `Retry-After`.
    """

    def __init__(
        self,
        status_code: int,
        message: str,
        headers: dict[str, str] | None = None,
        code: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.code = code or CODES[status_code]
        extensions: dict[str, Any] = {"code": self.code}
        if retry_after is not None:
            extensions["retryAfter"] = retry_after
        # The error as one of the `errors` of a GraphQL answer.
        self.formatted = {"message": message, "extensions": extensions}
        self.headers = {**(headers or {}), **retry_headers([self.formatted])}


def retry_later(
    status_code: int, message: str, code: str, seconds: int = RETRY_AFTER_SECONDS
) -> RequestError:
    """A rejection of a request that may succeed in some seconds, which the message adds."""
    unit = "second" if seconds == 1 else "seconds"
    return RequestError(
        status_code, f"{message} Retry in {seconds} {unit}.", code=code, retry_after=seconds
    )


def retry_headers(errors: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The header `Retry-After` of an answer with these GraphQL errors.

    It has the longest `extensions.retryAfter`, in seconds; without any there is no header.
    """
    waits = [
        error["extensions"]["retryAfter"]
        for error in errors
        if "retryAfter" in error.get("extensions", ())
    ]
    return {"Retry-After": str(max(waits))} if waits else {}


def body(content: dict[str, Any], exchange: Exchange) -> bytes:
    """A GraphQL answer as JSON.

    If it has `errors`, this adds `extensions.requestId`, and `extensions.traceId` if the server
    sends traces. The exchange notes the errors for the log and the metrics.
    """
    if "errors" in content:
        content["extensions"] = {"requestId": exchange.request_id}
        if exchange.trace is not None:
            content["extensions"]["traceId"] = exchange.trace.id
        exchange.fail(content["errors"])
    return orjson.dumps(content)


def error_response(error: RequestError, exchange: Exchange, media_type: str = JSON) -> Response:
    """The answer to a rejected request."""
    return Response(
        body({"errors": [error.formatted]}, exchange),
        error.status_code,
        error.headers,
        media_type=f"{media_type}; charset=utf-8",
    )


async def http_exception(request: Request, exception: Exception) -> Response:
    """The answer to a path or a method that Starlette's router rejects."""
    assert isinstance(exception, HTTPException)  # noqa: S101  # Starlette's signature is wider
    message = {
        404: "This path does not exist. GraphQL is at /graphql.",
        405: "This method is not allowed here. Use one that the header Allow lists.",
    }[exception.status_code]
    headers = dict(exception.headers or {})
    error = RequestError(exception.status_code, message, headers)
    return error_response(error, exchange_of(request.scope))

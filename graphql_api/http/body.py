"""Reads the body of a request, up to a limit."""

import time

from starlette.requests import ClientDisconnect, Request

from ..deadline import extend_deadline
from .errors import RequestError
from .exchange import exchange_of


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body.

    Raises `RequestError` as soon as the body is known to be longer than `limit` bytes, and
    `ClientDisconnect`. `Protocol` discards the rest of such a body.
    """
    announced = exchange_of(request.scope).headers.get(b"content-length", b"").lstrip(b"0")
    # A number with more digits than the limit is larger, and need not be parsed.
    if len(announced) > len(str(limit)) or (announced.isdigit() and int(announced) > limit):
        raise _too_large(limit)
    body = bytearray()
    more = True
    started = time.monotonic()
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            raise _too_large(limit)
    extend_deadline(time.monotonic() - started)
    return bytes(body)


def _too_large(limit: int) -> RequestError:
    return RequestError(413, f"The body is larger than {limit:,} bytes.")

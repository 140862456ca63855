"""Reads the bodies of requests, up to a limit."""

import time

from starlette.requests import ClientDisconnect, Request

from ..deadline import extend_deadline
from .errors import RequestError, retry_later
from .exchange import exchange_of

# The most large bodies at a time, each until its request is answered. This bounds the memory.
_MAX_LARGE = 4


class LargeBodies:
    """The requests whose bodies are longer than usual. Only a few are admitted at a time."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._requests: set[Request] = set()

    def admit(self, request: Request) -> None:
        """Admits a request until it is discarded. Raises `RequestError` if there are too many."""
        if len(self._requests) == _MAX_LARGE:
            raise retry_later(503, "The server has too many large requests.", "OVERLOADED")
        self._requests.add(request)

    def __contains__(self, request: Request) -> bool:
        return request in self._requests

    def discard(self, request: Request) -> None:
        """Forgets a request, which may have been admitted."""
        self._requests.discard(request)


async def read_body(request: Request, limit: int, large: LargeBodies) -> bytes:
    """The whole body. A request whose body is longer than `limit` bytes must be admitted.

    Raises `RequestError` as soon as the body is known to be longer than any may be, or is not
    admitted, and `ClientDisconnect`. `Protocol` discards the rest of such a body.
    """
    announced = exchange_of(request.scope).headers.get(b"content-length", b"").lstrip(b"0")
    # A number with more digits than the limit is larger, and need not be parsed.
    if len(announced) > len(str(limit)) or (announced.isdigit() and int(announced) > limit):
        if len(announced) > len(str(large.max_bytes)) or int(announced) > large.max_bytes:
            raise too_large(large.max_bytes)
        large.admit(request)
        limit = large.max_bytes
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
            if len(body) > large.max_bytes:
                raise too_large(large.max_bytes)
            large.admit(request)
            limit = large.max_bytes
    extend_deadline(time.monotonic() - started)
    return bytes(body)


def too_large(limit: int) -> RequestError:
    """The rejection of a body that is longer than this limit."""
    return RequestError(413, f"The body is larger than {limit:,} bytes.")

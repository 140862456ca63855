"""Reads the body of a request, up to a limit."""

from starlette.requests import Request

from .errors import RequestError


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises `RequestError` as soon as it is known to be longer than `limit` bytes.

    What was not read by then is not kept: see `Protocol`.
    """
    announced = request.headers.get("content-length", "").lstrip("0")
    # More digits than the limit has make a larger number, and cost nothing.
    if len(announced) > len(str(limit)) or (announced.isdecimal() and int(announced) > limit):
        raise _too_large(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> RequestError:
    return RequestError(413, f"Send at most {limit} bytes.")

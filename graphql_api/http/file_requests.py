"""What the requests for files have in common: their scope, their number and their bodies."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from typing import IO

import structlog
from starlette.requests import ClientDisconnect, Request

from ..access.principal import Principal, Scope
from ..logs import stack_frames
from .authentication import Authenticate
from .body import too_large
from .errors import RequestError, retry_later
from .exchange import exchange_of

logger = structlog.get_logger()

# This much of a file is in memory while the file is received.
_PART_BYTES = 500_000

_UNENCODED = (b"", b"identity")


class Places:
    """The requests of one kind that are answered at a time. Their number bounds their memory."""

    def __init__(self, maximum: int, what: str) -> None:
        """`what` names them in the message of a rejection, such as `imports`."""
        self._free = maximum
        self._what = what

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """A place for one request. Raises `RequestError` if no place is free."""
        if not self._free:
            raise retry_later(503, f"The server has too many {self._what}.", "OVERLOADED", 5)
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


async def principal_with(scope: Scope, authenticate: Authenticate, request: Request) -> Principal:
    """The principal of a request. Raises `RequestError` if it lacks the scope."""
    principal = await authenticate(request)
    exchange_of(request.scope).client = principal.id.partition(":")[0]
    if scope not in principal.scopes:
        raise RequestError(
            403, f"The token lacks the scope {scope}. Send a token that has it.", code="FORBIDDEN"
        )
    return principal


def require_type(request: Request, media_type: str) -> None:
    """Raises `RequestError` if the body has another media type, or is encoded.

    Scripts of other sites cannot send these types to this server, because browsers ask first.
    """
    headers = exchange_of(request.scope).headers
    given = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if given != media_type.encode():
        raise RequestError(
            415, f"The Content-Type is missing or not supported. Send the body as {media_type}."
        )
    if headers.get(b"content-encoding", b"").strip().lower() not in _UNENCODED:
        raise RequestError(
            415,
            "The Content-Encoding is not supported. Send the file as it is, also if it is "
            "compressed.",
            {"Accept-Encoding": "identity"},
        )


@contextlib.asynccontextmanager
async def received_file(request: Request, limit: int) -> AsyncIterator[IO[bytes]]:
    """The body of a request in a temporary file, which is deleted when the context ends.

    Raises `RequestError` if it is longer than `limit` bytes or cannot be stored, and
    `ClientDisconnect`.
    """
    announced = exchange_of(request.scope).headers.get(b"content-length", b"").lstrip(b"0")
    # A number with more digits than the limit is larger, and need not be parsed.
    if len(announced) > len(str(limit)) or (announced.isdigit() and int(announced) > limit):
        raise too_large(limit)
    try:
        file = await asyncio.to_thread(tempfile.TemporaryFile)
    except OSError as error:
        raise _no_room(error) from None
    try:
        await _receive(request, limit, file)
        yield file
    finally:
        # What a full disk did not take is written again here.
        with contextlib.suppress(OSError):
            file.close()


async def _receive(request: Request, limit: int, file: IO[bytes]) -> None:
    """Writes the body to the file, and goes back to its beginning."""
    size = 0
    part = bytearray()
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        received = message.get("body", b"")
        size += len(received)
        if size > limit:
            raise too_large(limit)
        part += received
        more = message.get("more_body", False)
        if len(part) > _PART_BYTES or not more:
            try:
                await asyncio.to_thread(file.write, part)
                if not more:
                    # It writes what is left in the buffer.
                    await asyncio.to_thread(file.seek, 0)
            except OSError as error:
                raise _no_room(error) from None
            part = bytearray()


def _no_room(error: OSError) -> RequestError:
    logger.error("A file to import cannot be stored.", exception=stack_frames(error))  # no texts
    return retry_later(503, "The server cannot store the file.", "UNAVAILABLE", 5)

"""Authentication: an open server accepts every request, others require bearer tokens (RFC 6750)."""

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import HTTPConnection

from ..access.principal import ANYBODY, Principal
from ..faults import Unavailable
from .addresses import client_address, host_name, is_loopback, network
from .errors import RequestError, retry_later
from .exchange import exchange_of
from .rate_limit import RateLimit

_CHALLENGE = 'Bearer realm="graphql-api"'
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,8192}=*")

# How long a token counts as valid after it was verified, and so how long a revoked one still does.
_REMEMBERED_SECONDS = 3.0
_MAX_REMEMBERED = 1024

# Returns the principal of a valid token, and None for any other token. Raises `Unavailable` if it
# cannot check the token.
TokenVerifier = Callable[[str], Awaitable[Principal | None]]


class Authenticate(Protocol):
    """Finds out which client sent a request."""

    async def __call__(self, request: HTTPConnection) -> Principal:
        """The principal of a request, by its headers and its address. Raises `RequestError`."""

    async def is_valid_still(self, authorization: bytes) -> bool:
        """Whether this header `Authorization` of a request that was accepted is valid now.

        True if that cannot be checked at the moment.
        """


class NoAuthentication:
    """Accepts every request, or with `loopback_only` every request of its own machine."""

    def __init__(self, limit: RateLimit, *, loopback_only: bool) -> None:
        self._limit = limit
        self._loopback_only = loopback_only

    async def __call__(self, request: HTTPConnection) -> Principal:
        """Returns `ANYBODY`.

        Raises `RequestError` if the request is from another machine, or exceeds the limit.
        """
        address = client_address(request)
        # Another ASGI server may listen on another address, and a proxy forwards strangers.
        if self._loopback_only and not is_loopback(address):
            raise RequestError(
                403,
                "This server accepts requests from its own machine only.",
                code="FORBIDDEN",
            )
        # Browsers always send it; HTTP/1.0 does not require it.
        host = exchange_of(request.scope).headers.get(b"host", b"localhost")
        # Another site can let its own name resolve to this machine (DNS rebinding). Its scripts
        # could then call the API.
        if self._loopback_only and not is_loopback(host_name(host) or ""):
            raise RequestError(
                403,
                "The header Host does not name this machine. Send the request to localhost.",
                code="FORBIDDEN",
            )
        await self._limit.hit(network(address))
        return ANYBODY

    async def is_valid_still(self, _authorization: bytes) -> bool:
        """Returns true: there are no tokens."""
        return True


class BearerTokens:
    """Accepts requests with a valid token. Others count against the limit of their address."""

    def __init__(self, verifiers: Sequence[TokenVerifier], limit: RateLimit) -> None:
        self._verifiers = verifiers
        self._limit = limit
        # By the tokens' digests, so that no token stays in memory; the oldest first.
        self._remembered: OrderedDict[bytes, _Verified] = OrderedDict()

    async def __call__(self, request: HTTPConnection) -> Principal:
        """Returns the principal of the request's token.

        Raises `RequestError` if the token is missing, invalid or cannot be checked, or if the
        request exceeds the limit of the principal or of the address.
        """
        token = _bearer_token(exchange_of(request.scope).headers.get(b"authorization", b""))
        digest = hashlib.sha256((token or "").encode()).digest()
        remembered = self._remembered.get(digest)
        if remembered is not None and remembered.is_valid():
            await self._limit.hit(remembered.principal.id)
            return remembered.principal

        address = network(client_address(request))
        # Guesses must not cost a look-up each. They must not lock out a client at the same address
        # either, whose token was valid when it was last verified.
        was_valid_before = remembered is not None
        if not was_valid_before:
            await self._limit.test(address)
        self._remembered.pop(digest, None)
        principal = await self._verify(token) if token else None
        if principal is None:
            await self._limit.hit(address)
            raise _unauthenticated(token)
        self._remember(digest, principal)
        await self._limit.hit(principal.id)
        return principal

    async def is_valid_still(self, authorization: bytes) -> bool:
        """Whether the token is valid now, or cannot be checked. Counts as no request."""
        token = _bearer_token(authorization) or ""
        remembered = self._remembered.get(hashlib.sha256(token.encode()).digest())
        if remembered is not None and remembered.is_valid():
            return True
        try:
            return await self._verify(token) is not None
        except RequestError:
            return True

    async def _verify(self, token: str) -> Principal | None:
        """The principal of a valid token. Raises `RequestError` if it cannot be checked."""
        try:
            for verify in self._verifiers:
                if (principal := await verify(token)) is not None:
                    return principal
        except Unavailable:
            raise retry_later(
                503, "The token cannot be checked at the moment.", "UNAVAILABLE"
            ) from None
        return None

    def _remember(self, digest: bytes, principal: Principal) -> None:
        until = time.monotonic() + _REMEMBERED_SECONDS
        self._remembered[digest] = _Verified(principal, until)
        self._remembered.move_to_end(digest)
        if len(self._remembered) > _MAX_REMEMBERED:
            self._remembered.popitem(last=False)


@dataclass(frozen=True)
class _Verified:
    """The principal of a token that was valid, and until when that counts (`time.monotonic`)."""

    principal: Principal
    until: float

    def is_valid(self) -> bool:
        expires_at = self.principal.expires_at
        return time.monotonic() < self.until and (expires_at is None or time.time() < expires_at)


def _bearer_token(authorization: bytes) -> str | None:
    """The bearer token of a header: None without one, empty if it is malformed."""
    scheme, _, token = authorization.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        return None
    return token if _TOKEN.fullmatch(token) else ""


def _unauthenticated(token: str | None) -> RequestError:
    if token is None:
        message = "The token is missing. Send it as `Authorization: Bearer ...`."
        challenge = _CHALLENGE
    else:
        message = "The token is invalid, expired or revoked."
        challenge = f'{_CHALLENGE}, error="invalid_token"'
    return RequestError(401, message, {"WWW-Authenticate": challenge}, code="UNAUTHENTICATED")

"""Who may send requests: everybody, or the holders of bearer tokens (RFC 6750)."""

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from ..access.principal import ANYBODY, Principal
from ..faults import Unavailable
from .addresses import client_address, host_name, is_loopback, network
from .errors import RequestError, retry_later
from .exchange import exchange_of
from .rate_limit import RateLimit

_CHALLENGE = 'Bearer realm="graphql-api"'
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,8192}=*")

# How long a token counts as good after it was found so: how late a revocation may hold.
_REMEMBERED_SECONDS = 3.0
_MAX_REMEMBERED = 1024

# The principal of a token, if it is good; raises `Unavailable` where that cannot be told.
Holder = Callable[[str], Awaitable[Principal | None]]


class Open:
    """Admits everybody; on a loopback address, whoever is on this machine."""

    def __init__(self, limit: RateLimit, *, to_this_machine_alone: bool) -> None:
        self._limit = limit
        self._to_this_machine_alone = to_this_machine_alone

    async def __call__(self, request: Request) -> Principal:
        """Raises `RequestError`."""
        address = client_address(request)
        # Another ASGI server may listen elsewhere, and a proxy may bring strangers in.
        if self._to_this_machine_alone and not is_loopback(address):
            raise RequestError(
                403,
                "This server accepts requests from its own machine only.",
                code="FORBIDDEN",
            )
        # Browsers always send it; HTTP/1.0 does not ask for it.
        host = exchange_of(request.scope).headers.get(b"host", b"localhost")
        # A name that another site has led here (DNS rebinding) would let its scripts in.
        if self._to_this_machine_alone and not is_loopback(host_name(host) or ""):
            raise RequestError(
                403,
                "The header Host does not name this machine. Send the request to localhost.",
                code="FORBIDDEN",
            )
        await self._limit.hit(network(address))
        return ANYBODY


class Authenticated:
    """Admits the holders of good tokens, and counts bad ones against their address."""

    def __init__(self, holders: Sequence[Holder], limit: RateLimit) -> None:
        self._holders = holders
        self._limit = limit
        # By digests, so that no token stays in memory; the oldest first.
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()

    async def __call__(self, request: Request) -> Principal:
        """Raises `RequestError`."""
        token = _bearer_token(request)
        digest = hashlib.sha256((token or "").encode()).digest()
        principal = self._recall(digest)
        if principal is None:
            # Whoever guesses is to cost no look-up, and to lock out nobody at the same address who
            # had a good token before.
            if digest not in self._remembered:
                await self._limit.test(network(client_address(request)))
            self._remembered.pop(digest, None)
            principal = await self._find(token, network(client_address(request)))
            self._remember(digest, principal)
        await self._limit.hit(principal.id)
        return principal

    async def _find(self, token: str | None, address: str) -> Principal:
        principal = await self._holder(token) if token else None
        if principal is None:
            await self._limit.hit(address)
            raise _unauthenticated(token)
        return principal

    async def _holder(self, token: str) -> Principal | None:
        try:
            for holder in self._holders:
                if (principal := await holder(token)) is not None:
                    return principal
        except Unavailable:
            raise retry_later(
                503, "The token cannot be checked at the moment.", "UNAVAILABLE"
            ) from None
        return None

    def _recall(self, digest: bytes) -> Principal | None:
        remembered = self._remembered.get(digest)
        if remembered is None or not remembered.is_good():
            return None
        return remembered.principal

    def _remember(self, digest: bytes, principal: Principal) -> None:
        until = time.monotonic() + _REMEMBERED_SECONDS
        self._remembered[digest] = _Remembered(principal, until)
        self._remembered.move_to_end(digest)
        if len(self._remembered) > _MAX_REMEMBERED:
            self._remembered.popitem(last=False)


@dataclass(frozen=True)
class _Remembered:
    principal: Principal
    until: float

    def is_good(self) -> bool:
        expires_at = self.principal.expires_at
        return time.monotonic() < self.until and (expires_at is None or time.time() < expires_at)


def _bearer_token(request: Request) -> str | None:
    """What was sent as a bearer token, if anything was; empty where it cannot be one."""
    sent = exchange_of(request.scope).headers.get(b"authorization", b"").decode("latin-1")
    scheme, _, token = sent.partition(" ")
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

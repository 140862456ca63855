"""The public keys that JSON Web Tokens are signed with: a JWKS (RFC 7517) from a file or a URL."""

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Protocol

import jwt

from ..deadline import FETCH_KEYS_SECONDS
from ..faults import Unavailable

logger = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "ES256", "EdDSA")

_Keys = dict[str, jwt.PyJWK]

# Keys are fetched anew when they are so old, and for a key that is not among them, but no sooner
# than after a pause, so that made-up key ids cannot make this server a burden to the provider.
_FRESH_SECONDS = 300.0
_PAUSE_SECONDS = 10.0

# What bad addresses, bad JSON and bad keys raise.
FAULTS = (OSError, ValueError, RecursionError, jwt.PyJWTError)


class SigningKeys(Protocol):
    """The keys by their ids."""

    async def get(self, kid: str) -> jwt.PyJWK | None:
        """The key with this id. Raises `Unavailable` while no keys are known."""


class KeysFromFile:
    """Read once, at the start; raises one of `FAULTS`."""

    def __init__(self, path: Path) -> None:
        key_set = json.loads(path.read_text("utf-8-sig"))
        if not isinstance(key_set, dict):
            raise ValueError("no JSON object")  # noqa: TRY004  # one of `FAULTS`
        self._keys = _usable(jwt.PyJWKSet.from_dict(key_set))

    async def get(self, kid: str) -> jwt.PyJWK | None:
        return self._keys.get(kid)


class KeysFromUrl:
    """Fetched when the first token comes, and again now and then, off the event loop.

    The keys that are known stay in use while the provider is away.
    """

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_KEYS_SECONDS)
        self._keys: _Keys = {}
        self._fetched_at = self._tried_at = -float("inf")
        self._fetching: asyncio.Task[None] | None = None

    async def get(self, kid: str) -> jwt.PyJWK | None:
        now = time.monotonic()
        is_wanting = kid not in self._keys
        is_stale = now >= self._fetched_at + _FRESH_SECONDS
        if (is_wanting or is_stale) and now >= self._tried_at + _PAUSE_SECONDS:
            self._tried_at = now
            self._fetching = asyncio.create_task(self._fetch())
        if is_wanting and self._fetching is not None:
            await asyncio.wait([self._fetching], timeout=FETCH_KEYS_SECONDS)
        if not self._keys:
            raise Unavailable
        return self._keys.get(kid)

    async def _fetch(self) -> None:
        try:
            self._keys = _usable(await asyncio.to_thread(self._client.get_jwk_set))
        except FAULTS as fault:
            logger.warning("The JWKS could not be fetched: %s", type(fault).__name__)
        else:
            self._fetched_at = time.monotonic()


def _usable(key_set: jwt.PyJWKSet) -> _Keys:
    """Raises `ValueError` where there is none."""
    keys = {
        key.key_id: key
        for key in key_set.keys
        if key.key_id and key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig")
    }
    if not keys:
        raise ValueError("no usable key")
    return keys

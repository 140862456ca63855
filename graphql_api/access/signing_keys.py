"""The public keys that verify JSON Web Tokens: a JWKS (RFC 7517) from a file or a URL."""

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

# Keys are fetched again when they are this old, and when a token names an unknown key. Between two
# attempts there is a pause, so that invented key ids do not cause a load on the provider.
_FRESH_SECONDS = 300.0
_PAUSE_SECONDS = 10.0

# What invalid addresses, invalid JSON and invalid keys raise.
FAULTS = (OSError, ValueError, RecursionError, jwt.PyJWTError)


class SigningKeys(Protocol):
    """The public keys of an identity provider."""

    async def get(self, kid: str) -> jwt.PyJWK | None:
        """The key with this id; None if it is unknown. Raises `Unavailable` without any keys."""


class KeysFromFile:
    """The keys in a file, which is read once."""

    def __init__(self, path: Path) -> None:
        """Raises one of `FAULTS` if the file cannot be read or has no usable key."""
        key_set = json.loads(path.read_text("utf-8-sig"))
        if not isinstance(key_set, dict):
            raise ValueError("no JSON object")  # noqa: TRY004  # one of `FAULTS`
        self._keys = _usable(jwt.PyJWKSet.from_dict(key_set))

    async def get(self, kid: str) -> jwt.PyJWK | None:
        return self._keys.get(kid)


class KeysFromUrl:
    """The keys at a URL. They are fetched for the first token, and then when they are old.

    Known keys stay in use while the provider is unavailable.
    """

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_KEYS_SECONDS)
        self._keys: _Keys = {}
        self._fetched_at = self._tried_at = -float("inf")
        self._fetching: asyncio.Task[None] | None = None

    async def get(self, kid: str) -> jwt.PyJWK | None:
        now = time.monotonic()
        is_unknown = kid not in self._keys
        is_stale = now >= self._fetched_at + _FRESH_SECONDS
        if (is_unknown or is_stale) and now >= self._tried_at + _PAUSE_SECONDS:
            self._tried_at = now
            self._fetching = asyncio.create_task(self._fetch())
        if is_unknown and self._fetching is not None:
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
    """The keys for signatures that have an id, by id. Raises `ValueError` without any."""
    keys = {
        key.key_id: key
        for key in key_set.keys
        if key.key_id and key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig")
    }
    if not keys:
        raise ValueError("no usable key")
    return keys

"""API keys: how they are made and checked. Only a digest of each is kept."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from .principal import Principal, Scope

# `gak` for GraphQL API key, so that people and secret scanners know one when they see it.
PREFIX = "gak_"
_ID = re.compile("[0-9a-f]{12}")
_SHAPE = re.compile(f"{PREFIX}(?P<id>{_ID.pattern})_[A-Za-z0-9_-]{{43}}")


@dataclass(frozen=True)
class ApiKey:
    """What is kept of an API key. Its `id` is no secret; `name` says whose it is."""

    id: str
    name: str
    digest: bytes
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


class ApiKeys(Protocol):
    """All API keys. Every method raises `faults.Unavailable`."""

    async def add(self, new: ApiKey) -> None:
        """Keep a new API key."""

    async def get(self, id_: str) -> ApiKey | None:
        """The API key with this id, revoked and expired ones included."""

    async def all(self) -> list[ApiKey]:
        """Every API key, in the order of their creation."""

    async def revoke(self, id_: str, at: datetime) -> bool:
        """Revoke an API key, once; whether there is one with this id."""


def is_key_id(text: str) -> bool:
    """Whether a key can have this id."""
    return _ID.fullmatch(text) is not None


def new_api_key(
    name: str, scopes: frozenset[Scope], lifetime: timedelta | None
) -> tuple[str, ApiKey]:
    """A new key with 256 random bits, and what to keep of it."""
    id_ = secrets.token_hex(6)
    key = f"{PREFIX}{id_}_{secrets.token_urlsafe(32)}"
    now = datetime.now(UTC)
    expires_at = None if lifetime is None else now + lifetime
    return key, ApiKey(id_, name, _digest(key), scopes, now, expires_at)


async def verify_api_key(api_keys: ApiKeys, key: str) -> Principal | None:
    """The principal of a key that is valid now. Raises `faults.Unavailable`."""
    if not (shape := _SHAPE.fullmatch(key)):
        return None
    kept = await api_keys.get(shape["id"])
    if kept is None or not hmac.compare_digest(kept.digest, _digest(key)):
        return None
    if kept.revoked_at is not None or kept.is_expired(datetime.now(UTC)):
        return None
    expires_at = None if kept.expires_at is None else kept.expires_at.timestamp()
    return Principal(f"key:{kept.id}", kept.scopes, expires_at)


def _digest(key: str) -> bytes:
    # What has 256 random bits needs no slow hash.
    return hashlib.sha256(key.encode()).digest()

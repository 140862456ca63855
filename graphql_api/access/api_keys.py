"""API keys: how they are made and verified. Only a digest of each key is stored."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from .principal import Principal, Scope

# `gak` means GraphQL API key. People and secret scanners recognize a key by it.
PREFIX = "gak_"
_ID = re.compile("[0-9a-f]{12}")
_SHAPE = re.compile(f"{PREFIX}(?P<id>{_ID.pattern})_[A-Za-z0-9_-]{{43}}")


@dataclass(frozen=True)
class ApiKey:
    """An API key as it is stored. Its `id` is not secret; its `name` says which client has it.

    Its times are in UTC.
    """

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
        """Store a new API key."""

    async def get(self, id_: str) -> ApiKey | None:
        """The API key with this id, even if it is revoked or expired; None without one."""

    async def all(self) -> list[ApiKey]:
        """Every API key, in the order of their creation."""

    async def revoke(self, id_: str, at: datetime) -> bool:
        """Revoke an API key; a revoked one keeps its time. Returns whether it exists."""


def is_key_id(text: str) -> bool:
    """Whether this text has the form of a key's id."""
    return _ID.fullmatch(text) is not None


def new_api_key(
    name: str, scopes: frozenset[Scope], lifetime: timedelta | None
) -> tuple[str, ApiKey]:
    """A new key with 256 random bits, and what to store of it.

    With `lifetime` None the key does not expire.
    """
    id_ = secrets.token_hex(6)
    key = f"{PREFIX}{id_}_{secrets.token_urlsafe(32)}"
    now = datetime.now(UTC)
    expires_at = None if lifetime is None else now + lifetime
    return key, ApiKey(id_, name, _digest(key), scopes, now, expires_at)


async def verify_api_key(api_keys: ApiKeys, key: str) -> Principal | None:
    """The principal of a key that is valid now, and None for any other text.

    Raises `faults.Unavailable`.
    """
    if not (shape := _SHAPE.fullmatch(key)):
        return None
    stored = await api_keys.get(shape["id"])
    if stored is None or not hmac.compare_digest(stored.digest, _digest(key)):
        return None
    if stored.revoked_at is not None or stored.is_expired(datetime.now(UTC)):
        return None
    expires_at = None if stored.expires_at is None else stored.expires_at.timestamp()
    return Principal(f"key:{stored.id}", stored.scopes, expires_at)


def _digest(key: str) -> bytes:
    # 256 random bits cannot be guessed, so the hash need not be slow.
    return hashlib.sha256(key.encode()).digest()

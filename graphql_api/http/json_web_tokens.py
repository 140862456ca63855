"""JSON Web Tokens of one identity provider: whose they are, and what they allow."""

import hashlib
from collections.abc import Mapping
from typing import Any

import jwt

from ..access.principal import Principal, known_scopes
from .signing_keys import ALGORITHMS, SigningKeys

# How far the provider's clock may be from ours.
_LEEWAY_SECONDS = 10


class JsonWebTokens:
    """The tokens of an issuer for an audience."""

    def __init__(self, issuer: str, audience: str, keys: SigningKeys) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys

    async def holder(self, token: str) -> Principal | None:
        """The principal of a token that is valid now; raises `Unavailable` without keys."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = None if kid is None else await self._keys.get(kid)
            return None if key is None else self._principal(token, key)
        except jwt.PyJWTError:
            return None

    def _principal(self, token: str, key: jwt.PyJWK) -> Principal:
        claims = jwt.decode(
            token,
            key,
            # Never those that the token names: see RFC 8725, 3.1.
            algorithms=ALGORITHMS,
            issuer=self._issuer,
            audience=self._audience,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
        )
        # A subject may be somebody's e-mail address.
        subject = claims["sub"].encode("utf-8", "surrogatepass")
        return Principal(
            f"jwt:{hashlib.sha256(subject).hexdigest()[:16]}",
            known_scopes(_granted(claims)),
            expires_at=int(claims["exp"]) + _LEEWAY_SECONDS,
        )


def _granted(claims: Mapping[str, Any]) -> list[object]:
    scope, permissions = claims.get("scope"), claims.get("permissions")
    return [
        *(scope.split() if isinstance(scope, str) else ()),
        *(permissions if isinstance(permissions, list) else ()),
    ]

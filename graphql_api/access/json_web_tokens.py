"""JSON Web Tokens of one identity provider: their principals and scopes (RFC 7519)."""

import hashlib

import jwt

from .principal import Principal, known_scopes
from .signing_keys import ALGORITHMS, SigningKeys

# How much the provider's clock may differ from ours.
_LEEWAY_SECONDS = 10

# The claims in which identity providers write scopes. RFC 8693 defines the first one only.
_SCOPE_CLAIMS = ("scope", "scp", "permissions")


class JsonWebTokens:
    """The tokens of an issuer for an audience.

    With `scope_claim`, scopes in other claims are ignored.
    """

    def __init__(
        self, issuer: str, audience: str, keys: SigningKeys, scope_claim: str | None = None
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._scope_claims = _SCOPE_CLAIMS if scope_claim is None else (scope_claim,)

    async def verify(self, token: str) -> Principal | None:
        """The principal of a token that is valid now, and None for any other text.

        Raises `Unavailable` while no signing keys are known.
        """
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
            # Never the algorithm that the token names: see RFC 8725, 3.1.
            algorithms=ALGORITHMS,
            issuer=self._issuer,
            audience=self._audience,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
        )
        # A subject may be an email address, so the id has a digest of it.
        subject = claims["sub"].encode("utf-8", "surrogatepass")
        return Principal(
            f"jwt:{hashlib.sha256(subject).hexdigest()[:16]}",
            known_scopes(
                [scope for name in self._scope_claims for scope in _scopes_in(claims.get(name))]
            ),
            expires_at=int(claims["exp"]) + _LEEWAY_SECONDS,
        )


def _scopes_in(claim: object) -> list[object]:
    """The scopes in a claim: text with spaces between them (RFC 8693, 4.2), or a list."""
    if isinstance(claim, str):
        return [*claim.split()]
    return claim if isinstance(claim, list) else []

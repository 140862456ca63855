"""Tokens for tests: API keys in a database, and an identity provider that signs JSON Web Tokens."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from graphql_api.access.api_keys import new_api_key
from graphql_api.access.principal import Scope
from graphql_api.mongo.api_keys import MongoApiKeys

from .databases import database_at

ISSUER = "https://identity.example/"
AUDIENCE = "https://customers.example/"


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


async def api_key(
    mongodb_uri: str, *scopes: Scope, lifetime: timedelta | None = None, name: str = "test"
) -> str:
    """A new API key in this database, with all scopes by default."""
    key, kept = new_api_key(name, frozenset(scopes or Scope), lifetime)
    async with database_at(mongodb_uri) as database:
        await MongoApiKeys(database).add(kept)
    return key


def id_of(key: str) -> str:
    return key.split("_")[1]


class Provider:
    """An identity provider with one signing key for each algorithm, named after it."""

    def __init__(self) -> None:
        self.private_keys: dict[str, Any] = {
            "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        }

    def token(
        self,
        algorithm: str = "ES256",
        *,
        key: Any = None,
        headers: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A token with all scopes for a minute.

        The token lacks a claim that is None. A timedelta is a time from now.
        """
        now = int(time.time())
        standard = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "ada",
            "iat": now,
            "exp": now + 60,
            "scope": " ".join(Scope),
        }
        given = {
            name: now + int(claim.total_seconds()) if isinstance(claim, timedelta) else claim
            for name, claim in (standard | claims).items()
            if claim is not None
        }
        return jwt.PyJWS().encode(
            json.dumps(given).encode(),
            key or self.private_keys[algorithm],
            algorithm,
            headers={"kid": algorithm} if headers is None else headers,
        )

    def jwks(self) -> str:
        """The public keys, as a provider publishes them."""
        public = {kid: key.public_key() for kid, key in self.private_keys.items()}
        keys = {
            "RS256": RSAAlgorithm.to_jwk(public["RS256"], as_dict=True),
            "ES256": ECAlgorithm.to_jwk(public["ES256"], as_dict=True),
            "EdDSA": OKPAlgorithm.to_jwk(public["EdDSA"], as_dict=True),
        }
        return json.dumps({"keys": [{**key, "kid": kid} for kid, key in keys.items()]})

    def settings(self, jwks: str) -> dict[str, Any]:
        """The settings of an application that accepts the tokens."""
        return {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_jwks": jwks}


class Publication(ThreadingHTTPServer):
    """A JWKS at a URL on this machine. A test may change it. It counts the requests."""

    def __init__(self, jwks: str) -> None:
        super().__init__(("127.0.0.1", 0), _JwksHandler)
        self.jwks = jwks
        self.status_code = 200
        self.requests = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/jwks.json"


class _JwksHandler(BaseHTTPRequestHandler):
    server: Publication

    def do_GET(self) -> None:
        self.server.requests += 1
        self.send_response(self.server.status_code)
        self.end_headers()
        self.wfile.write(self.server.jwks.encode())

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


@contextlib.contextmanager
def published(jwks: str) -> Iterator[Publication]:
    with Publication(jwks) as publication:
        thread = threading.Thread(target=publication.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield publication
        finally:
            publication.shutdown()
            thread.join()

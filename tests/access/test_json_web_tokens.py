"""JSON Web Tokens: which of them are valid, and the sources of the signing keys."""

import asyncio
import base64
import hmac
import json
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from graphql_api.access import signing_keys
from graphql_api.access.principal import Scope
from graphql_api.app import create_app
from graphql_api.settings import Settings, SettingsError

from ..support.clients import CREATE_CUSTOMER, CUSTOMER, connected, execute
from ..support.servers import eventually
from ..support.tokens import AUDIENCE, ISSUER, Provider, Publication, api_key, bearer, published

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="session")
def provider() -> Provider:
    return Provider()


@pytest.fixture
def jwks_file(provider: Provider, tmp_path: Path) -> Path:
    file = tmp_path / "jwks.json"
    file.write_text(provider.jwks())
    return file


@pytest.fixture
async def guarded(
    database_uri: str, provider: Provider, jwks_file: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that accepts the provider's tokens."""
    async with connected(database_uri, **provider.settings(str(jwks_file))) as client:
        yield client


@pytest.fixture
def publication(provider: Provider) -> Iterator[Publication]:
    """The provider's keys at a URL."""
    with published(provider.jwks()) as publication:
        yield publication


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_token_is_valid_with_each_algorithm(
    algorithm: str, guarded: httpx.AsyncClient, provider: Provider
) -> None:
    assert await can(guarded, provider.token(algorithm)) == set(Scope)


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "openid customers:read profile"}, {Scope.CUSTOMERS_READ}),
        ({"scope": ["openid", "customers:read", 1, None]}, {Scope.CUSTOMERS_READ}),
        ({"scope": None, "scp": "openid customers:read"}, {Scope.CUSTOMERS_READ}),
        ({"scope": None, "scp": ["customers:read", "customers:write"]}, set(Scope)),
        ({"scope": None, "permissions": ["customers:write", "x", 1]}, {Scope.CUSTOMERS_WRITE}),
        ({"scope": None, "permissions": "customers:write"}, {Scope.CUSTOMERS_WRITE}),
        ({"scope": "customers:read", "permissions": ["customers:write"]}, set(Scope)),
        ({"scope": None}, set()),
        ({"scope": ""}, set()),
        ({"scope": "customers:*"}, set()),
        ({"scope": ["customers:read customers:write", ["customers:read"]]}, set()),
        ({"scope": {"customers:read": True}}, set()),
        ({"scope": True, "scp": 1, "permissions": None}, set()),
        ({"scope": "\ud800 customers:read"}, {Scope.CUSTOMERS_READ}),
        ({"scope": None, "roles": ["customers:read"]}, set()),
    ],
)
async def test_scopes_are_read_from_the_claims_that_providers_use(
    claims: dict[str, Any], scopes: set[Scope], guarded: httpx.AsyncClient, provider: Provider
) -> None:
    assert await can(guarded, provider.token(**claims)) == scopes


async def test_with_a_scope_claim_other_claims_are_ignored(
    database_uri: str, provider: Provider, jwks_file: Path
) -> None:
    settings = {**provider.settings(str(jwks_file)), "jwt_scope_claim": "https://example.com/roles"}
    claims: dict[str, Any] = {"https://example.com/roles": ["customers:read"]}
    token = provider.token(**claims)

    async with connected(database_uri, **settings) as client:
        assert await can(client, token) == {Scope.CUSTOMERS_READ}
        assert await can(client, provider.token()) == set()


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [AUDIENCE, "https://other.example/"]},
        {"nbf": timedelta(seconds=-60)},
        # Clocks differ a little.
        {"exp": timedelta(seconds=-5)},
        {"nbf": timedelta(seconds=5), "iat": timedelta(seconds=5)},
        {"iat": None},
        {"exp": 10**30},
        {"sub": "\ud800"},
    ],
    ids=str,
)
async def test_valid_claims_are_accepted(
    claims: dict[str, Any], guarded: httpx.AsyncClient, provider: Provider
) -> None:
    assert await status(guarded, provider.token(**claims)) == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": timedelta(seconds=-60)},
        {"exp": "soon"},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"nbf": float("inf")},
        {"iat": float("inf")},
        {"nbf": timedelta(seconds=3600)},
        {"iat": timedelta(seconds=3600)},
        {"iss": None},
        {"iss": "https://other.example/"},
        {"iss": [ISSUER]},
        {"aud": None},
        {"aud": "https://other.example/"},
        {"aud": []},
        {"sub": None},
        {"sub": 1},
    ],
    ids=str,
)
async def test_invalid_claims_are_rejected(
    claims: dict[str, Any], guarded: httpx.AsyncClient, provider: Provider
) -> None:
    assert await status(guarded, provider.token(**claims)) == 401


async def test_a_cached_token_is_rejected_as_soon_as_it_expires(
    guarded: httpx.AsyncClient, provider: Provider
) -> None:
    # The leeway is 10 seconds.
    token = provider.token(exp=timedelta(seconds=-5))

    answer = await status(guarded, token)
    assert answer == 200

    async with asyncio.timeout(20):
        while answer == 200:
            await asyncio.sleep(0.2)
            answer = await status(guarded, token)
    assert answer == 401


async def test_a_token_without_a_signature_of_the_provider_is_rejected(
    guarded: httpx.AsyncClient, provider: Provider
) -> None:
    good = provider.token()
    header, payload, signature = good.split(".")
    rsa_key, own_key = provider.private_keys["RS256"], ec.generate_private_key(ec.SECP256R1())
    own_jwk = {"jwk": ECAlgorithm.to_jwk(own_key.public_key(), as_dict=True)}
    tokens = {
        "none": f"{encoded({'alg': 'none', 'kid': 'ES256'})}.{payload}.",
        "None": f"{encoded({'alg': 'None', 'kid': 'ES256'})}.{payload}.{signature}",
        "HS256 with the public key": signed_with_the_public_key(rsa_key, payload),
        "RS512": provider.token("RS512", key=rsa_key, headers={"kid": "RS256"}),
        "PS256": provider.token("PS256", key=rsa_key, headers={"kid": "RS256"}),
        "the id of another key": provider.token("ES256", headers={"kid": "RS256"}),
        "no id": provider.token(headers={}),
        "an unknown id": provider.token(headers={"kid": "other"}),
        "the key of somebody else": provider.token(key=own_key),
        "a key that it brings": provider.token(key=own_key, headers={"kid": "ES256", **own_jwk}),
        "no signature": f"{header}.{payload}.",
        "another payload": f"{header}.{encoded({'sub': 'eve'})}.{signature}",
    }

    statuses = {name: await status(guarded, token) for name, token in tokens.items()}

    assert await status(guarded, good) == 200
    assert statuses == dict.fromkeys(tokens, 401)


async def test_malformed_tokens_are_rejected(
    guarded: httpx.AsyncClient, provider: Provider
) -> None:
    header, payload, signature = provider.token().split(".")
    tokens = [
        "e30",
        "..",
        "." * 8000,
        f"{header}.{payload}",
        f"{header}.{payload}.{signature}.{signature}",
        f"{encoded([])}.{payload}.{signature}",
        f"{encoded({'alg': 'ES256', 'kid': ['ES256']})}.{payload}.{signature}",
        f"{encoded({'alg': ['ES256'], 'kid': 'ES256'})}.{payload}.{signature}",
        f"{encoded({'alg': 'ES256', 'kid': chr(0xD800)})}.{payload}.{signature}",
        f"{encoded({'alg': chr(0xD800), 'kid': 'ES256'})}.{payload}.{signature}",
        f"{encoded({'alg': 'ES256', 'kid': 'ES256', 'crit': ['x']})}.{payload}.{signature}",
        f"{encoded({'alg': 'ES256', 'kid': 'ES256', 'b64': False})}.{payload}.{signature}",
        f"{base64url(b'[' * 5000)}.{payload}.{signature}",
        f"{base64url(b'9' * 5000)}.{payload}.{signature}",
        f"{base64url(bytes([255]))}.{payload}.{signature}",
        provider.token(sub="x" * 8192),
    ]

    statuses = [await status(guarded, token) for token in tokens]

    assert statuses == [401] * len(tokens)


async def test_both_kinds_of_tokens_can_be_accepted(
    database_uri: str, provider: Provider, jwks_file: Path
) -> None:
    key, token = await api_key(database_uri), provider.token()

    async with connected(database_uri, keys=True, **provider.settings(str(jwks_file))) as client:
        statuses = [await status(client, good) for good in (key, token)]

    assert statuses == [200, 200]


async def test_an_api_key_is_rejected_if_only_tokens_are_accepted(
    guarded: httpx.AsyncClient, database_uri: str
) -> None:
    assert await status(guarded, await api_key(database_uri)) == 401


@pytest.mark.parametrize("missing", ["jwt_issuer", "jwt_audience", "jwt_jwks"])
def test_the_three_settings_belong_together(
    missing: str, provider: Provider, jwks_file: Path
) -> None:
    settings = provider.settings(str(jwks_file))
    del settings[missing]

    with pytest.raises(SettingsError, match="set all three of them, or none"):
        create_app(Settings(mongodb_uri="mongodb://localhost", **settings))


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "[",
        "[]",
        "[" * 100_000,
        "{}",
        '{"keys": []}',
        '{"keys": {}}',
        '{"keys": [1, {}]}',
        '{"keys": [{"kty": "oct", "kid": "a", "k": "c2VjcmV0"}]}',
        b"\xff",
    ],
    ids=lambda content: repr(content)[:40],
)
def test_a_file_without_a_usable_key_is_rejected_at_the_start(
    content: str | bytes | None, provider: Provider, tmp_path: Path
) -> None:
    file = tmp_path / "s3cr3t.json"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(
        SettingsError, match=r"^GRAPHQL_API_JWT_JWKS must name a JWKS file"
    ) as refusal:
        create_app(Settings(mongodb_uri="mongodb://localhost", **provider.settings(str(file))))

    assert "s3cr3t" not in str(refusal.value)


@pytest.fixture
def marked_file(provider: Provider, tmp_path: Path) -> Path:
    """A JWKS file with a byte order mark, as some editors write it."""
    file = tmp_path / "marked.json"
    file.write_text(provider.jwks(), "utf-8-sig")
    return file


async def test_a_byte_order_mark_before_a_jwks_is_skipped(
    database_uri: str, provider: Provider, publication: Publication, marked_file: Path
) -> None:
    publication.jwks = f"\ufeff{provider.jwks()}"

    for source in (str(marked_file), publication.url):
        async with connected(database_uri, **provider.settings(source)) as client:
            assert await status(client, provider.token()) == 200


@pytest.mark.parametrize("member", [{"use": "enc"}, {"kid": None}, {"alg": "RS512"}])
def test_a_key_for_other_purposes_is_not_usable(
    member: dict[str, Any], provider: Provider, tmp_path: Path
) -> None:
    key = {**json.loads(provider.jwks())["keys"][0], **member}
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [key]}))

    with pytest.raises(SettingsError):
        create_app(Settings(mongodb_uri="mongodb://localhost", **provider.settings(str(file))))


async def test_a_key_that_is_too_short_is_not_used(
    database_uri: str, provider: Provider, tmp_path: Path
) -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  # on purpose
    file = tmp_path / "jwks.json"
    file.write_text(
        json.dumps({"keys": [{**RSAAlgorithm.to_jwk(weak.public_key(), as_dict=True), "kid": "a"}]})
    )
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = provider.token("RS256", key=weak, headers={"kid": "a"})

    async with connected(database_uri, **provider.settings(str(file))) as client:
        assert await status(client, token) == 401


async def test_keys_are_fetched_from_a_url_once(
    database_uri: str, provider: Provider, publication: Publication
) -> None:
    async with connected(database_uri, **provider.settings(publication.url)) as client:
        tokens = [provider.token(sub=f"user {number}") for number in range(10)]
        statuses = await asyncio.gather(*(status(client, token) for token in tokens))

    assert statuses == [200] * 10
    assert publication.requests == 1


async def test_invented_key_ids_do_not_cause_repeated_fetches(
    database_uri: str, provider: Provider, publication: Publication
) -> None:
    async with connected(database_uri, **provider.settings(publication.url)) as client:
        made_up = [provider.token(headers={"kid": f"made up {n}"}) for n in range(20)]
        statuses = [await status(client, token) for token in made_up]

    assert statuses == [401] * 20
    assert publication.requests == 1


async def test_after_a_rotation_the_new_key_is_used_and_the_old_one_is_not(
    database_uri: str,
    provider: Provider,
    publication: Publication,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signing_keys, "_PAUSE_SECONDS", 0.0)
    new = Provider()
    token = new.token(headers={"kid": "new"})
    async with connected(database_uri, **provider.settings(publication.url)) as client:
        before = [await status(client, provider.token()), await status(client, token)]

        publication.jwks = new.jwks().replace('"kid": "ES256"', '"kid": "new"')
        after = [await status(client, token), await status(client, provider.token(sub="eve"))]

    assert before == [200, 401]
    assert after == [200, 401]


async def test_keys_that_are_not_fresh_stay_in_use_while_they_are_fetched_again(
    database_uri: str,
    provider: Provider,
    publication: Publication,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(signing_keys, "_FRESH_SECONDS", 0.0)
    monkeypatch.setattr(signing_keys, "_PAUSE_SECONDS", 0.0)
    async with connected(database_uri, **provider.settings(publication.url)) as client:
        first = await status(client, provider.token(sub="first"))
        publication.status_code = 500
        second = await status(client, provider.token(sub="second"))
        await eventually(lambda: "The JWKS could not be fetched" in caplog.text)
        third = await status(client, provider.token(sub="third"))

    assert [first, second, third] == [200, 200, 200]
    assert publication.requests >= 2
    assert publication.url not in caplog.text


@pytest.mark.parametrize("jwks", ["", "{", "[]", '{"keys": []}', "[" * 100_000])
async def test_without_any_keys_a_token_cannot_be_checked_until_there_are_some(
    jwks: str,
    database_uri: str,
    provider: Provider,
    publication: Publication,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signing_keys, "_PAUSE_SECONDS", 0.0)
    good, publication.jwks = publication.jwks, jwks
    async with connected(database_uri, **provider.settings(publication.url)) as client:
        response = await client.post(
            "/graphql", json={"query": "{ __typename }"}, headers=bearer(provider.token())
        )
        publication.jwks = good
        later = await status(client, provider.token())

    assert response.status_code == 503
    assert response.json()["errors"][0]["extensions"] == {
        "code": "UNAVAILABLE",
        "retryAfter": 1,
    }
    assert later == 200


async def test_a_silent_provider_does_not_delay_other_clients(
    database_uri: str, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Until the end of the test.
    monkeypatch.setattr(signing_keys, "FETCH_KEYS_SECONDS", 60)
    key = await api_key(database_uri)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/jwks.json"
        async with connected(database_uri, keys=True, **provider.settings(url)) as client:
            waiting = asyncio.create_task(status(client, provider.token()))
            await asyncio.sleep(0)
            others = [await status(client, key) for _ in range(5)]
            is_waiting = not waiting.done()
            silent.close()
            refused = await waiting

    assert others == [200] * 5
    assert is_waiting
    assert refused == 503


async def test_a_token_is_not_checked_forever_if_the_provider_is_silent(
    database_uri: str, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_keys, "FETCH_KEYS_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/jwks.json"
        async with connected(database_uri, keys=True, **provider.settings(url)) as client:
            assert await status(client, provider.token()) == 503


async def status(client: httpx.AsyncClient, token: str) -> int:
    """The status of the answer to a query with this token."""
    response = await client.post(
        "/graphql", json={"query": "{ __typename }"}, headers=bearer(token)
    )
    return response.status_code


async def can(client: httpx.AsyncClient, token: str) -> set[Scope]:
    """The scopes whose operations this token allows."""
    operations: dict[Scope, tuple[str, dict[str, Any]]] = {
        Scope.CUSTOMERS_READ: (CUSTOMER, {"id": NOBODY}),
        Scope.CUSTOMERS_WRITE: (CREATE_CUSTOMER, {"input": {"email": ""}}),
    }
    answers = {
        scope: await execute(client, query, variables, bearer(token))
        for scope, (query, variables) in operations.items()
    }
    return {scope for scope, answer in answers.items() if "errors" not in answer}


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encoded(part: object) -> str:
    """A part of a token."""
    return base64url(json.dumps(part).encode())


def signed_with_the_public_key(private_key: rsa.RSAPrivateKey, payload: str) -> str:
    """A token that a server accepts if it believes the token's `alg`."""
    pem = private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{encoded({'alg': 'HS256', 'kid': 'RS256'})}.{payload}"
    return f"{signed}.{base64url(hmac.digest(pem, signed.encode(), 'sha256'))}"

"""Authentication: API keys, their scopes, and the answers to requests without a valid token."""

import asyncio
import hashlib
import os
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import FieldNode, OperationDefinitionNode, parse
from pymongo import MongoClient
from pymongo.collection import Collection
from structlog.testing import capture_logs

from graphql_api.__main__ import main
from graphql_api.access.principal import Scope
from graphql_api.app import create_app
from graphql_api.faults import Unavailable
from graphql_api.http import authentication
from graphql_api.http.authentication import BearerTokens
from graphql_api.http.rate_limit import RateLimit
from graphql_api.mongo.mongod import embedded_mongod, find_mongod
from graphql_api.schema.schema import create_schema
from graphql_api.settings import Settings, SettingsError

from ..support.clients import (
    CREATE_CUSTOMER,
    CREATE_CUSTOMERS,
    CUSTOMER,
    DELETE_CUSTOMER,
    LIST_CUSTOMERS,
    UPDATE_CUSTOMER,
    connected,
    create_customer,
    execute,
    read_customer,
    until_ready,
)
from ..support.servers import frozen, mongods, serving
from ..support.tokens import api_key, bearer, id_of

VALIDATE_CUSTOMER = """
query ($input: CreateCustomerInput!) { validateCustomer(input: $input) { __typename } }
"""
QUERY = {"query": "{ __typename }"}
CHALLENGE = 'Bearer realm="graphql-api"'
INVALID = f'{CHALLENGE}, error="invalid_token"'
BAD_KEY = {"idempotencyKey": ""}
EVERYWHERE = "0.0.0.0"  # noqa: S104  # only where a test says so
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def guarded(database_uri: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that accepts API keys."""
    async with connected(database_uri, keys=True, graphiql=True) as client:
        yield client


async def test_the_holder_of_a_key_creates_and_reads_customers(
    guarded: httpx.AsyncClient, database_uri: str
) -> None:
    guarded.headers.update(bearer(await api_key(database_uri)))

    created = (await create_customer(guarded))["customer"]

    assert await read_customer(guarded, created["id"]) == created


@pytest.mark.parametrize(
    "request_", [{"method": "GET", "params": QUERY}, {"method": "POST", "json": QUERY}]
)
@pytest.mark.parametrize("media_type", ["application/json", "application/graphql-response+json"])
async def test_without_a_token_the_answer_is_401_in_graphql_json(
    request_: dict[str, Any], media_type: str, guarded: httpx.AsyncClient
) -> None:
    response = await guarded.request(url="/graphql", headers={"Accept": media_type}, **request_)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == CHALLENGE
    assert response.headers["content-type"].startswith(media_type)
    assert response.json()["errors"] == [
        {
            "message": "The token is missing. Send it as `Authorization: Bearer ...`.",
            "extensions": {"code": "UNAUTHENTICATED"},
        }
    ]


async def test_paths_without_graphql_need_no_token(guarded: httpx.AsyncClient) -> None:
    assert (await guarded.get("/healthz")).status_code == 200
    assert (await guarded.get("/")).status_code == 307
    assert (await until_ready(guarded)).status_code == 200


async def test_graphiql_needs_no_token(guarded: httpx.AsyncClient) -> None:
    page = await guarded.get("/graphql", params=QUERY, headers={"Accept": "text/html"})

    assert page.status_code == 200
    assert "GraphiQL" in page.text


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_name_of_the_scheme_has_no_case(
    scheme: str, guarded: httpx.AsyncClient, database_uri: str
) -> None:
    key = await api_key(database_uri)

    answer = await execute(guarded, QUERY["query"], headers={"Authorization": f"{scheme} {key}"})

    assert answer == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    ("values", "challenge"),
    [
        ([""], CHALLENGE),
        (["Basic {key}"], CHALLENGE),
        (["{key}"], CHALLENGE),
        (["Bearer"], INVALID),
        (["Bearer "], INVALID),
        (["Bearer  {key}"], INVALID),
        (["Bearer {key} {key}"], INVALID),
        (["Bearer {key}, Bearer {key}"], INVALID),
        (["Bearer {key}="], INVALID),
        (["Bearer {key}\xe9"], INVALID),
        (["Bearer x{key}"], INVALID),
        (["Bearer gak_"], INVALID),
        (["Bearer a.b.c"], INVALID),
        (["Bearer " + "x" * 100_000], INVALID),
    ],
)
async def test_headers_without_one_valid_token_are_rejected(
    values: list[str], challenge: str, guarded: httpx.AsyncClient, database_uri: str
) -> None:
    key = await api_key(database_uri)
    headers = [(b"authorization", value.format(key=key).encode("latin-1")) for value in values]

    response = await guarded.post("/graphql", json=QUERY, headers=headers)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == challenge
    assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


async def test_a_key_with_another_secret_is_rejected(
    guarded: httpx.AsyncClient, database_uri: str
) -> None:
    key = await api_key(database_uri)
    other = await api_key(database_uri)

    for bad in (key.replace(id_of(key), id_of(other)), key.replace(id_of(key), "0" * 12)):
        assert await status(guarded, bad) == 401
    assert await status(guarded, key) == 200


async def test_an_expired_key_is_rejected(guarded: httpx.AsyncClient, database_uri: str) -> None:
    expired = await api_key(database_uri, lifetime=timedelta(seconds=-1))
    valid = await api_key(database_uri, lifetime=timedelta(minutes=1))

    assert await status(guarded, expired) == 401
    assert await status(guarded, valid) == 200


async def test_a_cached_key_is_rejected_as_soon_as_it_expires(
    guarded: httpx.AsyncClient, database_uri: str
) -> None:
    # On a busy machine, the first request takes more than a second.
    short = await api_key(database_uri, lifetime=timedelta(seconds=3))

    before = await status(guarded, short)
    await asyncio.sleep(3)

    assert (before, await status(guarded, short)) == (200, 401)


INPUT = {"email": "a@example.com"}
INVALID_INPUT = {"email": "", "name": "X2"}
# Each operation that requires a scope. Authorisation precedes validation.
GUARDED = [
    (Scope.CUSTOMERS_WRITE, CREATE_CUSTOMER, {"input": INPUT}),
    (Scope.CUSTOMERS_WRITE, CREATE_CUSTOMER, {"input": INVALID_INPUT}),
    (Scope.CUSTOMERS_WRITE, CREATE_CUSTOMER, {"input": INPUT, **BAD_KEY}),
    (Scope.CUSTOMERS_WRITE, CREATE_CUSTOMERS, {"inputs": [INPUT], "onError": "CREATE_NONE"}),
    (Scope.CUSTOMERS_WRITE, CREATE_CUSTOMERS, {"inputs": [INPUT] * 1001, "onError": "CREATE_NONE"}),
    (Scope.CUSTOMERS_WRITE, CREATE_CUSTOMERS, {"inputs": [], "onError": "CREATE_VALID", **BAD_KEY}),
    (Scope.CUSTOMERS_WRITE, UPDATE_CUSTOMER, {"id": NOBODY, "input": {"name": "X2"}}),
    (Scope.CUSTOMERS_WRITE, DELETE_CUSTOMER, {"id": NOBODY}),
    (Scope.CUSTOMERS_WRITE, VALIDATE_CUSTOMER, {"input": INPUT}),
    (Scope.CUSTOMERS_WRITE, VALIDATE_CUSTOMER, {"input": INVALID_INPUT}),
    (Scope.CUSTOMERS_READ, CUSTOMER, {"id": NOBODY}),
    (Scope.CUSTOMERS_READ, CUSTOMER, {"id": "no id"}),
    (Scope.CUSTOMERS_READ, "query ($id: ID!) { node(id: $id) { id } }", {"id": NOBODY}),
    (Scope.CUSTOMERS_READ, '{ customerByEmail(email: "a@example.com") { id } }', {}),
    (Scope.CUSTOMERS_READ, LIST_CUSTOMERS, {}),
    (Scope.CUSTOMERS_READ, LIST_CUSTOMERS, {"first": 0, "after": "made-up"}),
    (Scope.CUSTOMERS_READ, "{ customers { totalCount { count } } }", {}),
]


def test_each_operation_except_the_rules_requires_a_scope() -> None:
    schema = create_schema()
    assert schema.query_type is not None
    assert schema.mutation_type is not None
    guarded = {name for _, query, _ in GUARDED for name in root_fields(query)}

    names = schema.query_type.fields.keys() | schema.mutation_type.fields.keys()
    assert names - guarded == {"customerFieldRules"}


def root_fields(query: str) -> list[str]:
    [operation] = parse(query).definitions
    assert isinstance(operation, OperationDefinitionNode)
    fields = operation.selection_set.selections
    return [field.name.value for field in fields if isinstance(field, FieldNode)]


@pytest.mark.parametrize(("missing", "query", "variables"), GUARDED)
async def test_an_operation_outside_the_scopes_of_a_token_is_forbidden(
    missing: Scope,
    query: str,
    variables: dict[str, Any],
    guarded: httpx.AsyncClient,
    database_uri: str,
) -> None:
    key = await api_key(database_uri, *set(Scope) - {missing})

    answer = await execute(guarded, query, variables, bearer(key))

    [error] = answer["errors"]
    assert error["message"] == f"The token lacks the scope {missing}. Send a token that has it."
    assert error["extensions"] == {"code": "FORBIDDEN"}
    assert not any((answer["data"] or {}).values())


async def test_a_forbidden_creation_creates_nothing(
    guarded: httpx.AsyncClient, database_uri: str, documents: Collection[dict[str, Any]]
) -> None:
    key = await api_key(database_uri, Scope.CUSTOMERS_READ)

    await execute(guarded, CREATE_CUSTOMER, {"input": {"email": "a@example.com"}}, bearer(key))

    assert documents.count_documents({}) == 0


async def test_a_scope_covers_its_own_operation(
    guarded: httpx.AsyncClient, database_uri: str
) -> None:
    writer = bearer(await api_key(database_uri, Scope.CUSTOMERS_WRITE))
    reader = bearer(await api_key(database_uri, Scope.CUSTOMERS_READ))

    created = (await create_customer(guarded, headers=writer))["customer"]
    answer = await execute(guarded, CUSTOMER, {"id": created["id"]}, reader)

    assert answer["data"]["customer"] == created


async def test_only_the_digest_of_a_key_is_stored(database_uri: str) -> None:
    key = await api_key(database_uri, name="web")

    with MongoClient[dict[str, Any]](database_uri) as mongo:
        [document] = mongo.get_default_database()["api_keys"].find()

    assert document["_id"] == id_of(key)
    assert document["digest"] == hashlib.sha256(key.encode()).digest()
    assert key.split("_", 2)[2] not in str(document)


async def test_a_key_is_not_looked_up_for_each_request(
    guarded: httpx.AsyncClient, database_uri: str
) -> None:
    key = await api_key(database_uri)

    with MongoClient[dict[str, Any]](database_uri) as mongo:
        before = finds(mongo)
        statuses = [await status(guarded, key) for _ in range(50)]
        after = finds(mongo)

    assert set(statuses) == {200}
    assert after - before < 5


async def test_a_limited_number_of_tokens_is_cached_and_all_are_accepted(
    guarded: httpx.AsyncClient, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "_MAX_REMEMBERED", 2)
    keys = [await api_key(database_uri) for _ in range(4)]

    statuses = [await status(guarded, key) for key in keys * 2]

    assert statuses == [200] * 8


async def test_a_key_cannot_be_checked_while_the_database_is_unavailable(
    tmp_path: Path,
) -> None:
    with embedded_mongod(find_mongod(None), tmp_path) as uri:
        key, new = await api_key(uri), await api_key(uri)
        async with connected(uri, keys=True) as client:
            before = await status(client, key)
            [pid] = mongods(tmp_path)
            with frozen(pid):
                response = await client.post("/graphql", json=QUERY, headers=bearer(new))

    assert before == 200
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert response.json()["errors"] == [
        {
            "message": "The token cannot be checked at the moment. Retry in 1 second.",
            "extensions": {"code": "UNAVAILABLE", "retryAfter": 1},
        }
    ]


async def test_a_token_that_cannot_be_checked_ends_no_subscription() -> None:
    async def unavailable(_token: str) -> None:
        raise Unavailable

    tokens = BearerTokens([unavailable], RateLimit(None, "memory://"))

    assert await tokens.is_valid_still(b"Bearer unknown")


async def test_no_token_is_in_an_answer_or_in_the_log(
    guarded: httpx.AsyncClient, database_uri: str
) -> None:
    good = await api_key(database_uri, Scope.CUSTOMERS_READ)
    bad = good[:-1] + "!"

    with capture_logs() as logged:
        refused = await guarded.post("/graphql", json=QUERY, headers=bearer(bad))
        admitted = await guarded.post("/graphql", json={"query": CUSTOMER}, headers=bearer(good))

    secret = good.split("_", 2)[2][:-1]
    assert (refused.status_code, admitted.status_code) == (401, 200)
    for text in (str(logged), refused.text, admitted.text, str(refused.headers)):
        assert secret not in text


async def test_a_request_without_a_valid_token_is_rejected_before_its_body_is_read(
    database_uri: str, tmp_path: Path
) -> None:
    errors = tmp_path / "stderr"
    head = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: 1000\r\nAuthorization: Bearer s3cr3t\r\n\r\n"

    with serving(
        errors=errors, GRAPHQL_API_MONGODB_URI=database_uri, GRAPHQL_API_KEYS="true"
    ) as server:
        address = httpx.URL(server.url)
        assert address.port is not None
        with socket.create_connection((address.host, address.port), timeout=20) as connection:
            connection.sendall(head)
            answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"s3cr3t" not in answer
    assert "s3cr3t" not in errors.read_text()


@pytest.mark.parametrize(
    "host", [EVERYWHERE, "::", "192.0.2.1", "server.example", "::ffff:192.0.2.1"]
)
def test_a_server_that_others_can_reach_does_not_start_without_authentication(host: str) -> None:
    with pytest.raises(SettingsError, match=r"^GRAPHQL_API_HOST names .* --insecure\.$"):
        create_app(Settings(host=host, mongodb_uri="mongodb://localhost"))


@pytest.mark.parametrize("settings", [{"keys": True}, {"insecure": True}])
def test_a_server_that_others_can_reach_starts_with_authentication_or_insecure(
    settings: dict[str, Any],
) -> None:
    assert create_app(Settings(host=EVERYWHERE, mongodb_uri="mongodb://localhost", **settings))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
async def test_on_a_loopback_address_a_server_is_open_and_says_so(
    host: str, database_uri: str
) -> None:
    with capture_logs() as logged:
        async with connected(database_uri, host=host) as client:
            created = await create_customer(client)

    assert created["__typename"] == "CreateCustomerSuccess"
    assert logged[0]["event"] == (
        "No authentication is configured: the server accepts requests from this machine only."
    )


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "", "unknown"])
async def test_an_open_server_is_for_its_own_machine_wherever_it_listens(
    address: str, database_uri: str
) -> None:
    async with connected(database_uri, address=address) as client:
        response = await client.post("/graphql", json=QUERY)

    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"] == {"code": "FORBIDDEN"}


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1:8000", ""])
async def test_an_open_server_rejects_names_of_other_machines_in_host(
    host: str, database_uri: str
) -> None:
    async with connected(database_uri) as client:
        response = await client.post("/graphql", json=QUERY, headers={"Host": host})

    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"] == {"code": "FORBIDDEN"}


async def test_an_insecure_server_is_open_to_everybody_and_says_so(database_uri: str) -> None:
    with capture_logs() as logged:
        async with connected(database_uri, insecure=True, address="192.0.2.1") as client:
            created = await create_customer(client)

    assert created["__typename"] == "CreateCustomerSuccess"
    assert logged[0]["event"] == (
        "No authentication is configured: the server accepts requests from everybody."
    )


@pytest.mark.parametrize("host", [EVERYWHERE, "::"])
def test_serve_rejects_a_reachable_address_without_authentication_in_one_sentence(
    host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "environ", {})

    code = main(["serve", "--host", host])

    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert said.err == (
        "graphql-api: GRAPHQL_API_HOST names an address that other machines can reach. Configure "
        "authentication (GRAPHQL_API_KEYS or GRAPHQL_API_JWT_ISSUER), or accept requests from "
        "everybody with --insecure.\n"
    )


def test_an_insecure_server_accepts_every_request_and_warns(
    database_uri: str, tmp_path: Path
) -> None:
    errors = tmp_path / "stderr"

    with serving(
        *("--host", EVERYWHERE, "--insecure"), errors=errors, GRAPHQL_API_MONGODB_URI=database_uri
    ) as server:
        answer = httpx.post(f"{server.url}/graphql", json=QUERY, timeout=20)

    assert answer.status_code == 200
    assert "the server accepts requests from everybody" in errors.read_text()


async def status(client: httpx.AsyncClient, token: str) -> int:
    """The status of the answer to a query with this token."""
    response = await client.post("/graphql", json=QUERY, headers=bearer(token))
    return response.status_code


def finds(mongo: MongoClient[dict[str, Any]]) -> int:
    """How often something was looked for in a MongoDB."""
    total: int = mongo.admin.command("serverStatus")["metrics"]["commands"]["find"]["total"]
    return total

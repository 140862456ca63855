"""Trusted documents in requests: answers to their ids, look-ups, and rejected requests."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import DocumentNode
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import OperationFailure
from structlog.testing import capture_logs

from graphql_api.access.principal import Scope
from graphql_api.access.trusted_documents import IdsTaken
from graphql_api.execution import documents as documents_module
from graphql_api.execution.parsing import parse_document
from graphql_api.http import document_ids
from graphql_api.mongo import trusted_documents
from graphql_api.mongo.mongod import embedded_mongod, find_mongod
from graphql_api.mongo.trusted_documents import MongoTrustedDocuments

from ..support.clients import CREATE_CUSTOMER, CUSTOMER, connected, create_customer, execute
from ..support.databases import database_at
from ..support.replica_sets import Member, ReplicaSet
from ..support.servers import frozen, mongods
from ..support.tokens import api_key, bearer

GRAPHQL_RESPONSE = {"Accept": "application/graphql-response+json"}
NOBODY = "00000000-0000-4000-8000-000000000000"
TWO = "query One { one: __typename } query Two { two: __typename }"


@pytest.fixture
def registered(database_uri: str) -> "Registered":
    return Registered(database_uri)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The documents that are parsed from now on."""
    texts = []

    def recording(text: str, max_tokens: int) -> DocumentNode:
        texts.append(text)
        return parse_document(text, max_tokens)

    monkeypatch.setattr(documents_module, "parse_document", recording)
    return texts


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes applications look for removed documents all the time."""
    monkeypatch.setattr(document_ids, "_REFRESH_SECONDS", 0.02)


class Registered:
    """The trusted documents of a database, past any application."""

    def __init__(self, database_uri: str) -> None:
        self._database_uri = database_uri

    async def add(self, **texts: str) -> int:
        async with self._opened() as documents:
            return await documents.add(texts, datetime.now(UTC))

    async def remove(self, id_: str) -> None:
        async with self._opened() as documents:
            assert await documents.remove(id_)

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[MongoTrustedDocuments]:
        async with database_at(self._database_uri) as database:
            yield MongoTrustedDocuments(database)


async def test_a_document_is_executed_by_its_id(
    client: httpx.AsyncClient, registered: Registered, documents: Collection[dict[str, Any]]
) -> None:
    await registered.add(create=CREATE_CUSTOMER)
    variables = {"input": {"email": "trusted@example.com"}}

    response = await ask(client, "create", variables=variables)

    answer = response.json()["data"]["createCustomer"]
    assert answer["customer"]["email"] == "trusted@example.com"
    assert documents.count_documents({"email": "trusted@example.com"}) == 1


async def test_a_document_with_several_operations_needs_a_name(
    client: httpx.AsyncClient, registered: Registered
) -> None:
    await registered.add(two=TWO)

    with capture_logs() as logged:
        unnamed = await ask(client, "two")
        named = await ask(client, "two", operationName="Two")

    assert code(unnamed) == "OPERATION_RESOLUTION_FAILURE"
    assert named.json() == {"data": {"two": "Query"}}
    assert [line["operation"] for line in logged if line["event"] == "request"] == [None, "Two"]


async def test_a_query_can_be_asked_for_by_get_and_a_mutation_cannot(
    client: httpx.AsyncClient, registered: Registered
) -> None:
    await registered.add(read=CUSTOMER, create=CREATE_CUSTOMER)
    variables = json.dumps({"id": NOBODY})

    query = await client.get("/graphql", params={"documentId": "read", "variables": variables})
    mutation = await client.get("/graphql", params={"documentId": "create"})

    assert query.json() == {"data": {"customer": None}}
    assert (mutation.status_code, mutation.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("id_", ["unknown", "", "x" * 256, "José", "a\nb", "read\0"])
async def test_an_unknown_id_is_an_error_with_its_own_code(
    client: httpx.AsyncClient, id_: str
) -> None:
    legacy = await ask(client, id_)
    modern = await ask(client, id_, headers=GRAPHQL_RESPONSE)

    assert (legacy.status_code, modern.status_code) == (200, 400)
    assert code(legacy) == code(modern) == "DOCUMENT_NOT_FOUND"
    assert "data" not in modern.json()


@pytest.mark.parametrize(
    "body",
    [
        {"documentId": 1},
        {"documentId": ["read"]},
        {"documentId": {"$gt": ""}},
        {"documentId": "read", "query": "{ __typename }"},
        {"documentId": "read", "query": ""},
        {"documentId": "read", "variables": []},
        {"documentId": None},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "read"}}},
    ],
)
async def test_a_request_with_no_document_or_two_is_a_bad_request(
    body: dict[str, Any], client: httpx.AsyncClient, registered: Registered
) -> None:
    await registered.add(read=CUSTOMER)

    response = await client.post("/graphql", json=body)

    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")


async def test_no_client_can_register_a_document(
    client: httpx.AsyncClient, registered: Registered
) -> None:
    hash_ = "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38"
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": hash_}}

    answered = await client.post(
        "/graphql", json={"query": "{ __typename }", "extensions": extensions}
    )

    assert answered.json() == {"data": {"__typename": "Query"}}
    assert code(await ask(client, hash_)) == "DOCUMENT_NOT_FOUND"
    assert await registered.add(other=CUSTOMER) == 1


async def test_the_token_needs_the_scope_of_the_operation(
    database_uri: str, registered: Registered
) -> None:
    await registered.add(create=CREATE_CUSTOMER)
    reader = await api_key(database_uri, Scope.CUSTOMERS_READ)
    variables = {"input": {"email": "trusted@example.com"}}

    async with connected(database_uri, keys=True) as client:
        nobody = await ask(client, "create", variables=variables)
        refused = await ask(client, "create", headers=bearer(reader), variables=variables)

    assert (nobody.status_code, code(nobody)) == (401, "UNAUTHENTICATED")
    assert code(refused) == "FORBIDDEN"


async def test_a_document_is_looked_up_and_parsed_once(
    client: httpx.AsyncClient, database_uri: str, registered: Registered, parsed: list[str]
) -> None:
    await registered.add(read="{ __typename }")

    with MongoClient[dict[str, Any]](database_uri) as mongo:
        first = await asyncio.gather(*(ask(client, "read") for _ in range(10)))
        before = finds(mongo)
        later = [await ask(client, "read") for _ in range(50)]
        after = finds(mongo)

    assert {response.text for response in [*first, *later]} == {'{"data":{"__typename":"Query"}}'}
    assert parsed == ["{ __typename }"]
    assert after - before < 5


async def test_a_limited_number_is_cached_and_all_are_served(
    database_uri: str,
    registered: Registered,
    parsed: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Room for two of them.
    monkeypatch.setattr(document_ids, "_REMEMBERED_TOKENS", 80)
    texts = {f"id{number}": f"{{ a{number}: __typename }}" for number in range(3)}
    await registered.add(**texts)

    async with connected(database_uri) as client:
        answers = [await ask(client, id_) for id_ in [*texts, *texts]]

    assert [list(answer.json()["data"]) for answer in answers] == [["a0"], ["a1"], ["a2"]] * 2
    assert parsed == [*texts.values(), *texts.values()]


async def test_a_document_is_found_at_once_after_it_is_registered(
    client: httpx.AsyncClient, registered: Registered
) -> None:
    before = await ask(client, "read")

    await registered.add(read="{ __typename }")

    assert code(before) == "DOCUMENT_NOT_FOUND"
    assert (await ask(client, "read")).json() == {"data": {"__typename": "Query"}}


@pytest.mark.usefixtures("hasty")
async def test_a_removed_document_is_forgotten_and_the_others_are_not_parsed_again(
    client: httpx.AsyncClient, registered: Registered, parsed: list[str]
) -> None:
    await registered.add(stays="{ stays: __typename }", goes="{ goes: __typename }")
    before = [await ask(client, "stays"), await ask(client, "goes")]

    await registered.remove("goes")

    assert [list(answer.json()["data"]) for answer in before] == [["stays"], ["goes"]]
    await comes_true(client, "goes", lambda answer: code(answer) == "DOCUMENT_NOT_FOUND")
    assert (await ask(client, "stays")).json() == {"data": {"stays": "Query"}}
    assert parsed == ["{ stays: __typename }", "{ goes: __typename }"]


@pytest.mark.usefixtures("hasty")
async def test_an_id_that_is_registered_again_has_its_new_text(
    client: httpx.AsyncClient, registered: Registered
) -> None:
    await registered.add(id="{ old: __typename }")
    await ask(client, "id")

    await registered.remove("id")
    await registered.add(id="{ new: __typename }")

    await comes_true(client, "id", lambda answer: answer.json() == {"data": {"new": "Query"}})


async def test_while_the_database_is_frozen_only_cached_documents_are_served(
    tmp_path: Path,
) -> None:
    with embedded_mongod(find_mongod(None), tmp_path) as uri:
        registered = Registered(uri)
        await registered.add(known="{ __typename }", new="{ __typename }")
        async with connected(uri) as client:
            await ask(client, "known")
            [pid] = mongods(tmp_path)
            with frozen(pid):
                await comes_true(client, "made-up", lambda answer: answer.status_code == 503)
                new = await ask(client, "new")
                known = await ask(client, "known")
            await comes_true(client, "new", lambda answer: answer.status_code == 200)

    assert (new.status_code, code(new)) == (503, "UNAVAILABLE")
    assert new.headers["retry-after"] == "1"
    assert known.json() == {"data": {"__typename": "Query"}}


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("error_code", "answer", "logged_events"),
    [
        (11601, (503, "UNAVAILABLE"), set[str]()),
        (13, (500, "INTERNAL_SERVER_ERROR"), {"Trusted documents cannot be read."}),
    ],
    ids=["interrupted", "unauthorized"],
)
async def test_a_removed_document_is_served_until_the_database_can_be_read_again(
    error_code: int,
    answer: tuple[int, str],
    logged_events: set[str],
    failing_set: ReplicaSet,
    member: Member,
) -> None:
    database_uri = failing_set.database_uri()
    await Registered(database_uri).add(known="{ __typename }")
    async with connected(database_uri) as client:
        await ask(client, "known")

        with member.failing("find", errorCode=error_code), capture_logs() as logged:
            # To write, the application's own client would have the server find something, too.
            failing_set.customers(database_uri).database["documents"].delete_one({"_id": "known"})
            unknown = await ask(client, "unknown")
            # Several times, it is looked for.
            await asyncio.sleep(0.3)
            known = await ask(client, "known")

        await comes_true(client, "known", lambda answer: code(answer) == "DOCUMENT_NOT_FOUND")

    assert (unknown.status_code, code(unknown)) == answer
    assert known.json() == {"data": {"__typename": "Query"}}
    assert logged_events == {line["event"] for line in logged} & {
        "Trusted documents cannot be read."
    }
    assert member.address not in str(logged)


async def test_invented_ids_do_not_delay_other_clients(
    failing_set: ReplicaSet, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine, 150 requests take longer than a look-up may.
    monkeypatch.setattr(trusted_documents, "LOOK_UP_SECONDS", 4)
    database_uri = failing_set.database_uri()
    await Registered(database_uri).add(known="{ __typename }")
    async with connected(database_uri) as client:
        await create_customer(client)
        await ask(client, "known")

        before = finds(member.client)
        with member.failing("find", blockConnection=True, blockTimeMS=300):
            flood = asyncio.gather(*(ask(client, f"made-up-{number}") for number in range(150)))
            await asyncio.sleep(0.1)
            meanwhile = [
                await ask(client, "known"),
                await client.post(
                    "/graphql",
                    json={
                        "query": CREATE_CUSTOMER,
                        "variables": {"input": {"email": "meanwhile@example.com"}},
                    },
                ),
            ]
            codes = {code(answer) for answer in await flood}
        looked_up = finds(member.client) - before

    # All requests that arrive during one look-up share the next one.
    assert looked_up < 10
    assert [answer.json().get("errors") for answer in meanwhile] == [None, None]
    assert codes == {"DOCUMENT_NOT_FOUND"}


async def test_the_rate_limit_precedes_a_look_up(database_uri: str) -> None:
    async with connected(database_uri, rate_limit="2/hour") as client:
        answers = [await ask(client, f"made-up-{number}") for number in range(3)]

    assert [code(answer) for answer in answers] == [
        *("DOCUMENT_NOT_FOUND", "DOCUMENT_NOT_FOUND"),
        "RATE_LIMITED",
    ]


async def test_a_registered_text_that_became_invalid_gets_its_errors(
    client: httpx.AsyncClient, registered: Registered
) -> None:
    await registered.add(old="{ removedField }")

    response = await ask(client, "old", headers=GRAPHQL_RESPONSE)

    assert response.status_code == 400
    [error] = response.json()["errors"]
    assert error["message"] == "Cannot query field 'removedField' on type 'Query'."


async def test_a_server_can_accept_trusted_documents_only(
    database_uri: str, registered: Registered
) -> None:
    await registered.add(read="{ __typename }")

    async with connected(database_uri, trusted_documents_only=True, graphiql=True) as client:
        trusted = await ask(client, "read")
        page = await client.get("/graphql", headers={"Accept": "text/html"})
        # The text of a registered document is rejected, too.
        refused = [
            await client.post("/graphql", json={"query": "{ __typename }"}) for _ in range(3)
        ]
        refused.append(await client.get("/graphql", params={"query": "{ __typename }"}))

    assert trusted.json() == {"data": {"__typename": "Query"}}
    assert page.status_code == 200
    assert "GraphiQL" in page.text
    for response in refused:
        assert (response.status_code, code(response)) == (403, "TRUSTED_DOCUMENTS_ONLY")
        assert "documentId" in response.json()["errors"][0]["message"]


async def test_a_server_accepts_other_documents_by_default(
    client: httpx.AsyncClient, registered: Registered
) -> None:
    await registered.add(read="{ __typename }")

    answers = [await execute(client, "{ __typename }") for _ in range(3)]

    assert answers == [{"data": {"__typename": "Query"}}] * 3


async def test_a_failure_that_is_not_transient_registers_nothing(
    failing_set: ReplicaSet, member: Member
) -> None:
    database_uri = failing_set.database_uri()

    with member.failing("insert", errorCode=13), pytest.raises(OperationFailure):
        await Registered(database_uri).add(one="{ __typename }", two=TWO)

    kept = failing_set.customers(database_uri).database["documents"]
    assert kept.count_documents({}) == 0


async def test_of_simultaneous_registrations_of_an_id_one_decides_its_text(
    database_uri: str, registered: Registered
) -> None:
    async def register(number: int) -> int:
        try:
            return await registered.add(
                shared=f"{{ a{number}: __typename }}", **{f"own{number}": TWO}
            )
        except IdsTaken as taken:
            return -len(taken.ids)

    new = await asyncio.gather(*(register(number) for number in range(5)))

    with MongoClient[dict[str, Any]](database_uri) as mongo:
        kept = {one["_id"]: one["text"] for one in mongo.get_default_database()["documents"].find()}
    [winner] = [number for number, count in enumerate(new) if count > 0]
    assert sorted(new) == [-1, -1, -1, -1, 2]
    assert kept == {"shared": f"{{ a{winner}: __typename }}", f"own{winner}": TWO}


async def ask(
    client: httpx.AsyncClient, id_: str, *, headers: dict[str, str] | None = None, **rest: Any
) -> httpx.Response:
    """The answer to a request that names a trusted document."""
    return await client.post("/graphql", json={"documentId": id_, **rest}, headers=headers)


async def comes_true(
    client: httpx.AsyncClient, id_: str, condition: Callable[[httpx.Response], bool]
) -> None:
    """Asks for a document until its answer meets the condition."""
    give_up = time.monotonic() + 20
    while not condition(answer := await ask(client, id_)):
        assert time.monotonic() < give_up, answer.text
        await asyncio.sleep(0.02)


def code(response: httpx.Response) -> str | None:
    """The code of an answer's only error, if it has one."""
    errors = response.json().get("errors")
    if errors is None:
        return None
    [error] = errors
    return str(error["extensions"]["code"])


def finds(mongo: MongoClient[dict[str, Any]]) -> int:
    """How often something was looked for in a MongoDB."""
    total: int = mongo.admin.command("serverStatus")["metrics"]["commands"]["find"]["total"]
    return total

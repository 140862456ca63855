"""One customer is found by its id or by its email address."""

from typing import Any

import httpx
import pytest
from pymongo.collection import Collection

from graphql_api.access.principal import Scope
from graphql_api.mongo.customer_documents import EMAIL_KEY, any_of

from ..support.clients import connected, create_customer, execute
from ..support.tokens import api_key, bearer

Documents = Collection[dict[str, Any]]

BY_EMAIL = "query ($email: String!) { found: customerByEmail(email: $email) { id email name } }"
NODE = "query ($id: ID!) { found: node(id: $id) { __typename id ... on Customer { email } } }"
NO_ID = "00000000-0000-4000-8000-000000000000"


async def find(client: httpx.AsyncClient, query: str, **variables: str) -> dict[str, Any] | None:
    answer = await execute(client, query, variables)
    assert "errors" not in answer, answer
    found: dict[str, Any] | None = answer["data"]["found"]
    return found


@pytest.mark.parametrize(
    ("stored", "texts"),
    [
        (
            "John.Smith+tag@example.com",
            [
                "John.Smith+tag@example.com",
                "JOHN.SMITH+TAG@EXAMPLE.COM",
                " john.smith+tag@example.com\n",
            ],
        ),
        ("Ünal@example.com", ["ünal@example.com", "U\u0308NAL@example.com"]),
        ("straße@bücher.de", ["STRASSE@xn--bcher-kva.de", "strasse@BÜCHER.de"]),
    ],
)
async def test_an_email_address_finds_its_customer_in_any_case_and_form(
    stored: str, texts: list[str], client: httpx.AsyncClient
) -> None:
    await create_customer(client, email="other@example.com")
    created = (await create_customer(client, email=stored, name="John Smith"))["customer"]

    found = [await find(client, BY_EMAIL, email=text) for text in texts]

    expected = {"id": created["id"], "email": created["email"], "name": "John Smith"}
    assert found == [expected] * len(texts)


@pytest.mark.parametrize(
    "text",
    [
        *("ohn@example.com", "john@example.co", "john@example.com.", "john", "", "*", "^john"),
        *("john@exam\ud800ple.com", "\0", "j" * 10_000, f"{'j' * 10_000}@example.com"),
    ],
    ids=lambda text: ascii(text)[:30],
)
async def test_a_part_of_an_address_and_an_invalid_address_find_nothing(
    text: str, client: httpx.AsyncClient
) -> None:
    await create_customer(client, email="john@example.com")

    assert await find(client, BY_EMAIL, email=text) is None


async def test_an_address_is_found_by_its_index(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    await create_customer(client, email="john@example.com")

    plan = documents.find(any_of([(EMAIL_KEY, "john@example.com")])).explain()

    assert plan["queryPlanner"]["winningPlan"]["inputStage"]["indexName"] == EMAIL_KEY
    assert plan["executionStats"]["totalDocsExamined"] == 1


async def test_a_node_is_the_customer_with_its_id(client: httpx.AsyncClient) -> None:
    created = (await create_customer(client, email="john@example.com"))["customer"]

    found = await find(client, NODE, id=created["id"])

    assert found == {
        "__typename": "Customer",
        "id": created["id"],
        "email": "john@example.com",
    }


@pytest.mark.parametrize("id_", [NO_ID, "1", "", "john@example.com"])
async def test_an_id_that_was_not_given_out_finds_nothing(
    id_: str, client: httpx.AsyncClient
) -> None:
    await create_customer(client, email="john@example.com")

    assert await find(client, NODE, id=id_) is None


@pytest.mark.parametrize("query", [BY_EMAIL, NODE], ids=["customerByEmail", "node"])
async def test_finding_requires_the_scope_for_reading(query: str, database_uri: str) -> None:
    variables = {"email": "john@example.com"} if query == BY_EMAIL else {"id": NO_ID}
    writer = await api_key(database_uri, Scope.CUSTOMERS_WRITE)
    reader = await api_key(database_uri, Scope.CUSTOMERS_READ)

    async with connected(database_uri, keys=True) as client:
        refused = await execute(client, query, variables, bearer(writer))
        allowed = await execute(client, query, variables, bearer(reader))

    assert refused["data"] == {"found": None}
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "customers:read" in refused["errors"][0]["message"]
    assert allowed == {"data": {"found": None}}

"""The header `Idempotency-Key`: one key for one creation, in every form of a document."""

from typing import Any

import httpx
import pytest
from pymongo.collection import Collection

from ..support.clients import execute

Documents = Collection[dict[str, Any]]

HEADER = {"Idempotency-Key": "k1"}
MODERN = {**HEADER, "Accept": "application/graphql-response+json"}
MESSAGE = (
    "The header Idempotency-Key is for requests with one creation, and this request has several. "
    "Send each key as the argument `idempotencyKey`."
)


def creation(alias: str, *, key: str = "", directive: str = "") -> str:
    """One creation of a new customer."""
    key = f', idempotencyKey: "{key}"' if key else ""
    return (
        f'{alias}: createCustomer(input: {{email: "{alias}@example.com"}}{key}) {directive}'
        "{ __typename }"
    )


A, B = creation("a"), creation("b")
BY_VARIABLES = (
    "mutation ($one: Boolean!, $other: Boolean = true) { "
    + creation("a", directive="@include(if: $one)")
    + creation("b", directive="@skip(if: $other)")
    + " }"
)


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        (f"mutation {{ {A} {B} }}", None),
        (f"mutation {{ __typename {A} {B} {creation('c')} }}", None),
        (f"mutation {{ {A} ... {{ {B} }} }}", None),
        (f"mutation {{ ... on Mutation {{ {A} {B} }} }}", None),
        (f"mutation {{ ...both }} fragment both on Mutation {{ {A} {B} }}", None),
        (f"mutation {{ ...one {A} }} fragment one on Mutation {{ {B} }}", None),
        (BY_VARIABLES, {"one": True, "other": False}),
        (f"mutation {{ {creation('a', key='k1')} {B} }}", None),
        (f"mutation {{ {creation('a', key='k2')} {creation('b', key='k3')} }}", None),
    ],
)
async def test_several_creations_with_the_header_are_rejected_before_the_first(
    client: httpx.AsyncClient,
    documents: Documents,
    document: str,
    variables: dict[str, Any] | None,
) -> None:
    # The prepared operation produces the third answer.
    for _ in range(3):
        answer = await execute(client, document, variables, HEADER)

        [error] = answer["errors"]
        assert error["message"] == MESSAGE
        assert error["extensions"] == {"code": "BAD_USER_INPUT"}
        assert "data" not in answer
    assert documents.count_documents({}) == 0


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        (f"mutation {{ {A} }}", None),
        (f"mutation {{ ... {{ {A} }} }}", None),
        (f"mutation {{ __typename {A} }}", None),
        # Fields with the same response key are one field.
        (f"mutation {{ {A} {A} ...one }} fragment one on Mutation {{ {A} }}", None),
        (f"mutation {{ {A} {creation('b', directive='@skip(if: true)')} }}", None),
        (f"mutation {{ {A} ... @include(if: false) {{ {B} }} }}", None),
        (BY_VARIABLES, {"one": True}),
        (BY_VARIABLES, {"one": False, "other": False}),
        (f"mutation {{ {creation('a', key='k1')} }}", None),
    ],
)
async def test_one_creation_with_the_header_is_done_once(
    client: httpx.AsyncClient,
    documents: Documents,
    document: str,
    variables: dict[str, Any] | None,
) -> None:
    for _ in range(3):
        answer = await execute(client, document, variables, HEADER)

        assert "errors" not in answer
    assert documents.count_documents({}) == 1


async def test_several_creations_have_keys_of_their_own_in_arguments(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    document = f"mutation {{ {creation('a', key='k1')} {creation('b', key='k2')} }}"

    for _ in range(3):
        assert "errors" not in await execute(client, document)
    assert documents.count_documents({}) == 2


@pytest.mark.parametrize("variables", [None, {"one": "yes"}, {"one": True, "other": None}])
async def test_invalid_variables_are_reported_first(
    client: httpx.AsyncClient, documents: Documents, variables: dict[str, Any] | None
) -> None:
    answer = await execute(client, BY_VARIABLES, variables, HEADER)

    assert answer["errors"]
    assert MESSAGE not in str(answer)
    assert documents.count_documents({}) == 0


async def test_a_header_for_several_creations_is_a_request_error(client: httpx.AsyncClient) -> None:
    body = {"query": f"mutation {{ {A} {B} }}"}

    response = await client.post("/graphql", json=body, headers=MODERN)

    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}


async def test_queries_accept_and_ignore_the_header(client: httpx.AsyncClient) -> None:
    query = '{ a: customer(id: "1") { id } b: customer(id: "2") { id } }'

    answer = await execute(client, query, headers=HEADER)

    assert answer == {"data": {"a": None, "b": None}}

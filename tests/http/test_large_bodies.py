"""Large bodies: for `createCustomers` alone, and few at a time."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from graphql_api.customers.fields import FIELDS

from ..support.clients import CREATE_CUSTOMER, CREATE_CUSTOMERS, connected

USUAL = 65_536
LARGE = 6_291_456

MUTATION = "mutation ($inputs: [CreateCustomerInput!]!) "
FIELD = "createCustomers(inputs: $inputs) { failedCount }"
# A letter that takes the most bytes, in UTF-8 and as escapes of JSON, and a shorter one.
LETTERS = {
    "in UTF-8": ("\U0001e900", False),
    "as one escape": ("\u4e00", True),
    "as two escapes": ("\U0001e900", True),
}


def post_of(query: str, inputs: list[dict[str, Any]], **other: Any) -> bytes:
    """The body of a request."""
    content = {"query": query, "variables": {"inputs": inputs, "onError": "CREATE_VALID"}, **other}
    return json.dumps(content).encode()


async def post(client: httpx.AsyncClient, content: Any) -> tuple[int, Any]:
    """The status and the answer."""
    headers = {"Content-Type": "application/json"}
    response = await client.post("/graphql", content=content, headers=headers)
    return response.status_code, response.json()


async def in_chunks(content: bytes) -> AsyncIterator[bytes]:
    """The same body without an announced length."""
    for start in range(0, len(content), 50_000):
        yield content[start : start + 50_000]


def code(answer: Any) -> Any:
    [error] = answer["errors"]
    return error["extensions"]["code"]


@pytest.mark.in_time
@pytest.mark.parametrize(("letter", "ensure_ascii"), LETTERS.values(), ids=LETTERS)
async def test_1000_customers_of_the_greatest_length_are_accepted(
    letter: str, *, ensure_ascii: bool, client: httpx.AsyncClient
) -> None:
    longest = {field.public_name: letter * field.rule.max_length for field in FIELDS}
    content = {"query": MUTATION + f"{{ {FIELD} }}", "variables": {"inputs": [longest] * 1000}}
    body = json.dumps(content, ensure_ascii=ensure_ascii).encode()
    assert 2_000_000 < len(body) <= LARGE

    for sent in (body, in_chunks(body)):
        assert await post(client, sent) == (
            200,
            {"data": {"createCustomers": {"failedCount": 1000}}},
        )


@pytest.mark.parametrize("length", [USUAL, USUAL + 1, LARGE, LARGE + 1])
async def test_a_large_body_may_be_as_long_as_its_limit(
    length: int, client: httpx.AsyncClient
) -> None:
    body = post_of(CREATE_CUSTOMERS, []).ljust(length)

    for sent in (body, in_chunks(body)):
        status, answer = await post(client, sent)

        if length <= LARGE:
            assert (status, answer["data"]["createCustomers"]["failedCount"]) == (200, 0)
        else:
            assert (status, code(answer)) == (413, "CONTENT_TOO_LARGE")
            assert answer["errors"][0]["message"] == "The body is larger than 6,291,456 bytes."


OTHERS = {
    "another operation": post_of(CREATE_CUSTOMER, []),
    "a query": post_of("{ __typename }", []),
    "two fields": post_of(f"{MUTATION} {{ a: {FIELD} b: {FIELD} }}", []),
    "a fragment": post_of(f"{MUTATION} {{ ... {{ {FIELD} }} }}", []),
    "a syntax error": post_of("mutation { createCustomers ", []),
    "an unknown operation": post_of(MUTATION + f"{{ {FIELD} }}", [], operationName="Other"),
    "an unknown trusted document": b'{"documentId": "unknown"}',
}


@pytest.mark.parametrize("body", OTHERS.values(), ids=OTHERS)
async def test_no_other_request_may_have_a_large_body(
    body: bytes, client: httpx.AsyncClient
) -> None:
    for _ in range(2):
        status, answer = await post(client, body.ljust(USUAL + 1))

        assert (status, code(answer)) == (413, "CONTENT_TOO_LARGE")
        assert answer["errors"][0]["message"] == "The body is larger than 65,536 bytes."


async def test_of_a_large_body_the_document_may_not_be_large(client: httpx.AsyncClient) -> None:
    body = post_of(CREATE_CUSTOMERS.ljust(USUAL + 1), [])

    status, answer = await post(client, body)

    assert (status, code(answer)) == (413, "CONTENT_TOO_LARGE")


async def test_the_usual_limit_may_be_the_larger_one(database_uri: str) -> None:
    async with connected(database_uri, max_body_bytes=1000, max_bulk_body_bytes=1) as client:
        assert (await post(client, b'{"query": "{ __typename }"}'.ljust(1000)))[0] == 200
        assert (await post(client, b'{"query": "{ __typename }"}'.ljust(1001)))[0] == 413


async def test_four_large_requests_have_room_at_a_time(client: httpx.AsyncClient) -> None:
    body = post_of(CREATE_CUSTOMERS, []).ljust(USUAL + 1)
    arrived, may_end = asyncio.Semaphore(0), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield body
        arrived.release()
        await may_end.wait()

    slow = [asyncio.create_task(post(client, slowly())) for _ in range(4)]
    for _ in slow:
        await arrived.acquire()
    for sent in (body, in_chunks(body)):
        status, answer = await post(client, sent)

        assert (status, code(answer)) == (503, "OVERLOADED")
        assert answer["errors"][0]["message"] == (
            "The server has too many large requests. Retry in 1 second."
        )
    assert (await post(client, b'{"query": "{ __typename }"}'))[0] == 200

    may_end.set()
    assert [status for status, _ in await asyncio.gather(*slow)] == [200] * 4
    assert (await post(client, body))[0] == 200

"""The floor of the benchmarks answers as the server does, so that they compare the same work."""

import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from benchmarks.floor import Floor
from benchmarks.loads import GAP, LOADS
from graphql_api.customers.list_customers import DEFAULT_SIZE

CHANCE = re.compile(rb'"(id|email|createdAt|updatedAt)":"[^"]+"')


@pytest.fixture
async def floor(database_uri: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the floor, on the same database as the application's."""
    app = Floor(database_uri)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client
    await app.aclose()


async def answer(client: httpx.AsyncClient, load: str, value: str = "") -> bytes:
    """The answer to a load whose gap has this value."""
    reply = await client.post(
        "/graphql",
        content=LOADS[load].body.replace(GAP.encode(), value.encode()),
        headers={"Content-Type": "application/json"},
    )
    assert reply.status_code == 200
    LOADS[load].check(json.loads(reply.content))
    return reply.content


async def test_a_creation_is_answered_alike(
    client: httpx.AsyncClient, floor: httpx.AsyncClient
) -> None:
    ours = await answer(client, "create", "ada")
    the_floors = await answer(floor, "create", "grace")

    assert CHANCE.sub(rb"\1", ours) == CHANCE.sub(rb"\1", the_floors)
    assert len(CHANCE.findall(ours)) == 4


async def test_invalid_input_is_answered_alike(
    client: httpx.AsyncClient, floor: httpx.AsyncClient
) -> None:
    assert await answer(client, "invalid") == await answer(floor, "invalid")


async def test_a_read_is_answered_alike(
    client: httpx.AsyncClient, floor: httpx.AsyncClient
) -> None:
    created = json.loads(await answer(client, "create", "ada"))
    id_ = created["data"]["createCustomer"]["customer"]["id"]

    assert await answer(client, "read", id_) == await answer(floor, "read", id_)


async def test_a_list_is_answered_alike(
    client: httpx.AsyncClient, floor: httpx.AsyncClient
) -> None:
    for number in range(DEFAULT_SIZE):
        await answer(client, "create", f"ada{number}")
    whole = await answer(client, "list")
    assert whole == await answer(floor, "list")

    await answer(client, "create", "grace")
    ours = await answer(client, "list")
    assert ours == await answer(floor, "list")
    assert ours != whole

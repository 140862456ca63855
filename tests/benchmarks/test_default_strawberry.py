"""The peer that is written as Strawberry's documentation shows returns the expected answers."""

import importlib
import json
from typing import Any

import httpx
import pytest

from benchmarks.loads import GAP, LOADS, NEWEST
from graphql_api.customers.list_customers import DEFAULT_SIZE


async def answer(to: httpx.AsyncClient, load: str, value: str) -> bytes:
    body = LOADS[load].body.replace(GAP.encode(), value.encode())
    headers = {"Content-Type": "application/json"}
    reply = await to.post("/graphql", content=body, headers=headers)
    LOADS[load].check(reply.json())
    return reply.content


async def page(to: httpx.AsyncClient, **variables: str) -> tuple[list[str], dict[str, Any]]:
    """The ids of one page, and where it is."""
    reply = await to.post("/graphql", json={"query": NEWEST, "variables": variables})
    customers = reply.json()["data"]["customers"]
    return [customer["id"] for customer in customers["nodes"]], customers["pageInfo"]


async def test_each_load_gets_its_expected_answer(
    client: httpx.AsyncClient, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHMARK_MONGODB_URI", database_uri)
    peer = importlib.import_module("benchmarks.default_strawberry")
    transport = httpx.ASGITransport(peer.app)
    pages = []

    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as peers:
        created = json.loads(await answer(peers, "create", "ada"))["data"]["createCustomer"]
        invalid = await answer(peers, "invalid", "")
        read = json.loads(await answer(peers, "read", created["customer"]["id"]))
        ours = await answer(client, "invalid", "")
        for number in range(DEFAULT_SIZE):
            await answer(client, "create", f"grace{number}")
        for server in (client, peers):
            await answer(server, "list", "")
            first, info = await page(server)
            last, end = await page(server, after=info["endCursor"])
            found, _ = await page(server, search="GRÀCE4")
            assert (len(first), info["hasNextPage"]) == (DEFAULT_SIZE, True)
            assert (last, end["hasNextPage"]) == ([created["customer"]["id"]], False)
            pages.append((first, found))
    peer.client.close()

    assert read["data"]["customer"]["email"] == created["customer"]["email"] == "ada@example.com"
    assert json.loads(invalid) == json.loads(ours)
    assert pages[0] == pages[1]
    assert len(pages[0][1]) == 11

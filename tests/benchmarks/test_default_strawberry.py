"""The peer that is written as Strawberry's documentation shows returns the expected answers."""

import importlib
import json

import httpx
import pytest

from benchmarks.loads import GAP, LOADS


async def test_each_load_gets_its_expected_answer(
    client: httpx.AsyncClient, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHMARK_MONGODB_URI", database_uri)
    peer = importlib.import_module("benchmarks.default_strawberry")
    transport = httpx.ASGITransport(peer.app)

    async def answer(to: httpx.AsyncClient, load: str, value: str) -> bytes:
        body = LOADS[load].body.replace(GAP.encode(), value.encode())
        headers = {"Content-Type": "application/json"}
        reply = await to.post("/graphql", content=body, headers=headers)
        LOADS[load].check(reply.json())
        return reply.content

    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as peers:
        created = json.loads(await answer(peers, "create", "ada"))["data"]["createCustomer"]
        invalid = await answer(peers, "invalid", "")
        read = json.loads(await answer(peers, "read", created["customer"]["id"]))
        ours = await answer(client, "invalid", "")
    peer.client.close()

    assert read["data"]["customer"]["email"] == created["customer"]["email"] == "ada@example.com"
    assert json.loads(invalid) == json.loads(ours)

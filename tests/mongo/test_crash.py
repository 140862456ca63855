"""Crashes: acknowledged customers are stored once, and the others can be sent again."""

import asyncio
import contextlib
import os
import signal
from collections import Counter
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from pymongo import MongoClient

from ..support.clients import create_customer, create_customers, read_customer
from ..support.servers import Server, mongods, serving, until

_CLIENTS = 16
_ACKNOWLEDGED_BEFORE_A_CRASH = 40

# By email address, which is also the idempotency key of the creation.
Customers = dict[str, dict[str, Any]]


async def test_customers_that_were_acknowledged_before_a_crash_are_stored_once(
    data_dir: Path, tmp_path: Path
) -> None:
    flags, errors = ("--data-dir", str(data_dir)), tmp_path / "stderr"
    acknowledged: Customers = {}
    unanswered: list[str] = []

    for name, mongod_dies_too in (("first", False), ("second", True), ("third", False)):
        with serving(*flags, errors=errors, stop=False) as server:
            await send_again(server, unanswered, acknowledged)
            assert customers_stored(data_dir) == each_once(acknowledged)
            victims = mongods(data_dir) if mongod_dies_too else []
            unanswered = await killed_amid_creations(server, victims, name, acknowledged)

        assert len(unanswered) == _CLIENTS

    with serving(*flags, errors=errors) as server:
        await send_again(server, unanswered, acknowledged)
        assert customers_stored(data_dir) == each_once(acknowledged)
        await all_can_be_read(server, acknowledged)


async def killed_amid_creations(
    server: Server, mongod: list[int], name: str, acknowledged: Customers
) -> list[str]:
    """Creates customers until the crash; returns the email addresses that got no answer."""
    progress = asyncio.Semaphore(0)

    async def create_until_unanswered(client: httpx.AsyncClient, client_name: str) -> str:
        number = 0
        while True:
            email = f"{client_name}-{number}@example.com"
            try:
                acknowledged[email] = await create(client, email)
            except httpx.TransportError:
                return email
            progress.release()
            number += 1

    async with client_of(server) as client, asyncio.timeout(20):
        streams = asyncio.gather(
            *(create_until_unanswered(client, f"{name}-{number}") for number in range(_CLIENTS))
        )
        for _ in range(_ACKNOWLEDGED_BEFORE_A_CRASH):
            await progress.acquire()
        server.kill()
        for pid in mongod:
            os.kill(pid, signal.SIGKILL)
        return await streams


async def send_again(server: Server, unanswered: list[str], acknowledged: Customers) -> None:
    """Sends the creations without an answer again, with the same keys."""
    async with client_of(server) as client:
        created = await asyncio.gather(*(create(client, email) for email in unanswered))
    acknowledged.update(zip(unanswered, created, strict=True))


async def all_can_be_read(server: Server, acknowledged: Customers) -> None:
    async with client_of(server) as client:
        for customer in acknowledged.values():
            assert await read_customer(client, customer["id"]) == customer


def customers_stored(data_dir: Path) -> Counter[tuple[str, str]]:
    """How often each email address and id is stored."""
    socket = quote(str(data_dir / "mongod" / "mongod.sock"), safe="")
    uri = f"mongodb://{socket}/graphql_api?directConnection=true&uuidRepresentation=standard"
    with MongoClient[dict[str, Any]](uri) as mongo:
        documents = mongo.get_default_database()["customers"].find()
        return Counter((document["email"], str(document["_id"])) for document in documents)


def each_once(customers: Customers) -> Counter[tuple[str, str]]:
    return Counter((email, customer["id"]) for email, customer in customers.items())


async def create(client: httpx.AsyncClient, email: str) -> dict[str, Any]:
    created = await create_customer(client, email=email, idempotency_key=email)
    assert created["__typename"] == "CreateCustomerSuccess"
    customer: dict[str, Any] = created["customer"]
    return customer


def client_of(server: Server) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    return httpx.AsyncClient(base_url=server.url, timeout=20)


async def test_a_list_that_a_crash_cuts_is_completed_when_it_is_sent_again(
    data_dir: Path, tmp_path: Path
) -> None:
    flags, errors = ("--data-dir", str(data_dir)), tmp_path / "stderr"
    inputs: list[dict[str, Any]] = [{"email": f"c{number}@example.com"} for number in range(1000)]
    inputs[500:502] = [{"email": "invalid"}, inputs[0]]

    with serving(*flags, errors=errors, stop=False) as server:
        async with client_of(server) as client:
            sending = asyncio.create_task(create_customers(client, inputs, idempotency_key="key"))
            await asyncio.to_thread(until, lambda: customers_stored(data_dir), "some are stored")
            server.kill()
            with contextlib.suppress(httpx.TransportError):
                await sending
    with serving(*flags, errors=errors) as server:
        async with client_of(server) as client:
            first, second = [
                await create_customers(client, inputs, idempotency_key="key") for _ in range(2)
            ]
        all_stored = customers_stored(data_dir)

    created = [one["customer"] for one in first["results"] if "customer" in one]
    assert [one["email"] for one in created] == [
        one["email"] for n, one in enumerate(inputs) if n not in (500, 501)
    ]
    assert first["replayedCount"] > 0
    assert first["createdCount"] + first["replayedCount"] == second["replayedCount"] == 998
    assert all_stored == Counter((one["email"], one["id"]) for one in created)
    for one in (*first["results"], *second["results"]):
        one.pop("replayed", None)
    assert first["results"] == second["results"]

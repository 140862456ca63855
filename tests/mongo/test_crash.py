"""Crashes: acknowledged customers are stored once, and the others can be sent again."""

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from pymongo import MongoClient

from ..support.clients import create_customer, create_customers, read_customer, until_ready
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
        kill(server, mongod)
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
    with MongoClient[dict[str, Any]](uri_of(data_dir)) as mongo:
        documents = mongo.get_default_database()["customers"].find()
        return Counter((document["email"], str(document["_id"])) for document in documents)


def uri_of(data_dir: Path) -> str:
    socket = quote(str(data_dir / "mongod" / "mongod.sock"), safe="")
    return f"mongodb://{socket}/graphql_api?directConnection=true&uuidRepresentation=standard"


def each_once(customers: Customers) -> Counter[tuple[str, str]]:
    return Counter((email, customer["id"]) for email, customer in customers.items())


async def create(client: httpx.AsyncClient, email: str) -> dict[str, Any]:
    created = await create_customer(client, email=email, idempotency_key=email)
    assert created["__typename"] == "CreateCustomerSuccess"
    customer: dict[str, Any] = created["customer"]
    return customer


@asynccontextmanager
async def client_of(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that is ready: after a crash, MongoDB first recovers its journal."""
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        await until_ready(client)
        yield client


@pytest.mark.in_time
@pytest.mark.parametrize("mongod_dies_too", [False, True])
async def test_a_list_that_a_crash_cuts_is_completed_when_it_is_sent_again(
    *, mongod_dies_too: bool, data_dir: Path, tmp_path: Path
) -> None:
    flags, errors = ("--data-dir", str(data_dir)), tmp_path / "stderr"
    inputs: list[dict[str, Any]] = [{"email": f"c{number}@example.com"} for number in range(400)]
    inputs[200:202] = [{"email": "invalid"}, inputs[0]]

    with serving(*flags, errors=errors, stop=False) as server:
        async with client_of(server) as client:
            sending = asyncio.create_task(create_customers(client, inputs, idempotency_key="key"))
            # The first part of the list is in the journal before the next one is sent.
            await asyncio.to_thread(
                until, lambda: len(customers_stored(data_dir)) > 100, "more than one part is stored"
            )
            kill(server, mongods(data_dir) if mongod_dies_too else [])
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
        one["email"] for n, one in enumerate(inputs) if n not in (200, 201)
    ]
    assert first["replayedCount"] >= 100
    assert first["createdCount"] + first["replayedCount"] == second["replayedCount"] == 398
    assert all_stored == Counter((one["email"], one["id"]) for one in created)
    assert without_replayed(first) == without_replayed(second)


@pytest.mark.in_time
@pytest.mark.parametrize("mongod_dies_too", [False, True])
async def test_a_crash_amid_a_whole_list_stores_all_of_it_or_nothing(
    *, mongod_dies_too: bool, data_dir: Path, tmp_path: Path
) -> None:
    flags, errors = ("--data-dir", str(data_dir)), tmp_path / "stderr"
    inputs = [{"email": f"c{number}@example.com"} for number in range(1000)]
    invalid = [*inputs[:-1], {"email": "invalid"}]

    async def create(client: httpx.AsyncClient, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        return await create_customers(client, inputs, on_error="CREATE_NONE", idempotency_key="key")

    with serving(*flags, errors=errors, stop=False) as server:
        async with client_of(server) as client:
            refused = await create(client, invalid)
            assert (refused["createdCount"], customers_stored(data_dir)) == (0, Counter())
            sending = asyncio.create_task(create(client, inputs))
            await asyncio.to_thread(until, lambda: transactions(data_dir), "a transaction begins")
            kill(server, mongods(data_dir) if mongod_dies_too else [])
            with contextlib.suppress(httpx.TransportError):
                await sending
    with serving(*flags, errors=errors) as server:
        count = len(customers_stored(data_dir))
        async with client_of(server) as client:
            first, second = [await create(client, inputs) for _ in range(2)]
        all_stored = customers_stored(data_dir)

    assert count in (0, 1000)
    assert (first["createdCount"], first["replayedCount"]) == (1000 - count, count)
    assert second["replayedCount"] == 1000
    assert all_stored == Counter(
        (one["customer"]["email"], one["customer"]["id"]) for one in first["results"]
    )
    assert without_replayed(first) == without_replayed(second)


def kill(server: Server, mongod: list[int]) -> None:
    server.kill()
    for pid in mongod:
        os.kill(pid, signal.SIGKILL)


def without_replayed(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The results of a list, row by row."""
    return [
        {name: value for name, value in one.items() if name != "replayed"}
        for one in result["results"]
    ]


def transactions(data_dir: Path) -> int:
    """How many transactions of several statements were started."""
    with MongoClient[dict[str, Any]](uri_of(data_dir)) as mongo:
        started: int = mongo.admin.command("serverStatus")["transactions"]["totalStarted"]
        return started

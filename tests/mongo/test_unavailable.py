"""Answers while the database is unreachable, and the recovery when it is back."""

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient
from pymongo.collection import Collection
from structlog.testing import capture_logs

from graphql_api.customers.listings import Listing
from graphql_api.mongo.exports import export_customers
from graphql_api.mongo.mongod import embedded_mongod, find_mongod

from ..support.clients import (
    CREATE_CUSTOMERS,
    CUSTOMER,
    ask_to_create,
    code,
    connected,
    create_customer,
    execute,
    until_not_ready,
    until_ready,
)
from ..support.databases import database_at
from ..support.replica_sets import replica_set
from ..support.servers import frozen, mongods, until

# More than fit into two batches.
EMAILS = [f"c{number}@example.com" for number in range(250)]


@pytest.fixture
def own_mongod(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """The URI and the process id of a MongoDB that a test may freeze."""
    with embedded_mongod(find_mongod(None), tmp_path) as uri:
        [pid] = mongods(tmp_path)
        yield uri, pid


@pytest.mark.in_time
async def test_a_frozen_database_is_unavailable_within_5_seconds_and_service_resumes(
    own_mongod: tuple[str, int],
) -> None:
    uri, pid = own_mongod
    async with connected(uri) as client:
        await create_customer(client)
        with capture_logs() as logged, frozen(pid):
            query = {"query": CUSTOMER, "variables": {"id": str(uuid4())}}
            reading = asyncio.create_task(client.post("/graphql", json=query))
            creating = asyncio.gather(*(ask_to_create(client, email) for email in EMAILS[:-1]))
            health = await client.get("/healthz")
            await until_not_ready(client)
            answers = list(map(code, await creating))
            read = await reading
            answers.append(code(await ask_to_create(client, EMAILS[-1])))

        assert health.status_code == 200
        assert (code(read.json()), read.headers["retry-after"]) == ("UNAVAILABLE", "1")
        assert await resumes(client)

    # The promised times of the server are 5 seconds and 1, on a machine that runs it at once.
    assert slowest(logged, "/graphql") < 6
    assert slowest(logged, "/readyz") < 2
    # Customers that were sent before the driver noticed may still be stored. The rest is not.
    assert set(answers[:-1]) <= {"OUTCOME_UNKNOWN", "UNAVAILABLE"}
    assert answers[-1] == "UNAVAILABLE"
    with MongoClient[dict[str, Any]](uri) as mongo:
        emails = mongo["graphql_api"]["customers"].distinct("email", {"email": {"$in": EMAILS}})
    answer_to = dict(zip(EMAILS, answers, strict=True))
    assert {answer_to[email] for email in emails} <= {"OUTCOME_UNKNOWN"}


async def test_the_outcome_of_a_write_to_a_locked_database_is_unknown(
    own_mongod: tuple[str, int],
) -> None:
    uri, _ = own_mongod
    async with connected(uri) as client:
        with MongoClient[dict[str, Any]](uri) as mongo:
            mongo.admin.command("fsync", lock=True)
            answer = await ask_to_create(client, "locked@example.com")
            mongo.admin.command("fsyncUnlock")

        assert code(answer) == "OUTCOME_UNKNOWN"
        assert await resumes(client)


async def test_a_database_that_is_locked_for_a_backup_is_not_ready(
    own_mongod: tuple[str, int],
) -> None:
    uri, _ = own_mongod
    async with connected(uri) as client:
        with MongoClient[dict[str, Any]](uri) as mongo:
            mongo.admin.command("fsync", lock=True)
            await until_not_ready(client)
            mongo.admin.command("fsyncUnlock")

        await until_ready(client)


@pytest.mark.in_time
async def test_a_health_check_writes_only_if_no_customer_was_created_lately(
    client: httpx.AsyncClient, documents: Collection[dict[str, Any]]
) -> None:
    writes = documents.database["readiness"]
    await create_customer(client)
    ready = await client.get("/readyz")
    before = writes.count_documents({})
    await asyncio.sleep(1.1)

    answers = await asyncio.gather(*(client.get("/readyz") for _ in range(20)))

    assert {answer.status_code for answer in (ready, *answers)} == {200}
    assert (before, writes.count_documents({})) == (0, 1)


async def test_a_write_that_the_database_refuses_for_an_unknown_reason_is_the_servers_fault(
    client: httpx.AsyncClient,
    documents: Collection[dict[str, Any]],
) -> None:
    documents.database.command("collMod", "customers", validator={"email": "no one's"})

    with capture_logs() as logged:
        answer = await ask_to_create(client, "refused@example.com")

    assert code(answer) == "INTERNAL_SERVER_ERROR"
    assert "WriteError" in str(logged)
    assert "refused@example.com" not in str([logged, answer])


async def test_a_database_that_dies_is_unavailable_until_it_is_back(
    own_mongod: tuple[str, int],
) -> None:
    uri, pid = own_mongod
    async with connected(uri) as client:
        await create_customer(client)

        os.kill(pid, signal.SIGKILL)

        assert code(await ask_to_create(client, "dead@example.com")) in {
            "UNAVAILABLE",
            "OUTCOME_UNKNOWN",
            None,
        }
        assert await resumes(client)


@pytest.mark.in_time
async def test_customers_that_a_dead_database_did_not_get_are_not_stored(
    tmp_path: Path,
) -> None:
    with replica_set(tmp_path, 1) as one:
        [member], database_uri = one.members, one.database_uri()
        async with connected(database_uri) as client, database_at(database_uri) as database:
            await database.set_up()
            await create_customer(client)
            member.kill()
            # The driver has not noticed yet.
            await ask_to_create(client, "first@example.com")

            answer = await ask_to_create(client, "refused@example.com")

            assert code(answer) == "UNAVAILABLE"
            await until_not_ready(client)
            # The list was not sent, so that no transaction needs to be ended.
            inputs = [{"email": "listed@example.com"}]
            variables = {"inputs": inputs, "onError": "CREATE_NONE"}
            answer = await execute(client, CREATE_CUSTOMERS, variables)
            assert code(answer) == "UNAVAILABLE"
            # An export that ends does not wait for a server that could end its part.
            exporting = asyncio.ensure_future(anext(export_customers(database, Listing())))
            servers = database.driver.blocking.client
            await asyncio.to_thread(
                until,
                lambda: not servers.topology_description.has_writable_server(),
                "the driver notices",
            )
            exporting.cancel()
            await asyncio.wait([exporting], timeout=3)
            assert exporting.cancelled()
            member.start()
            await asyncio.to_thread(until, one.is_whole, "it is back")
            assert await resumes(client)
            assert one.customers(database_uri).find_one({"email": "refused@example.com"}) is None


async def test_a_server_starts_without_its_database_and_serves_when_it_is_there(
    tmp_path: Path,
) -> None:
    socket = str(tmp_path / "mongod" / "mongod.sock").replace("/", "%2F")
    async with connected(f"mongodb://{socket}/?directConnection=true") as client:
        readiness = await client.get("/readyz")

        with embedded_mongod(find_mongod(None), tmp_path):
            assert readiness.status_code == 503
            assert await resumes(client)


def slowest(logged: Sequence[Mapping[str, Any]], path: str) -> float:
    """How many seconds the slowest of the logged requests to a path took."""
    durations: list[float] = [line["duration_ms"] for line in logged if line.get("path") == path]
    return max(durations) / 1000


async def resumes(client: httpx.AsyncClient) -> bool:
    """Whether a customer can be created again, after five requests at most."""
    answers = [await ask_to_create(client, f"{number}@example.com") for number in range(5)]
    # Until its next heartbeat, the driver considers a database that was frozen too slow.
    await asyncio.sleep(1.5)
    await until_ready(client)
    return code(answers[-1]) is None

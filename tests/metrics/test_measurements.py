"""What a server process counts: each kind of request exactly, and no name that clients make up."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from graphql_api.app import create_app
from graphql_api.execution import documents
from graphql_api.http.errors import RequestError
from graphql_api.http.graphql import create_documents
from graphql_api.http.rate_limit import RateLimit
from graphql_api.metrics.measurements import Measurements
from graphql_api.metrics.totals import Totals
from graphql_api.mongo.trusted_documents import MongoTrustedDocuments
from graphql_api.settings import Settings

from ..support.clients import (
    client_of,
    create_customer,
    create_customers,
    delete_customer,
    execute,
    update_customer,
)
from ..support.databases import database_at, settings_for
from ..support.scrapes import Numbers, named, numbers

Scrape = Callable[[], Awaitable[Numbers]]


@contextlib.asynccontextmanager
async def measured(
    database_uri: str, **settings: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, Scrape]]:
    """A client of an application that reports to this process, and a function that scrapes."""
    own, of_application = socket.socketpair()
    totals = Totals(("1.0", "3.11", "motor"), 1)
    following = asyncio.create_task(totals.follow(own))
    app = create_app(settings_for(database_uri, **settings), reports=of_application)

    async def scrape() -> Numbers:
        return numbers(await totals.scrape())

    async with app.router.lifespan_context(app), client_of(app) as client:
        yield client, scrape
    await following


async def test_each_kind_of_request_is_counted(database_uri: str) -> None:
    async with database_at(database_uri) as database:
        trusted = {"1": "query MyDashboard { customers { nodes { id } } }"}
        await MongoTrustedDocuments(database).add(trusted, datetime.now(UTC))

    async with measured(database_uri) as (client, scrape):
        created = await create_customer(client, email="ada@secret.example", idempotency_key="key")
        await create_customer(client, email="ada@secret.example")
        await create_customer(client, email="eve@secret.example", idempotency_key="key")
        await create_customer(client, name="1", zip_code="-", email="no-address")
        inputs = [{"email": "grace@secret.example"}, {"email": "grace@secret.example"}]
        await create_customers(client, [*inputs, {"email": "bad"}])
        id_ = created["customer"]["id"]
        await update_customer(client, id_, name="Ada Lovelace")
        await update_customer(client, id_, name="Ada", if_version=1)
        await update_customer(client, id_, city="1")
        await update_customer(client, "unknown", name="Ada")
        await delete_customer(client, id_, if_version=1)
        await delete_customer(client, id_)
        await delete_customer(client, "unknown")
        for _ in range(3):
            await client.post("/graphql", json={"documentId": "1"})
        await client.post("/graphql", json={"documentId": "2"})
        for query in (
            "query Mine { customers { nodes { id } } }",
            '{ customers(after: "x") { nodes { id } } }',
            '{ a: customer(id: "1") { id } b: customer(id: "2") { id } }',
            "{ __typename }",
            "{ nothing }",
            "{",
        ):
            await execute(client, query)
        await client.get("/nothing")
        scraped = await scrape()

    assert named("operations_total", scraped) == {
        "createCustomer success mutation": 1,
        "createCustomer rejected mutation": 3,
        "createCustomers rejected mutation": 1,
        "updateCustomer success mutation": 1,
        "updateCustomer rejected mutation": 3,
        "deleteCustomer success mutation": 1,
        "deleteCustomer rejected mutation": 2,
        "MyDashboard success query": 3,
        "customers success query": 1,
        "customers error query": 1,
        "other success query": 2,
    }
    assert named("operation_duration_seconds_count", scraped) == {
        "createCustomer": 4,
        "createCustomers": 1,
        "updateCustomer": 4,
        "deleteCustomer": 3,
        "MyDashboard": 3,
        "customers": 2,
        "other": 2,
    }
    assert named("errors_total", scraped) == {
        "BAD_USER_INPUT": 1,
        "DOCUMENT_NOT_FOUND": 1,
        "GRAPHQL_VALIDATION_FAILED": 1,
        "GRAPHQL_PARSE_FAILED": 1,
        "NOT_FOUND": 1,
    }
    assert named("http_responses_total", scraped) == {"200": 22, "404": 1}
    assert named("field_errors_total", scraped) == {
        "email EmailTakenError": 1,
        "email InvalidFormatError": 2,
        "email DuplicateInListError": 1,
        "name TooShortError": 1,
        "name InvalidFormatError": 1,
        "zipCode InvalidFormatError": 1,
        "city TooShortError": 1,
        "city InvalidFormatError": 1,
    }
    # Three creations alone, and the valid one of the list.
    assert scraped["batch_size_count"] == scraped["batch_size_sum"] == 4
    assert scraped["batch_wait_seconds_count"] == 4
    assert scraped["mongodb_command_duration_seconds_count insert success"] == 4
    assert scraped["mongodb_connections open"] > scraped["mongodb_connections in_use"]
    assert scraped["requests_in_progress"] == scraped["paused_webhooks"] == 0
    assert scraped["workers"] == 1
    assert "secret" not in " ".join(scraped)


async def test_names_that_clients_make_up_are_no_labels(database_uri: str) -> None:
    async with measured(database_uri) as (client, scrape):
        for number in range(100):
            await execute(client, f"query A{number} {{ a: __typename b: __typename }}")
            await execute(client, f"query B{number} {{ x{number}: customerFieldRules {{ name }} }}")
        scraped = await scrape()

    assert named("operations_total", scraped) == {
        "other success query": 100,
        "customerFieldRules success query": 100,
    }


def test_the_number_of_names_of_trusted_documents_is_limited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(documents, "_MOST_LABELS", 1)
    reader = create_documents(Settings(mongodb_uri="mongodb://localhost"))

    def label(text: str) -> str:
        [operation] = reader.prepare(text, is_trusted=True).operations.values()
        return operation.label

    assert label(f"query {'A' * 65} {{ customer(id: 1) {{ id }} }}") == "customer"
    assert label("query First { customer(id: 1) { id } }") == "First"
    assert label("query Second { customer(id: 1) { id } }") == "customer"
    assert label("query First { a: __typename b: __typename }") == "First"
    assert label("{ a: __typename b: __typename }") == "other"


async def test_each_request_that_exceeds_the_rate_limit_is_counted() -> None:
    measurements = Measurements()
    limit = RateLimit("1/hour", "memory://", measurements)
    await limit.hit("client")

    for check in (limit.hit, limit.test):
        with pytest.raises(RequestError):
            await check("client")

    assert measurements.rate_limited == 2


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_the_commands_of_requests_are_measured(database_uri: str, driver: str) -> None:
    measurements = Measurements()

    async def work(mongodb: AsyncDatabase[dict[str, Any]]) -> None:
        assert await mongodb["nothing"].find().to_list() == []
        assert await mongodb["nothing"].count_documents({}) == 0
        assert await mongodb["nothing"].distinct("name") == []
        await mongodb.command({"listIndexes": "nothing"}, codec_options=mongodb.codec_options)

    async with database_at(database_uri, driver, measurements) as database:
        with pytest.raises(OperationFailure):
            await database.driver.run(work)
        options = database.driver.database.codec_options
        await database.driver.send([{"ping": 1}, {"hello": 1}, {"wrong": 1}], options)
        with database.driver.measured("commitTransaction"):
            pass

        measured_commands = measurements.commands.numbers()
        assert {labels: sum(counts[:-1]) for labels, counts in measured_commands.items()} == {
            ("find", "success"): 1,
            ("aggregate", "success"): 1,
            ("distinct", "success"): 1,
            ("listIndexes", "failure"): 1,
            ("ping", "success"): 1,
            ("hello", "success"): 1,
            ("wrong", "failure"): 1,
            ("commitTransaction", "success"): 1,
        }
        # Motor has a client of its own.
        assert measurements.connections() == ({"motor": 2, "pymongo": 1}[driver], 0)


async def test_a_client_that_has_not_looked_its_hosts_up_has_no_connections() -> None:
    measurements = Measurements()
    uri = "mongodb+srv://customers.example.invalid/"
    async with database_at(uri, measurements=measurements):
        assert measurements.connections() == (0, 0)


async def test_a_process_that_ends_before_it_serves_counts_nothing() -> None:
    own, of_process = socket.socketpair()
    totals = Totals(("1.0", "3.11", "motor"), 2)
    following = asyncio.create_task(totals.follow(own))
    while not totals._processes:  # noqa: ASYNC110  # no event announces it
        await asyncio.sleep(0)
    before = numbers(await totals.scrape())

    of_process.close()
    await following

    after = numbers(await totals.scrape())
    assert before == after
    assert after["workers"] == 0

"""The collection has its validator and its indexes before a customer is stored."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient
from pymongo.collection import Collection
from structlog.testing import capture_logs

from graphql_api.app import create_app
from graphql_api.faults import Misconfigured
from graphql_api.mongo.customer_documents import (
    EMAIL_KEY,
    IDEMPOTENCY_KEY,
    any_of,
    from_document,
    unique_values,
)
from graphql_api.mongo.database import MongoDatabase
from graphql_api.mongo.mongod import find_mongod
from graphql_api.settings import Settings, SettingsError

from ..support.clients import connected, create_customer, read_customer
from ..support.databases import DRIVER, database_at
from ..support.mongo_customers import assert_ensured
from ..support.servers import until

Documents = Collection[dict[str, Any]]


async def test_many_servers_may_start_at_once(database_uri: str, documents: Documents) -> None:
    servers = [MongoDatabase(database_uri, DRIVER) for _ in range(8)]

    await asyncio.gather(*(server.set_up() for server in servers * 2))

    assert_ensured(documents)
    for server in servers:
        await server.aclose()


async def test_unique_values_are_found_by_index(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    await create_customer(client, idempotency_key="key")
    [document] = documents.find({})
    values = unique_values(from_document(document))
    others = [("_id", uuid4()), (EMAIL_KEY, "other@example.com"), (IDEMPOTENCY_KEY, "other")]

    for query in (any_of(some) for some in (*map(list, zip(values)), values, values + others)):
        assert documents.find_one(query) == document
        assert "COLLSCAN" not in plan(documents, query)


async def test_a_single_id_is_found_by_the_fastest_plan(documents: Documents) -> None:
    documents.insert_one({})

    assert "IDHACK" in plan(documents, any_of([("_id", uuid4())]))


def plan(documents: Documents, query: dict[str, Any]) -> str:
    """The plan by which MongoDB would execute the query."""
    return json.dumps(documents.find(query).explain()["queryPlanner"], default=str)


async def test_customers_that_are_stored_already_remain(
    database_uri: str, documents: Documents
) -> None:
    now = datetime.now(UTC)
    id_ = uuid4()
    documents.insert_one(
        {
            "_id": id_,
            "email": "Old@example.com",
            "emailCaseFolded": "old@example.com",
            "createdAt": now,
            "updatedAt": now,
        }
    )

    async with connected(database_uri) as client:
        refused = await create_customer(client, email="old@EXAMPLE.com")
        old = await read_customer(client, str(id_))

    assert refused["errors"][0]["__typename"] == "EmailTakenError"
    assert old is not None
    assert old["email"] == "Old@example.com"
    assert_ensured(documents)


def test_a_server_does_not_start_with_duplicates_and_does_not_show_them(
    database_uri: str, documents: Documents
) -> None:
    documents.insert_many([{"emailCaseFolded": "twice@example.com"} for _ in range(2)])

    refusal = refused_start(database_uri)

    assert "share an email address" in refusal
    assert "twice@example.com" not in refusal


def test_a_server_does_not_start_with_a_wrong_password(database_uri: str) -> None:
    refusal = refused_start(database_uri.replace("mongodb://", "mongodb://user:s3cr3t@"))

    assert refusal == "MongoDB refuses to set up `customers`: AuthenticationFailed."


@pytest.fixture
def standalone_uri(tmp_path: Path) -> Iterator[str]:
    """The URI of a MongoDB that is not a replica set."""
    socket = tmp_path / "mongod.sock"
    options = ["--dbpath", ".", "--bind_ip", str(socket), "--nounixsocket"]
    with subprocess.Popen(  # noqa: S603  # the project's own binary
        [find_mongod(None), *options], cwd=tmp_path, stdout=subprocess.DEVNULL
    ) as mongod:
        until(socket.exists, "mongod listens")
        uri = f"mongodb://{quote(str(socket), safe='')}/"
        with MongoClient[dict[str, Any]](uri) as standalone:
            # The driver waits until it answers.
            standalone.admin.command("ping")
        yield uri
        mongod.terminate()


def test_a_server_does_not_start_without_a_replica_set(standalone_uri: str) -> None:
    refusal = refused_start(standalone_uri)

    assert refusal == "GRAPHQL_API_MONGODB_URI must name a replica set or a mongos."


def test_a_server_does_not_start_on_a_database_name_that_differs_in_case_only(
    database_uri: str, documents: Documents
) -> None:
    documents.insert_one({})

    refusal = refused_start(database_uri.replace("/test-", "/TEST-"))

    assert refusal == "MongoDB refuses to set up `customers`: DatabaseDifferCase."


def refused_start(uri: str) -> str:
    """The message of a server that does not start on this database."""

    async def start() -> None:
        async with database_at(uri) as database:
            await database.set_up()

    with pytest.raises(Misconfigured) as refusal:
        asyncio.run(start())
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None
    return str(refusal.value)


def test_the_log_says_once_why_a_database_is_misconfigured(standalone_uri: str) -> None:
    async def ask_again_and_again() -> list[BaseException | None]:
        async with database_at(standalone_uri) as database:
            asked = [asyncio.create_task(database.set_up()) for _ in range(2)]
            await asyncio.wait(asked)
            # The next try is due after a second, or after the time that the last one took.
            await asyncio.sleep(3)
            asked.append(asyncio.create_task(database.set_up()))
            await asyncio.wait(asked)
            return [task.exception() for task in asked]

    with capture_logs() as logged:
        outcomes = asyncio.run(ask_again_and_again())

    assert [type(outcome) for outcome in outcomes] == [Misconfigured] * 3
    assert [line["event"] for line in logged] == [str(outcomes[0])]


async def test_an_application_does_not_start_on_a_misconfigured_database(
    database_uri: str, documents: Documents
) -> None:
    documents.insert_many([{"emailCaseFolded": "twice@example.com"} for _ in range(2)])

    with pytest.raises(Misconfigured):
        await connected(database_uri).__aenter__()


async def test_a_uri_without_a_database_means_the_database_graphql_api(mongodb_uri: str) -> None:
    async with database_at(mongodb_uri) as database:
        await database.set_up()


@pytest.mark.parametrize("uri", [None, "mongodb://", "mongodb://user:s3cr3t@@x", "mongodb://h:x"])
def test_an_application_needs_a_valid_uri(uri: str | None) -> None:
    with pytest.raises(SettingsError, match="GRAPHQL_API_MONGODB_URI") as refusal:
        create_app(Settings(mongodb_uri=uri, mongodb_driver=DRIVER))

    assert "s3cr3t" not in str(refusal.value)

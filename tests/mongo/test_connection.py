"""The URI cannot change the safety of writes and reads, nor their time limits."""

import asyncio
from typing import Any

import pytest
from pymongo.collection import Collection

from ..support.clients import CREATE_CUSTOMER, connected, create_customer, execute, read_customer
from ..support.replica_sets import Member, ReplicaSet

Documents = Collection[dict[str, Any]]


@pytest.fixture
def database_uri(failing_set: ReplicaSet) -> str:
    return failing_set.database_uri()


@pytest.mark.parametrize(
    "options",
    [
        "w=0",
        "w=1&journal=false&wtimeoutMS=1",
        "w=0&journal=false&retryWrites=false&retryReads=false",
        "readConcernLevel=local&readPreference=secondary",
        "readPreference=nearest&readPreferenceTags=dc:elsewhere&maxStalenessSeconds=120",
        "timeoutMS=0&maxPoolSize=1",
    ],
)
async def test_the_uri_does_not_change_the_safety_of_writes_and_reads(
    options: str, database_uri: str, documents: Documents
) -> None:
    documents.database.command("profile", 2)

    # The second server finds the collection, and restores the validator that was changed.
    for email in ("a@example.com", "b@example.com"):
        async with connected(f"{database_uri}&{options}") as client:
            created = await create_customer(client, email=email)
            assert await create_customer(client, email=email) != created
            assert await read_customer(client, created["customer"]["id"]) == created["customer"]
        documents.database.command("collMod", "customers", validator={})

    profile = documents.database["system.profile"].find({"appName": "graphql-api"})
    commands = [operation["command"] for operation in profile]
    names = [next(iter(command)) for command in commands]
    changes = {"create", "collMod", "createIndexes"}
    assert set(names) == {*changes, "insert", "find", "listIndexes"}
    for name, command in zip(names, commands, strict=True):
        if name == "find":
            assert command["readConcern"] == {"level": "majority"}
        elif name != "listIndexes":
            assert command["writeConcern"] == {"w": "majority", "j": True}
        # The driver, which retries a write by its transaction number, sends each insert once.
        assert "txnNumber" not in command
        # No request waits for the look at customers that await a migration.
        is_awaited = name not in changes and "schemaVersion" not in command.get("filter", {})
        assert (0 < command["maxTimeMS"] < 5000) is is_awaited


@pytest.mark.in_time
async def test_the_uri_does_not_make_requests_to_a_missing_database_longer() -> None:
    long = "&".join(
        f"{name}=600000"
        for name in (
            "timeoutMS",
            "connectTimeoutMS",
            "socketTimeoutMS",
            "serverSelectionTimeoutMS",
            "waitQueueTimeoutMS",
            "heartbeatFrequencyMS",
        )
    )
    async with connected(f"mongodb://127.0.0.1:1/?{long}") as client:
        creation = execute(client, CREATE_CUSTOMER, {"input": {"email": "a@example.com"}})
        # The promised time, not a measure of speed.
        answer = await asyncio.wait_for(creation, 5)

    assert answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


async def test_the_uri_does_not_make_requests_to_a_slow_database_shorter(
    database_uri: str, member: Member, documents: Documents
) -> None:
    short = "timeoutMS=1&socketTimeoutMS=1&serverSelectionTimeoutMS=1&waitQueueTimeoutMS=1"
    async with connected(f"{database_uri}&{short}") as client:
        with member.failing("insert", blockConnection=True, blockTimeMS=300):
            created = await create_customer(client)

    assert created["__typename"] == "CreateCustomerSuccess"
    assert documents.count_documents({}) == 1

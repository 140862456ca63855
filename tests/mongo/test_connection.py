"""What a URI says of the safety of writes, of reads and of times is not what is done."""

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
async def test_writes_are_safe_and_reads_are_of_a_majority_whatever_the_uri_says(
    options: str, database_uri: str, documents: Documents
) -> None:
    documents.database.command("profile", 2)

    # The second server finds the collection, and changes what somebody else changed.
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
        assert (0 < command["maxTimeMS"] < 5000) is (name not in changes)


@pytest.mark.alone
async def test_a_database_that_is_not_there_is_unavailable_in_time_whatever_the_uri_says() -> None:
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
        # The issue's own bound on an answer, not a measure of speed.
        answer = await asyncio.wait_for(creation, 5)

    assert answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


async def test_a_database_that_takes_its_time_is_waited_for_whatever_the_uri_says(
    database_uri: str, member: Member, documents: Documents
) -> None:
    short = "timeoutMS=1&socketTimeoutMS=1&serverSelectionTimeoutMS=1&waitQueueTimeoutMS=1"
    async with connected(f"{database_uri}&{short}") as client:
        with member.failing("insert", blockConnection=True, blockTimeMS=300):
            created = await create_customer(client)

    assert created["__typename"] == "CreateCustomerSuccess"
    assert documents.count_documents({}) == 1

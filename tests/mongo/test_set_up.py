"""A very large collection is set up in the background, even if that takes hours."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from bson import Binary
from pymongo.collection import Collection
from structlog.testing import capture_logs

from graphql_api.deadline import deadline_in
from graphql_api.faults import Misconfigured, Unavailable
from graphql_api.mongo.customers_collection import require_supported

from ..support.clients import ask_to_create, code, connected, create_customer, until_ready
from ..support.databases import database_at
from ..support.mongo_customers import assert_ensured
from ..support.replica_sets import Member, ReplicaSet
from ..support.servers import serving, until

Documents = Collection[dict[str, Any]]

SHARED = "share an email address"

# A fail point that stops every build of an index, like one of a very large collection.
BUILDING = "hangAfterStartingIndexBuild"


@pytest.fixture
def documents(failing_set: ReplicaSet) -> Documents:
    """A collection that was restored without its indexes."""
    documents = failing_set.customers(failing_set.database_uri())
    documents.insert_many([{"emailCaseFolded": f"c{n}@example.com"} for n in range(1000)])
    return documents


@pytest.fixture
def database_uri(failing_set: ReplicaSet, documents: Documents) -> str:
    return f"mongodb://{failing_set.members[0].address}/{documents.database.name}?replicaSet=tests"


@contextlib.asynccontextmanager
async def connected_while_building(
    member: Member, database_uri: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that has started, and whose indexes are built until `go_on`."""
    with member.fail_point(BUILDING, "alwaysOn", {}):
        async with connected(database_uri) as client:
            yield client


def go_on(member: Member) -> None:
    member.client.admin.command({"configureFailPoint": BUILDING, "mode": "off"})


async def test_indexes_that_take_longer_than_a_request_are_built_once_and_completely(
    member: Member, database_uri: str, documents: Documents
) -> None:
    with capture_logs() as logged:
        async with connected_while_building(member, database_uri) as client:
            builds = builds_of(documents)
            answers = [await ask_to_create(client, f"{n}@example.com") for n in range(20)]
            readiness = await client.get("/readyz")
            later_builds = builds_of(documents)
            go_on(member)
            await until_ready(client)
            created = await create_customer(client)

    assert [code(answer) for answer in answers] == ["UNAVAILABLE"] * 20
    assert (readiness.status_code, readiness.json()["status"]) == (503, "setting up")
    assert "Customers read: 100 %." in readiness.json()["progress"]
    assert (len(builds), later_builds) == (1, builds)
    assert created["__typename"] == "CreateCustomerSuccess"
    assert documents.count_documents({}) == 1001
    assert_ensured(documents)
    events = [line["event"] for line in logged]
    assert [
        event
        for event in events
        if "MongoDB has been building the indexes of `customers` for" in event
    ]
    assert "The collection `customers` is set up." in events


async def test_without_permission_to_see_the_progress_the_time_is_shown(
    member: Member, database_uri: str
) -> None:
    unauthorized = 13
    with member.failing("aggregate", errorCode=unauthorized):
        async with connected_while_building(member, database_uri) as client:
            readiness = await client.get("/readyz")
            go_on(member)

    assert readiness.json()["progress"].endswith(" s.")


async def test_duplicates_that_are_found_late_are_logged(
    member: Member, database_uri: str, documents: Documents
) -> None:
    documents.insert_one({"emailCaseFolded": "c1@example.com"})
    with capture_logs() as logged:
        async with connected_while_building(member, database_uri) as client:
            go_on(member)
            await asyncio.to_thread(until, lambda: SHARED in str(logged), "they are logged")
            answer = await ask_to_create(client, "john.smith@example.com")
            readiness = await client.get("/readyz")
            documents.delete_one({"emailCaseFolded": "c1@example.com"})
            await until_ready(client)

    assert code(answer) == "UNAVAILABLE"
    assert (readiness.status_code, readiness.json()) == (503, {"status": "unavailable"})
    assert_ensured(documents)


async def test_a_build_is_started_again_after_a_transient_error(
    member: Member, database_uri: str, documents: Documents
) -> None:
    index_build_aborted = 276
    with member.failing("createIndexes", mode={"times": 2}, errorCode=index_build_aborted):
        async with connected(database_uri) as client:
            created = await create_customer(client)

    assert created["__typename"] == "CreateCustomerSuccess"
    assert_ensured(documents)


def test_a_server_that_stops_leaves_the_build_to_the_next_one(
    member: Member, database_uri: str, documents: Documents, tmp_path: Path
) -> None:
    builds = []
    with member.fail_point(BUILDING, "alwaysOn", {}):
        for number in range(2):
            errors = tmp_path / f"stderr{number}"
            with serving(
                errors=errors, measured=True, GRAPHQL_API_MONGODB_URI=database_uri
            ) as server:
                readyz = f"{server.url}/readyz"
                until(partial(says, readyz, "setting up"), "it is set up")
                builds.append(builds_of(documents))

    assert len(builds[0]) == 1
    assert builds[0] == builds[1]


async def test_an_insert_into_an_earlier_collection_does_not_start_a_set_up(
    database_uri: str,
) -> None:
    async with database_at(database_uri) as database:
        set_up = database.customers_set_up
        uuid = await set_up.collection_uuid(deadline_in(20), 20)

        set_up.invalidate(Binary(b"another one", 4))

        assert await set_up.collection_uuid(deadline_in(0)) is uuid


@pytest.mark.parametrize(
    ("hello", "reason"),
    [
        ({"maxWireVersion": 21}, "replica set or a mongos"),
        ({"maxWireVersion": 16, "setName": "rs0"}, r"MongoDB 6\.0 or newer"),
        ({"maxWireVersion": 13, "msg": "isdbgrid"}, r"MongoDB 6\.0 or newer"),
    ],
)
def test_a_mongodb_that_cannot_keep_the_guarantees_is_rejected(
    hello: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Misconfigured, match=reason):
        require_supported(hello)


def test_a_mongodb_that_is_about_to_join_a_replica_set_is_tried_again() -> None:
    with pytest.raises(Unavailable) as raised:
        require_supported({"maxWireVersion": 21, "isreplicaset": True})

    assert not isinstance(raised.value, Misconfigured)


def says(url: str, what: str) -> bool:
    return what in httpx.get(url, timeout=20).text


def builds_of(documents: Documents) -> set[str]:
    """The builds of indexes that MongoDB has started and not completed."""
    answer = documents.database.command("listIndexes", "customers", includeBuildUUIDs=True)
    indexes = answer["cursor"]["firstBatch"]
    return {str(index["buildUUID"]) for index in indexes if "buildUUID" in index}


async def test_a_server_that_refuses_to_say_its_version_is_set_up_without_a_warning(
    member: Member, failing_set: ReplicaSet
) -> None:
    uri = failing_set.database_uri()
    async with database_at(uri) as database:
        with member.failing("buildInfo", errorCode=13), capture_logs() as logged:
            await database.set_up()

    assert logged == []

"""Answers and stored customers if the database fails before or after a write."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pymongo.collection import Collection
from structlog.testing import capture_logs

from graphql_api import deadline
from graphql_api.mongo.driver_errors import TRANSIENT_CODES

from ..support.clients import (
    CUSTOMER,
    ask_to_create,
    connected,
    create_customer,
    execute,
    read_customer,
    until_not_ready,
    until_ready,
)
from ..support.faults import AFTER_THE_WRITE, BEFORE_THE_WRITE, faults
from ..support.proxies import Proxy, through
from ..support.replica_sets import Member, ReplicaSet

Documents = Collection[dict[str, Any]]

# Parts of the messages of drivers and servers.
INTERNALS = (
    "127.0.0.1",
    "10.0.0.1",
    "mongod",
    "topology",
    "timeout",
    "failpoint",
    "errmsg",
    "E11000",
)


@pytest.fixture
def database_uri(failing_set: ReplicaSet) -> str:
    return failing_set.database_uri()


@pytest.fixture
async def client(database_uri: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that has been in use, with connections that can break."""
    async with connected(database_uri) as client:
        await create_customer(client, email="first@example.com")
        yield client


@faults(BEFORE_THE_WRITE)
async def test_a_client_does_not_notice_one_fault_before_the_write(
    fault: dict[str, Any], client: httpx.AsyncClient, member: Member, documents: Documents
) -> None:
    with member.failing("insert", mode={"times": 1}, **fault):
        created = await create_customer(client)

    assert created["__typename"] == "CreateCustomerSuccess"
    assert stored(documents) == [created["customer"]["id"]]


@pytest.mark.in_time
@faults(BEFORE_THE_WRITE, "connection closed", "interrupted", "blocked")
async def test_after_lasting_faults_before_the_write_the_outcome_is_unknown(
    fault: dict[str, Any], client: httpx.AsyncClient, member: Member, documents: Documents
) -> None:
    with member.failing("insert", **fault):
        started = time.monotonic()
        answer = await ask_to_create(client, key="key")
        seconds = time.monotonic() - started

    assert code(answer) == "OUTCOME_UNKNOWN"
    # The promised time, not a measure of speed.
    assert seconds < 5
    created = await create_customer(client, idempotency_key="key")
    assert stored(documents) == [created["customer"]["id"]]


@pytest.mark.parametrize("mode", [{"times": 1}, "alwaysOn"], ids=["once", "always"])
@faults(AFTER_THE_WRITE)
async def test_a_customer_that_was_stored_before_a_fault_is_a_success(
    fault: dict[str, Any],
    mode: Any,
    client: httpx.AsyncClient,
    member: Member,
    documents: Documents,
) -> None:
    error = {**fault, "errmsg": "told by mongod at 10.0.0.1:27017"}
    with member.failing("insert", mode=mode, writeConcernError=error):
        created = await create_customer(client)

    assert created["__typename"] == "CreateCustomerSuccess"
    assert created["replayed"] is False
    assert stored(documents) == [created["customer"]["id"]]


async def test_a_customer_is_a_success_if_the_answer_of_the_database_is_lost(
    database_uri: str, member: Member, documents: Documents
) -> None:
    proxy = Proxy(member.address)
    async with through(proxy, database_uri) as client:
        proxy.losing = {"insert"}

        created = await create_customer(client)

    assert created["__typename"] == "CreateCustomerSuccess"
    assert stored(documents) == [created["customer"]["id"]]


async def test_if_nothing_can_tell_the_outcome_is_unknown_until_a_retry(
    database_uri: str, member: Member, documents: Documents
) -> None:
    proxy = Proxy(member.address)
    async with through(proxy, database_uri) as client:
        proxy.losing = {"insert", "find"}

        with_key = ask_to_create(client, key="key")
        without_key = ask_to_create(client, "without@example.com")
        answers = await asyncio.gather(with_key, without_key)

        assert [code(answer) for answer in answers] == ["OUTCOME_UNKNOWN"] * 2
        proxy.losing = set()
        created = await create_customer(client, idempotency_key="key")
        refused = await create_customer(client, email="without@example.com")
        assert created["replayed"] is True
        assert refused["errors"][0]["__typename"] == "EmailTakenError"
        assert len(stored(documents)) == 2


@pytest.mark.parametrize("code_", sorted(TRANSIENT_CODES))
async def test_transient_errors_are_unavailable(
    code_: int, client: httpx.AsyncClient, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The driver tries some of them again until the deadline.
    monkeypatch.setattr(deadline, "REQUEST_SECONDS", 0.5)
    id_ = {"id": "00000000-0000-4000-8000-000000000000"}
    with member.failing("find", errorCode=code_):
        answer = await execute(client, CUSTOMER, id_)

    assert code(answer) == "UNAVAILABLE"


@pytest.mark.parametrize("failing", ["find", "listIndexes"])
async def test_after_a_lost_answer_every_error_is_an_unknown_outcome(
    failing: str, database_uri: str, member: Member, documents: Documents
) -> None:
    proxy = Proxy(member.address)
    unauthorized = 13
    async with through(proxy, database_uri) as client:
        proxy.losing = {"insert"}
        with member.failing(failing, errorCode=unauthorized), capture_logs() as logged:
            answer = await ask_to_create(client, key="key")
        proxy.losing = set()

        assert code(answer) == "OUTCOME_UNKNOWN"
        assert str(logged).count("MongoDB does not say whether it executed a write.") == 1
        assert len(stored(documents)) == 1
        created = await create_customer(client, idempotency_key="key")
        assert created["replayed"] is True


async def test_no_customer_is_acknowledged_if_the_indexes_cannot_be_checked(
    client: httpx.AsyncClient, member: Member, documents: Documents
) -> None:
    unauthorized = 13
    with member.failing("listIndexes", errorCode=unauthorized):
        answer = await ask_to_create(client, key="key")

    assert code(answer) == "OUTCOME_UNKNOWN"
    created = await create_customer(client, idempotency_key="key")
    assert created["replayed"] is True
    assert stored(documents) == [created["customer"]["id"]]


@pytest.mark.parametrize(("error", "told"), [(11601, "UNAVAILABLE"), (13, "INTERNAL_SERVER_ERROR")])
async def test_a_customer_that_was_refused_and_cannot_be_found_is_not_stored(
    error: int, told: str, client: httpx.AsyncClient, member: Member, documents: Documents
) -> None:
    with member.failing("find", errorCode=error):
        answer = await ask_to_create(client, "first@example.com", key="key")

    assert code(answer) == told
    assert stored(documents) == []


async def test_a_database_that_refuses_the_write_of_the_health_check_is_not_ready(
    client: httpx.AsyncClient, member: Member
) -> None:
    unauthorized = 13
    with member.failing("update", errorCode=unauthorized), capture_logs() as logged:
        await until_not_ready(client)

    assert "MongoDB refuses the write that checks readiness." in str(logged)
    await until_ready(client)


async def test_requests_with_one_key_create_one_customer_if_one_of_them_is_late(
    client: httpx.AsyncClient, member: Member, documents: Documents
) -> None:
    with member.failing("insert", mode={"times": 1}, **BEFORE_THE_WRITE["blocked"]):
        answers = await asyncio.gather(
            *(create_customer(client, idempotency_key="key") for _ in range(8))
        )

    [id_] = stored(documents)
    assert {answer["customer"]["id"] for answer in answers} == {id_}


async def test_errors_that_are_not_transient_are_the_servers_fault(
    client: httpx.AsyncClient,
    member: Member,
    documents: Documents,
) -> None:
    unauthorized = 13
    with member.failing("insert", "find", errorCode=unauthorized), capture_logs() as logged:
        answers = [
            await ask_to_create(client, key="key"),
            await execute(client, CUSTOMER, {"id": "00000000-0000-4000-8000-000000000000"}),
        ]

    assert [code(answer) for answer in answers] == ["INTERNAL_SERVER_ERROR"] * 2
    assert str(logged).count("A resolver failed.") == 2
    assert member.address not in str(logged)
    assert stored(documents) == []


@pytest.mark.parametrize(
    "fault",
    [
        {"errorCode": 10107},
        {"errorCode": 12587},
        {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}},
    ],
    ids=["not writable primary", "another server builds them", "write concern failed"],
)
async def test_no_customer_is_sent_until_a_majority_has_the_collection(
    fault: dict[str, Any], database_uri: str, member: Member, documents: Documents
) -> None:
    with member.failing("createIndexes", **fault):
        async with connected(database_uri) as client:
            answer = await ask_to_create(client, key="key")

            assert code(answer) == "UNAVAILABLE"
            assert "Nothing was stored or changed" in answer["errors"][0]["message"]
            assert documents.count_documents({}) == 0

    async with connected(database_uri) as client:
        await create_customer(client, idempotency_key="key")
        assert len(stored(documents)) == 1


async def test_a_customer_that_cannot_be_read_now_is_unavailable(
    client: httpx.AsyncClient, member: Member
) -> None:
    created = await create_customer(client)
    id_ = created["customer"]["id"]

    with member.failing("find", errorCode=11601):
        answer = await execute(client, CUSTOMER, {"id": id_})

    assert code(answer) == "UNAVAILABLE"
    message = "The database is unavailable. Retry in a few seconds."
    assert answer["errors"][0]["message"] == message
    assert await read_customer(client, id_) == created["customer"]


async def test_a_database_without_a_primary_is_not_ready_until_it_has_one(
    member: Member, database_uri: str
) -> None:
    direct_uri = database_uri.replace("replicaSet=tests", "directConnection=true")
    async with connected(direct_uri) as client:
        await until_ready(client)
        member.client.admin.command("replSetStepDown", 3, force=True)
        await until_not_ready(client)
        await until_ready(client)


def code(answer: dict[str, Any]) -> str:
    """The code of an answer's only error; checks that the answer shows nothing internal."""
    [error] = answer["errors"]
    assert not [internal for internal in INTERNALS if internal in json.dumps(answer)]
    if error["extensions"]["code"] in ("UNAVAILABLE", "OUTCOME_UNKNOWN"):
        assert error["extensions"]["retryAfter"] == 1
    return str(error["extensions"]["code"])


def stored(documents: Documents) -> list[str]:
    """The ids of all stored customers except the client's first."""
    return [
        str(document["_id"]) for document in documents.find({"email": {"$ne": "first@example.com"}})
    ]

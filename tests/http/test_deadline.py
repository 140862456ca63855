"""One deadline for each request, however many steps it has."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from graphql_api import deadline
from graphql_api.access.api_keys import new_api_key
from graphql_api.access.principal import Scope
from graphql_api.deadline import (
    ANSWER_SECONDS,
    FETCH_KEYS_SECONDS,
    GRACE_SECONDS,
    LEAST_SECONDS,
    LOOK_UP_SECONDS,
    PAUSE_SECONDS,
    RATE_LIMIT_SECONDS,
    READY_ANSWER_SECONDS,
    READY_GRACE_SECONDS,
    READY_SECONDS,
    REQUEST_SECONDS,
    RESOLVE_SECONDS,
    deadline_in,
    extend_deadline,
    start_deadline,
)
from graphql_api.mongo.api_keys import MongoApiKeys
from graphql_api.mongo.trusted_documents import MongoTrustedDocuments

from ..support.clients import CREATE_CUSTOMER, connected, create_customer
from ..support.databases import database_at
from ..support.proxies import Proxy, through
from ..support.replica_sets import Member, ReplicaSet

TEN_CREATIONS = "mutation {{ {} }}".format(
    " ".join(
        f'c{n}: createCustomer(input: {{email: "c{n}@example.com"}}) {{ __typename }}'
        for n in range(10)
    )
)


def test_the_time_limits_of_a_request_add_up_to_less_than_the_promised_time() -> None:
    # These two have limits of their own. Every other step ends by the request's deadline.
    without_the_deadline = RATE_LIMIT_SECONDS + FETCH_KEYS_SECONDS + RATE_LIMIT_SECONDS

    assert without_the_deadline <= REQUEST_SECONDS
    assert REQUEST_SECONDS + GRACE_SECONDS + PAUSE_SECONDS < ANSWER_SECONDS


def test_the_time_limits_of_a_health_check_add_up_to_less_than_the_promised_time() -> None:
    assert READY_SECONDS + READY_GRACE_SECONDS < READY_ANSWER_SECONDS


def test_after_a_slow_key_and_a_slow_document_there_is_time_to_create_a_customer() -> None:
    look_ups = LOOK_UP_SECONDS + LOOK_UP_SECONDS

    assert look_ups + LEAST_SECONDS + RESOLVE_SECONDS < REQUEST_SECONDS


def test_every_time_limit_is_in_one_of_these_sums() -> None:
    limits = {name for name in vars(deadline) if name.endswith("_SECONDS")}

    assert limits <= set(globals())


async def test_a_step_has_the_remaining_time_of_its_request() -> None:
    before = time.monotonic()
    start_deadline()
    extend_deadline(1)
    soon, late = deadline_in(1), deadline_in(100)
    after = time.monotonic()

    assert before + 1 <= soon <= after + 1
    assert before + REQUEST_SECONDS + 1 <= late <= after + REQUEST_SECONDS + 1


@pytest.fixture
def slow_database_uri(failing_set: ReplicaSet) -> str:
    return failing_set.database_uri()


@pytest.mark.in_time
async def test_of_ten_creations_on_a_slow_database_those_in_time_are_done_and_the_rest_is_not(
    slow_database_uri: str, member: Member, failing_set: ReplicaSet
) -> None:
    async with connected(slow_database_uri) as client:
        await create_customer(client, email="first@example.com")
        with member.failing("insert", blockConnection=True, blockTimeMS=800):
            started = time.monotonic()
            answer = await client.post("/graphql", json={"query": TEN_CREATIONS})
            seconds = time.monotonic() - started

    assert seconds < ANSWER_SECONDS
    codes = {error["extensions"]["code"] for error in answer.json()["errors"]}
    assert codes == {"UNAVAILABLE"}
    # The first customer, and the ones that were created in time.
    assert 1 < failing_set.customers(slow_database_uri).count_documents({}) < 8


@pytest.mark.in_time
async def test_a_key_a_document_and_a_creation_that_are_looked_up_slowly_have_one_deadline(
    slow_database_uri: str, member: Member, failing_set: ReplicaSet
) -> None:
    headers = {"Authorization": f"Bearer {await prepared(slow_database_uri)}"}
    request = {"documentId": "create", "variables": {"input": {"email": "a@example.com"}}}
    proxy = Proxy(member.address)
    async with through(proxy, slow_database_uri, keys=True) as client:
        proxy.losing = {"insert"}
        with member.failing("find", blockConnection=True, blockTimeMS=700):
            started = time.monotonic()
            answer = await client.post("/graphql", json=request, headers=headers)
            seconds = time.monotonic() - started

    assert seconds < ANSWER_SECONDS
    [error] = answer.json().get("errors") or [None]
    assert error is None or error["extensions"]["code"] == "OUTCOME_UNKNOWN"
    assert failing_set.customers(slow_database_uri).find_one({"email": "a@example.com"})


async def prepared(database_uri: str) -> str:
    """A key that may create customers, beside a document that does."""
    key, kept = new_api_key("test", frozenset(Scope), None)
    async with database_at(database_uri) as database:
        await MongoApiKeys(database).add(kept)
        await MongoTrustedDocuments(database).add({"create": CREATE_CUSTOMER}, kept.created_at)
    return key


async def test_the_time_that_a_body_takes_to_arrive_is_not_the_servers(
    client: httpx.AsyncClient,
) -> None:
    variables: dict[str, Any] = {"input": {"email": "slow@example.com"}}
    body = orjson.dumps({"query": CREATE_CUSTOMER, "variables": variables})

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:1]
        await asyncio.sleep(REQUEST_SECONDS)
        yield body[1:]

    answer = await client.post(
        "/graphql", content=slowly(), headers={"Content-Type": "application/json"}
    )

    assert answer.json()["data"]["createCustomer"]["__typename"] == "CreateCustomerSuccess"

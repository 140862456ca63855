"""Customers that are created or read at once share commands, and each has its own outcome."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo.collection import Collection
from pymongo.errors import WriteError

from graphql_api.customers.list_customers import listing
from graphql_api.customers.listings import PageRequest
from graphql_api.customers.store import EmailTaken, StoredCustomer
from graphql_api.faults import Unavailable
from graphql_api.mongo import batches
from graphql_api.mongo import customers as mongo_customers
from graphql_api.mongo.customers import MongoCustomers

from ..support.mongo_customers import add_all, ids, new_customer, open_customers, several
from ..support.replica_sets import Member, ReplicaSet

Documents = Collection[dict[str, Any]]


@pytest.fixture
async def customers(database_uri: str, documents: Documents) -> AsyncIterator[MongoCustomers]:
    """The application's customers, in a database that records every command in its profile."""
    async with open_customers(database_uri) as customers:
        documents.database.command("profile", 2)
        yield customers


@pytest.fixture
async def failing(failing_set: ReplicaSet) -> AsyncIterator[tuple[MongoCustomers, Documents]]:
    """Customers in a database that can fail, and the collection in which they are stored."""
    database_uri = failing_set.database_uri()
    async with open_customers(database_uri) as customers:
        yield customers, failing_set.customers(database_uri)


def inserts(documents: Documents) -> list[int]:
    """How many documents each insert command of the application stored."""
    return [
        command["ninserted"]
        for command in documents.database["system.profile"].find(
            {"op": "insert", "appName": "graphql-api"}
        )
    ]


def finds(documents: Documents) -> list[int]:
    """How many documents each find command of the application found."""
    return [
        command["nreturned"]
        for command in documents.database["system.profile"].find(
            {"op": "query", "appName": "graphql-api"}
        )
    ]


async def test_customers_that_arrive_one_by_one_are_stored_one_by_one(
    customers: MongoCustomers, documents: Documents
) -> None:
    for one in several(3):
        assert await customers.add(one) == one

    assert inserts(documents) == [1, 1, 1]


async def test_customers_that_arrive_together_are_stored_by_one_command_for_each_hundred(
    customers: MongoCustomers, documents: Documents
) -> None:
    new_customers = several(150)

    assert await add_all(customers, new_customers) == new_customers

    assert inserts(documents) == [100, 50]
    assert ids(documents) == {one.customer.id for one in new_customers}


async def test_each_customer_of_a_batch_has_its_own_outcome(
    customers: MongoCustomers, documents: Documents
) -> None:
    taken, replayed = new_customer("taken@example.com"), new_customer("replayed@example.com", "key")
    await add_all(customers, [taken, replayed])
    valid = [new_customer("a@example.com"), new_customer("b@example.com", "b")]

    outcomes = await add_all(
        customers,
        [
            valid[0],
            new_customer("TAKEN@example.com"),
            new_customer("other@example.com", "key"),
            new_customer("validator@example.com", name="5"),
            new_customer("encoder@example.com", name="John \ud800"),
            valid[1],
        ],
    )

    assert [outcomes[0], outcomes[2], outcomes[5]] == [valid[0], replayed, valid[1]]
    refusals = [type(outcome) for outcome in (outcomes[1], outcomes[3], outcomes[4])]
    assert refusals == [EmailTaken, WriteError, UnicodeEncodeError]
    assert inserts(documents) == [2, 2]
    # One query for both customers that were refused as duplicates.
    assert finds(documents) == [2]
    assert ids(documents) == {one.customer.id for one in (taken, replayed, *valid)}


async def test_one_of_the_customers_with_one_address_in_a_batch_is_stored(
    customers: MongoCustomers, documents: Documents
) -> None:
    outcomes = await add_all(customers, [new_customer("One@example.com") for _ in range(20)])

    [winner] = [outcome for outcome in outcomes if isinstance(outcome, StoredCustomer)]
    assert [type(outcome) for outcome in outcomes].count(EmailTaken) == 19
    assert ids(documents) == {winner.customer.id}
    assert inserts(documents) == [1]


async def test_all_requests_with_one_key_in_a_batch_get_the_same_customer(
    customers: MongoCustomers, documents: Documents
) -> None:
    outcomes = await add_all(
        customers, [new_customer(f"c{n}@example.com", "key") for n in range(20)]
    )

    [winner] = {outcome for outcome in outcomes if isinstance(outcome, StoredCustomer)}
    assert outcomes == [winner] * 20
    assert ids(documents) == {winner.customer.id}


async def test_more_than_a_thousand_waiting_customers_are_unavailable_and_not_stored(
    customers: MongoCustomers, documents: Documents
) -> None:
    new_customers = several(1003)

    outcomes = await add_all(customers, new_customers)

    assert outcomes[:1000] == new_customers[:1000]
    assert [type(outcome) for outcome in outcomes[1000:]] == [Unavailable] * 3
    assert documents.count_documents({}) == 1000


async def test_customers_that_are_read_together_are_found_by_one_command(
    customers: MongoCustomers, documents: Documents
) -> None:
    new_customers = several(120, keys=True)
    await add_all(customers, new_customers)
    wanted = [one.customer for one in new_customers]

    alone = await customers.get(str(wanted[0].id))
    together = await asyncio.gather(
        *(customers.get(str(one.id)) for one in wanted[:40]),
        *(customers.by_email(one.email) for one in wanted[:40]),
        customers.get(str(uuid4())),
        customers.created_with("c41@example.com"),
        customers.created_with("c42"),
    )

    assert alone == wanted[0]
    assert together == [*wanted[:40], *wanted[:40], None, True, False]
    assert finds(documents) == [1, 41]


async def test_an_invalid_document_does_not_affect_customers_that_are_read_with_it(
    customers: MongoCustomers, documents: Documents
) -> None:
    [valid] = several(1)
    await customers.add(valid)
    broken = uuid4()
    documents.insert_one({"_id": broken}, bypass_document_validation=True)

    outcomes = await asyncio.gather(
        *(customers.get(str(id_)) for id_ in (broken, valid.customer.id))
    )

    assert outcomes == [None, valid.customer]


@pytest.mark.in_time
async def test_a_request_that_is_cancelled_while_it_waits_stores_no_customer(
    failing: tuple[MongoCustomers, Documents], member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However busy the machine is, the others wait for the batch in flight.
    monkeypatch.setattr(batches, "_BLOCKING_SECONDS", 60)
    customers, documents = failing
    first, cancelled, *others = several(5)
    with member.failing(
        "insert", mode={"times": 1}, blockConnection=True, blockTimeMS=1000
    ) as blocked:
        under_way = asyncio.create_task(customers.add(first))
        await asyncio.to_thread(blocked)
        waiting = [asyncio.create_task(customers.add(one)) for one in (cancelled, *others)]
        await asyncio.sleep(0.02)

        waiting[0].cancel()

        assert await asyncio.gather(under_way, *waiting[1:]) == [first, *others]
    assert waiting[0].cancelled()
    assert ids(documents) == {one.customer.id for one in (first, *others)}


async def test_a_request_that_is_cancelled_in_flight_does_not_affect_others(
    failing: tuple[MongoCustomers, Documents], member: Member
) -> None:
    customers, documents = failing
    cancelled, *others = several(5)
    with member.failing(
        "insert", mode={"times": 1}, blockConnection=True, blockTimeMS=200
    ) as blocked:
        tasks = [asyncio.create_task(customers.add(one)) for one in (cancelled, *others)]
        await asyncio.to_thread(blocked)

        tasks[0].cancel()

        assert await asyncio.gather(*tasks[1:]) == others
    assert {one.customer.id for one in others} <= ids(documents)


@pytest.mark.parametrize("code", [64, 91], ids=["a majority is late", "the primary shuts down"])
async def test_after_a_batch_without_a_majority_each_customer_is_looked_up(
    code: int, failing: tuple[MongoCustomers, Documents], member: Member
) -> None:
    customers, documents = failing
    taken, *others = several(6)
    await customers.add(taken)

    error = {"code": code, "errmsg": "told by mongod"}
    with member.failing("insert", writeConcernError=error):
        outcomes = await add_all(
            customers, [others[0], new_customer(taken.customer.email), *others[1:]]
        )

    assert isinstance(outcomes.pop(1), EmailTaken)
    assert outcomes == others
    assert ids(documents) == {one.customer.id for one in (taken, *others)}


async def test_a_batch_whose_connection_closes_after_the_first_write_is_stored_once(
    failing: tuple[MongoCustomers, Documents], member: Member
) -> None:
    customers, documents = failing
    new_customers = several(20)

    with member.fail_point("onPrimaryTransactionalWrite", {"times": 1}, {"closeConnection": True}):
        assert await add_all(customers, new_customers) == new_customers

    assert sorted(ids(documents)) == sorted(one.customer.id for one in new_customers)


@pytest.mark.in_time
async def test_a_batch_that_hangs_does_not_delay_others(
    failing: tuple[MongoCustomers, Documents], member: Member
) -> None:
    customers, documents = failing
    first, *others = several(5)
    with member.failing(
        "insert", mode={"times": 1}, blockConnection=True, blockTimeMS=2000
    ) as blocked:
        hanging = asyncio.create_task(customers.add(first))
        await asyncio.to_thread(blocked)

        assert await add_all(customers, others) == others

        assert not hanging.done()
        assert await hanging == first
    assert len(ids(documents)) == 5


async def test_a_list_waits_while_customers_are_created_and_only_then(
    customers: MongoCustomers, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = PageRequest(listing=listing(), size=5)
    monkeypatch.setattr(mongo_customers, "_PAUSE_SECONDS", 3600)
    assert not (await customers.page(request)).customers

    [new] = several(1)
    adding = asyncio.create_task(customers.add(new))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    reading = asyncio.create_task(customers.page(request))
    assert await adding == new
    await customers.add_each(several(100))
    assert not reading.done()
    reading.cancel()

"""Customers that are created or read at once share commands, and each has its own outcome."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from pymongo.collection import Collection
from pymongo.errors import WriteError

from graphql_api.customers.store import EmailTaken, Kept
from graphql_api.faults import Unavailable
from graphql_api.mongo.customers import MongoCustomers

from ..support.mongo_customers import added, new
from ..support.replica_sets import Member, ReplicaSet

Documents = Collection[dict[str, Any]]


@contextlib.asynccontextmanager
async def opened(database_uri: str) -> AsyncIterator[MongoCustomers]:
    with contextlib.closing(MongoCustomers(database_uri)) as customers:
        await customers.ensure()
        yield customers


@pytest.fixture
async def customers(database_uri: str, documents: Documents) -> AsyncIterator[MongoCustomers]:
    """The application's customers, of whose database the profile has every command."""
    async with opened(database_uri) as customers:
        documents.database.command("profile", 2)
        yield customers


@pytest.fixture
async def failing(failing_set: ReplicaSet) -> AsyncIterator[tuple[MongoCustomers, Documents]]:
    """Customers in a database that may fail, and what is kept of them."""
    database_uri = failing_set.database_uri()
    async with opened(database_uri) as customers:
        yield customers, failing_set.customers(database_uri)


def several(count: int, *, keys: bool = False) -> list[Kept]:
    emails = [f"c{number}@example.com" for number in range(count)]
    return [new(email, email if keys else None) for email in emails]


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


def ids(documents: Documents) -> set[UUID]:
    return set(documents.distinct("_id"))


async def test_customers_that_come_one_by_one_are_stored_one_by_one(
    customers: MongoCustomers, documents: Documents
) -> None:
    for kept in several(3):
        assert await customers.add(kept) == kept

    assert inserts(documents) == [1, 1, 1]


async def test_customers_that_come_at_once_are_stored_by_one_command_for_each_hundred(
    customers: MongoCustomers, documents: Documents
) -> None:
    kept = several(150)

    assert await added(customers, kept) == kept

    assert inserts(documents) == [100, 50]
    assert ids(documents) == {one.customer.id for one in kept}


async def test_each_customer_of_a_batch_has_its_own_outcome(
    customers: MongoCustomers, documents: Documents
) -> None:
    taken, replayed = new("taken@example.com"), new("replayed@example.com", "key")
    await added(customers, [taken, replayed])
    good = [new("a@example.com"), new("b@example.com", "b")]

    outcomes = await added(
        customers,
        [
            good[0],
            new("TAKEN@example.com"),
            new("other@example.com", "key"),
            new("validator@example.com", name="5"),
            new("encoder@example.com", name="John \ud800"),
            good[1],
        ],
    )

    assert [outcomes[0], outcomes[2], outcomes[5]] == [good[0], replayed, good[1]]
    refusals = [type(outcome) for outcome in (outcomes[1], outcomes[3], outcomes[4])]
    assert refusals == [EmailTaken, WriteError, UnicodeEncodeError]
    assert inserts(documents) == [2, 2]
    # One look for both that were refused for another one's sake.
    assert finds(documents) == [2]
    assert ids(documents) == {one.customer.id for one in (taken, replayed, *good)}


async def test_of_equal_email_addresses_in_a_batch_one_wins(
    customers: MongoCustomers, documents: Documents
) -> None:
    outcomes = await added(customers, [new("One@example.com") for _ in range(20)])

    [winner] = [outcome for outcome in outcomes if isinstance(outcome, Kept)]
    assert [type(outcome) for outcome in outcomes].count(EmailTaken) == 19
    assert ids(documents) == {winner.customer.id}
    assert inserts(documents) == [1]


async def test_of_equal_keys_in_a_batch_there_is_one_customer_for_all(
    customers: MongoCustomers, documents: Documents
) -> None:
    outcomes = await added(customers, [new(f"c{n}@example.com", "key") for n in range(20)])

    [winner] = {outcome for outcome in outcomes if isinstance(outcome, Kept)}
    assert outcomes == [winner] * 20
    assert ids(documents) == {winner.customer.id}


async def test_more_than_a_thousand_that_wait_are_unavailable_and_not_stored(
    customers: MongoCustomers, documents: Documents
) -> None:
    kept = several(1003)

    outcomes = await added(customers, kept)

    assert outcomes[:1000] == kept[:1000]
    assert [type(outcome) for outcome in outcomes[1000:]] == [Unavailable] * 3
    assert documents.count_documents({}) == 1000


async def test_customers_that_are_asked_for_at_once_are_found_by_one_command(
    customers: MongoCustomers, documents: Documents
) -> None:
    kept = several(120, keys=True)
    await added(customers, kept)
    wanted = [one.customer for one in kept]

    alone = await customers.get(str(wanted[0].id))
    together = await asyncio.gather(
        *(customers.get(str(one.id)) for one in wanted[:40]),
        *(customers.get(str(one.id)) for one in wanted[:40]),
        customers.get(str(uuid4())),
        customers.created_with("c41@example.com"),
        customers.created_with("c42"),
    )

    assert alone == wanted[0]
    assert together == [*wanted[:40], *wanted[:40], None, kept[41], None]
    assert finds(documents) == [1, 41]


async def test_a_document_that_is_no_customer_harms_nobody_who_is_read_with_it(
    customers: MongoCustomers, documents: Documents
) -> None:
    [kept] = several(1)
    await customers.add(kept)
    broken = uuid4()
    documents.insert_one({"_id": broken}, bypass_document_validation=True)

    outcomes = await asyncio.gather(
        *(customers.get(str(id_)) for id_ in (broken, kept.customer.id)), return_exceptions=True
    )

    assert isinstance(outcomes[0], KeyError)
    assert outcomes[1] == kept.customer


@pytest.mark.alone
async def test_who_is_cancelled_while_it_waits_is_not_stored_and_the_others_are(
    failing: tuple[MongoCustomers, Documents], member: Member
) -> None:
    customers, documents = failing
    first, cancelled, *others = several(5)
    with member.failing("insert", mode={"times": 1}, blockConnection=True, blockTimeMS=200):
        under_way = asyncio.create_task(customers.add(first))
        await asyncio.sleep(0.02)
        waiting = [asyncio.create_task(customers.add(one)) for one in (cancelled, *others)]
        await asyncio.sleep(0.02)

        waiting[0].cancel()

        assert await asyncio.gather(under_way, *waiting[1:]) == [first, *others]
    assert waiting[0].cancelled()
    assert ids(documents) == {one.customer.id for one in (first, *others)}


async def test_who_is_cancelled_under_way_harms_nobody(
    failing: tuple[MongoCustomers, Documents], member: Member
) -> None:
    customers, documents = failing
    cancelled, *others = several(5)
    with member.failing("insert", mode={"times": 1}, blockConnection=True, blockTimeMS=200):
        tasks = [asyncio.create_task(customers.add(one)) for one in (cancelled, *others)]
        await asyncio.sleep(0.02)

        tasks[0].cancel()

        assert await asyncio.gather(*tasks[1:]) == others
    assert {one.customer.id for one in others} <= ids(documents)


@pytest.mark.parametrize("code", [64, 91], ids=["a majority is late", "the primary shuts down"])
async def test_of_a_batch_that_a_majority_may_not_have_each_customer_is_looked_for(
    code: int, failing: tuple[MongoCustomers, Documents], member: Member
) -> None:
    customers, documents = failing
    taken, *good = several(6)
    await customers.add(taken)

    error = {"code": code, "errmsg": "told by mongod"}
    with member.failing("insert", writeConcernError=error):
        outcomes = await added(customers, [good[0], new(taken.customer.email), *good[1:]])

    assert isinstance(outcomes.pop(1), EmailTaken)
    assert outcomes == good
    assert ids(documents) == {one.customer.id for one in (taken, *good)}


async def test_a_batch_whose_connection_closes_after_the_first_write_is_stored_once(
    failing: tuple[MongoCustomers, Documents], member: Member
) -> None:
    customers, documents = failing
    kept = several(20)

    with member.fail_point("onPrimaryTransactionalWrite", {"times": 1}, {"closeConnection": True}):
        assert await added(customers, kept) == kept

    assert sorted(ids(documents)) == sorted(one.customer.id for one in kept)


@pytest.mark.alone
async def test_a_batch_that_hangs_holds_nobody_else_up(
    failing: tuple[MongoCustomers, Documents], member: Member
) -> None:
    customers, documents = failing
    first, *others = several(5)
    with member.failing("insert", mode={"times": 1}, blockConnection=True, blockTimeMS=2000):
        hanging = asyncio.create_task(customers.add(first))
        await asyncio.sleep(0.02)

        assert await added(customers, others) == others

        assert not hanging.done()
        assert await hanging == first
    assert len(ids(documents)) == 5

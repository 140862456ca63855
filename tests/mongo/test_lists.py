"""Lists of customers that are added while the database fails before or after a write."""

import asyncio
import threading
import time
from typing import Any

import pytest
from bson.binary import UUID_SUBTYPE, Binary
from pymongo.collection import Collection
from pymongo.errors import OperationFailure, WriteError

from graphql_api.customers.create_customers import ErrorPolicy, create_customers
from graphql_api.customers.store import CustomerRemoved, EmailTaken, StoredCustomer
from graphql_api.faults import ListUnknown, Unavailable
from graphql_api.mongo.additions import WholeList
from graphql_api.mongo.customers import MongoCustomers
from graphql_api.mongo.driver import COMMANDS_AT_ONCE
from graphql_api.mongo.write import Outcome, Written, insert_all

from ..support.databases import database_at
from ..support.faults import AFTER_THE_WRITE, BEFORE_THE_WRITE, UNAUTHORIZED, faults
from ..support.mongo_customers import ids, new_customer, open_customers, request, several
from ..support.replica_sets import Member, ReplicaSet
from ..support.servers import until

Documents = Collection[dict[str, Any]]

# More than one part of a list.
COUNT = 150
NO_SUCH_TRANSACTION = {"errorCode": 251, "errorLabels": ["TransientTransactionError"]}
BROKEN = {"closeConnection": True}


@pytest.fixture
def database_uri(failing_set: ReplicaSet) -> str:
    return failing_set.database_uri()


@pytest.fixture
def documents(failing_set: ReplicaSet, database_uri: str) -> Documents:
    return failing_set.customers(database_uri)


def ids_of(new_customers: list[StoredCustomer]) -> set[Any]:
    return {one.customer.id for one in new_customers}


@faults(BEFORE_THE_WRITE, "connection closed", "write conflict", "primary stepped down")
@pytest.mark.parametrize("command", ["insert", "commitTransaction"])
async def test_a_whole_list_is_stored_after_one_fault_before_the_write(
    command: str,
    fault: dict[str, Any],
    customers: MongoCustomers,
    member: Member,
    documents: Documents,
) -> None:
    wanted = several(COUNT, keys=True)
    with member.failing(command, mode={"times": 1}, **fault):
        assert await request(customers.add_all(wanted)) == wanted

    assert ids(documents) == ids_of(wanted)


@faults(AFTER_THE_WRITE)
async def test_a_whole_list_that_was_committed_before_a_fault_is_a_success(
    fault: dict[str, Any], customers: MongoCustomers, member: Member, documents: Documents
) -> None:
    wanted = several(COUNT)
    error = {**fault, "errmsg": "told by mongod"}
    with member.failing("commitTransaction", writeConcernError=error):
        assert await request(customers.add_all(wanted)) == wanted

    assert ids(documents) == ids_of(wanted)


async def test_a_commit_that_mongodb_denies_is_looked_for_and_tried_again(
    customers: MongoCustomers, member: Member, documents: Documents
) -> None:
    wanted = several(COUNT)
    with member.failing("commitTransaction", mode={"times": 1}, **NO_SUCH_TRANSACTION):
        assert await request(customers.add_all(wanted)) == wanted

    assert ids(documents) == ids_of(wanted)


@pytest.mark.in_time
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"failCommands": ["insert"], **BROKEN}, Unavailable),
        ({"failCommands": ["insert"], **BEFORE_THE_WRITE["blocked"]}, Unavailable),
        ({"failCommands": ["insert", "killSessions"], **BROKEN}, Unavailable),
        # The outcome, which is known, does not wait for the end of the transaction.
        (
            {"failCommands": ["insert", "killSessions"], **BEFORE_THE_WRITE["blocked"]},
            Unavailable,
        ),
        ({"failCommands": ["commitTransaction"], **BROKEN}, ListUnknown),
        ({"failCommands": ["commitTransaction"], **BEFORE_THE_WRITE["blocked"]}, ListUnknown),
    ],
    ids=["insert", "blocked insert", "insert and end", "blocked end", "commit", "blocked commit"],
)
async def test_after_lasting_faults_nothing_of_a_whole_list_is_stored(
    fault: dict[str, Any],
    expected: type[Exception],
    customers: MongoCustomers,
    member: Member,
    documents: Documents,
) -> None:
    wanted = several(3, keys=True)
    with member.failing(**fault):
        started = time.monotonic()
        with pytest.raises(expected):
            await request(customers.add_all(wanted))
        # The promised time, not a measure of speed.
        assert time.monotonic() - started < 5

    added = await request(customers.add_all(several(3, keys=True)))
    assert all(isinstance(one, StoredCustomer) for one in added)
    assert documents.count_documents({}) == 3


async def test_an_error_that_is_not_transient_stores_nothing_of_a_whole_list(
    customers: MongoCustomers, member: Member, documents: Documents
) -> None:
    with member.failing("insert", errorCode=UNAUTHORIZED), pytest.raises(OperationFailure):
        await request(customers.add_all(several(3)))
    with pytest.raises(WriteError, match="MongoDB refuses a customer"):
        await request(
            customers.add_all([*several(3), new_customer("invalid@example.com", name="5")])
        )

    assert documents.count_documents({}) == 0


async def test_no_whole_list_is_acknowledged_without_the_unique_indexes(
    customers: MongoCustomers, member: Member, documents: Documents
) -> None:
    with member.failing("listIndexes", errorCode=UNAUTHORIZED), pytest.raises(ListUnknown):
        await request(customers.add_all(several(3)))
    assert documents.count_documents({}) == 3

    documents.drop()
    wanted = several(3)
    assert await request(customers.add_all(wanted)) == wanted
    assert ids(documents) == ids_of(wanted)


async def test_whole_lists_with_the_same_keys_at_once_are_stored_once(
    customers: MongoCustomers, documents: Documents
) -> None:
    lists = [several(COUNT, keys=True) for _ in range(5)]

    added = await asyncio.gather(*(request(customers.add_all(one)) for one in lists))

    assert all(one == added[0] for one in added)
    assert documents.count_documents({}) == COUNT


async def test_whole_lists_that_share_an_address_exclude_each_other(
    customers: MongoCustomers, documents: Documents
) -> None:
    lists = [
        [new_customer("same@example.com"), new_customer(f"c{number}@example.com")]
        for number in range(5)
    ]

    added = await asyncio.gather(*(request(customers.add_all(one)) for one in lists))

    assert sum(one == wanted for one, wanted in zip(added, lists, strict=True)) == 1
    refused = [[type(o) for o in one] for one in added if isinstance(one[0], EmailTaken)]
    assert refused == [[EmailTaken, type(None)]] * 4
    assert documents.count_documents({}) == 2


async def test_the_outcomes_of_customers_that_are_removed(customers: MongoCustomers) -> None:
    removed, stays = several(2, keys=True)
    for one in (removed, stays):
        await customers.add(one)
    await customers.remove(removed)

    again = several(3, keys=True)
    for outcomes in (
        await customers.add_each(again[:2]),
        await customers.add_all(again),
        await customers.find_added(again),
    ):
        assert isinstance(outcomes[0], CustomerRemoved)
        assert outcomes[1] == stays
    assert await customers.used_keys(["c0@example.com", "c1@example.com", "unknown"]) == {
        "c0@example.com",
        "c1@example.com",
    }


async def test_each_customer_of_a_list_is_stored_after_one_fault(
    customers: MongoCustomers, member: Member, documents: Documents
) -> None:
    wanted = several(COUNT)
    with member.failing("insert", mode={"times": 1}, **BROKEN):
        assert await request(customers.add_each(wanted)) == wanted

    assert ids(documents) == ids_of(wanted)


@pytest.mark.in_time
@pytest.mark.parametrize("stored", [0, 1])
async def test_after_lasting_faults_the_outcome_of_a_list_is_unknown_and_it_can_be_repeated(
    stored: int, customers: MongoCustomers, member: Member, documents: Documents
) -> None:
    inputs = [{"email": f"c{number}@example.com"} for number in range(COUNT)]

    async def create() -> Any:
        return await create_customers(customers, inputs, ErrorPolicy.CREATE_VALID, "key")

    with member.failing("insert", mode={"skip": stored}, **BROKEN), pytest.raises(ListUnknown):
        await request(create())
    outcomes = await request(create())

    assert [one.customer.email for one in outcomes] == [one["email"] for one in inputs]
    assert [one.replayed for one in outcomes] == [number < stored * 100 for number in range(COUNT)]
    assert documents.count_documents({}) == COUNT


async def test_nothing_of_a_list_is_stored_without_time_for_it(
    customers: MongoCustomers, monkeypatch: pytest.MonkeyPatch, documents: Documents
) -> None:
    monkeypatch.setattr("graphql_api.mongo.customers.REQUEST_SECONDS", 0.2)

    for add in (customers.add_each, customers.add_all):
        with pytest.raises(Unavailable):
            await add(several(3))
    assert documents.count_documents({}) == 0


async def test_a_part_of_a_list_that_gets_no_turn_makes_the_outcome_unknown(
    customers: MongoCustomers, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = several(COUNT)
    add = customers.add

    async def slow(one: StoredCustomer) -> StoredCustomer:
        stored = await add(one)
        monkeypatch.setattr("graphql_api.mongo.customers.LEAST_SECONDS", 60)
        return stored

    monkeypatch.setattr(customers, "add", slow)
    with pytest.raises(ListUnknown):
        await customers.add_each(wanted)


async def test_a_customer_that_mongodb_refuses_is_the_servers_fault(
    customers: MongoCustomers,
) -> None:
    with pytest.raises(WriteError, match="MongoDB refuses a customer"):
        await customers.add_each([*several(3), new_customer("invalid@example.com", name="5")])


async def test_the_outcome_of_a_transaction_that_gets_no_thread_in_time_is_unclear(
    database_uri: str,
) -> None:
    may_end = threading.Event()
    async with database_at(database_uri) as database:
        for _ in range(COMMANDS_AT_ONCE):
            database.driver.in_thread(lambda _: may_end.wait())
        nothing = WholeList([], [])
        written = await insert_all(
            database.driver, Binary(bytes(16), UUID_SUBTYPE), nothing, time.monotonic(), ()
        )
        may_end.set()

    assert written == Written([Outcome.UNCLEAR], is_set_up=True)


@pytest.mark.in_time
@pytest.mark.parametrize(
    ("fault", "recovery"), [("kill", "start"), ("freeze", "thaw"), ("stop", "start")]
)
async def test_if_the_primary_fails_amid_whole_lists_each_is_stored_once_or_not_at_all(
    fault: str, recovery: str, three: ReplicaSet
) -> None:
    database_uri, primary = three.database_uri(), three.primary()
    names = [f"list{number}" for number in range(12)]

    def a_list(name: str, last: str = "last") -> list[StoredCustomer]:
        return [
            *(new_customer(f"{name}-{n}@example.com", f"{name} {n}") for n in range(50)),
            new_customer(f"{name}-{last}@example.com", f"{name} {last}"),
        ]

    async with open_customers(database_uri) as customers:
        taken = new_customer("invalid-taken@example.com")
        await customers.add(taken)
        adding = [asyncio.create_task(request(customers.add_all(a_list(name)))) for name in names]
        refused = asyncio.create_task(request(customers.add_all(a_list("invalid", "taken"))))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(getattr(primary, fault))
        outcomes = await asyncio.gather(*adding, refused, return_exceptions=True)
        getattr(primary, recovery)()
        await asyncio.to_thread(until, three.is_whole, "the member is back")

        emails = three.customers(database_uri).distinct("email")
        counts = [sum(email.startswith(f"{name}-") for email in emails) for name in names]
        assert set(counts) <= {0, 51}
        assert [email for email in emails if email.startswith("invalid")] == [taken.customer.email]
        for count, outcome in zip(counts, outcomes, strict=False):
            possible: dict[type, set[int]] = {Unavailable: {0}, ListUnknown: {0, 51}}
            assert count in possible.get(type(outcome), {51}), outcome

        again = [await request(customers.add_all(a_list(name))) for name in names]

    for outcome, repeated in zip(outcomes, again, strict=False):
        assert isinstance(outcome, BaseException) or outcome == repeated
    assert three.customers(database_uri).count_documents({}) == 51 * len(names) + 1

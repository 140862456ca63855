"""Changes and removals while the database fails before or after the write."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from pymongo.collection import Collection
from pymongo.errors import OperationFailure, WriteError
from structlog.testing import capture_logs

from graphql_api.customers.create_customer import Created, create_customer
from graphql_api.customers.delete_customer import Deleted, delete_customer
from graphql_api.customers.fields import FIELDS, Customer
from graphql_api.customers.listings import Listing
from graphql_api.customers.problems import InvalidFormat, Rejected
from graphql_api.customers.store import CustomerInvalid, EmailTaken
from graphql_api.customers.update_customer import Updated, update_customer
from graphql_api.customers.versions import Changed, NotFound
from graphql_api.faults import ChangeUnknown, Unavailable
from graphql_api.mongo.customer_changes import removal, replacement
from graphql_api.mongo.customer_documents import to_document
from graphql_api.mongo.customers import MongoCustomers
from graphql_api.mongo.driver import COMMANDS_AT_ONCE

from ..support.faults import AFTER_THE_WRITE, BEFORE_THE_WRITE, UNAUTHORIZED, faults
from ..support.mongo_customers import new_customer, open_customers, request
from ..support.proxies import Proxy
from ..support.replica_sets import Member, ReplicaSet
from ..support.servers import until

Documents = Collection[dict[str, Any]]

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Operation:
    """A request, its outcome, and the outcome of the same request after it has succeeded."""

    ask: Callable[[MongoCustomers, Customer], Coroutine[Any, Any, object]]
    is_success: Callable[[object], bool]
    is_repeated: Callable[[object], bool]


def ask_to(**values: Any) -> Callable[[MongoCustomers, Customer], Coroutine[Any, Any, object]]:
    return lambda customers, old: update_customer(customers, str(old.id), values, 1)


def is_changed(outcome: object) -> bool:
    return isinstance(outcome, Updated) and outcome.changed and outcome.customer.version == 2


def is_unchanged(outcome: object) -> bool:
    return isinstance(outcome, Updated) and not outcome.changed and outcome.customer.version == 2


OPERATIONS = {
    "a change": Operation(ask_to(name="Jane Smith"), is_changed, is_unchanged),
    "a change of the email": Operation(ask_to(email="new@example.com"), is_changed, is_unchanged),
    "a removal": Operation(
        lambda customers, old: delete_customer(customers, str(old.id), 1),
        lambda outcome: isinstance(outcome, Deleted),
        lambda outcome: isinstance(outcome, NotFound),
    ),
}

each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())


@pytest.fixture
def database_uri(failing_set: ReplicaSet) -> str:
    return failing_set.database_uri()


@pytest.fixture
async def old(customers: MongoCustomers) -> Customer:
    """The customer that is to be changed."""
    created = await create_customer(customers, {"email": "john@example.com"}, "key")
    assert isinstance(created, Created)
    return created.customer


@dataclass(frozen=True)
class Stored:
    """The customer that is to be changed, where it is stored."""

    customers: MongoCustomers
    old: Customer
    documents: Documents

    async def ask(self, operation: Operation) -> object:
        return await request(operation.ask(self.customers, self.old))


@pytest.fixture
def stored(customers: MongoCustomers, old: Customer, documents: Documents) -> Stored:
    return Stored(customers, old, documents)


@contextlib.asynccontextmanager
async def through(proxy: Proxy, database_uri: str) -> AsyncIterator[MongoCustomers]:
    """Customers in a database that is reached through the proxy only."""
    database = database_uri.rpartition("/")[2].partition("?")[0]
    async with (
        proxy.listening() as address,
        open_customers(f"mongodb://{address}/{database}?directConnection=true") as customers,
    ):
        yield customers


def versions(documents: Documents) -> list[int]:
    return [document["version"] for document in documents.find({})]


@each_operation
@faults(BEFORE_THE_WRITE)
async def test_a_client_does_not_notice_one_fault_before_the_write(
    fault: dict[str, Any],
    operation: Operation,
    stored: Stored,
    member: Member,
) -> None:
    with member.failing("update", mode={"times": 1}, **fault):
        outcome = await stored.ask(operation)

    assert operation.is_success(outcome)
    # Also if the first command is executed late, the change is made once.
    assert versions(stored.documents) == [2]


@pytest.mark.in_time
@faults(BEFORE_THE_WRITE, "connection closed", "blocked")
async def test_after_lasting_faults_before_the_write_the_outcome_is_unknown(
    fault: dict[str, Any], customers: MongoCustomers, member: Member, documents: Documents
) -> None:
    operations = list(OPERATIONS.values())
    old = [new_customer(f"john{number}@example.com") for number in range(len(operations))]
    for one in old:
        await customers.add(one)

    async def ask_all() -> list[object]:
        asked = zip(operations, old, strict=True)
        return await asyncio.gather(
            *(request(operation.ask(customers, one.customer)) for operation, one in asked),
            return_exceptions=True,
        )

    with member.failing("update", **fault):
        started = time.monotonic()
        outcomes = await ask_all()
        seconds = time.monotonic() - started

    assert [type(outcome) for outcome in outcomes] == [ChangeUnknown] * len(operations)
    # The promised time, not a measure of speed.
    assert seconds < 5
    for operation, outcome in zip(operations, await ask_all(), strict=True):
        assert operation.is_success(outcome) or operation.is_repeated(outcome)
    assert versions(documents) == [2] * len(operations)


@pytest.mark.parametrize("mode", [{"times": 1}, "alwaysOn"], ids=["once", "always"])
@each_operation
@faults(AFTER_THE_WRITE)
async def test_a_change_that_was_made_before_a_fault_is_a_success(
    fault: dict[str, Any],
    operation: Operation,
    mode: Any,
    stored: Stored,
    member: Member,
) -> None:
    error = {**fault, "errmsg": "told by mongod"}
    with member.failing("update", mode=mode, writeConcernError=error):
        outcome = await stored.ask(operation)

    assert operation.is_success(outcome)
    assert versions(stored.documents) == [2]


@each_operation
async def test_a_change_is_a_success_if_the_answer_of_the_database_is_lost(
    operation: Operation, database_uri: str, member: Member, old: Customer, documents: Documents
) -> None:
    proxy = Proxy(member.address)
    async with through(proxy, database_uri) as customers:
        proxy.losing = {"update"}
        outcome = await request(operation.ask(customers, old))

    assert operation.is_success(outcome)
    assert versions(documents) == [2]


@each_operation
async def test_if_nothing_can_tell_the_outcome_is_unknown_until_the_request_is_repeated(
    operation: Operation, database_uri: str, member: Member, old: Customer, documents: Documents
) -> None:
    proxy = Proxy(member.address)
    async with through(proxy, database_uri) as customers:
        proxy.losing = {"update"}
        with (
            # The use case reads the customer first.
            member.failing("find", mode={"skip": 1}, errorCode=11601),
            capture_logs() as logged,
            pytest.raises(ChangeUnknown),
        ):
            await request(operation.ask(customers, old))
        proxy.losing = set()

        assert logged == []
        assert operation.is_repeated(await request(operation.ask(customers, old)))
        assert versions(documents) == [2]


@each_operation
async def test_after_a_lost_answer_every_error_is_an_unknown_outcome(
    operation: Operation, database_uri: str, member: Member, old: Customer, documents: Documents
) -> None:
    proxy = Proxy(member.address)
    async with through(proxy, database_uri) as customers:
        proxy.losing = {"update"}
        with (
            member.failing("find", mode={"skip": 1}, errorCode=UNAUTHORIZED),
            capture_logs() as logged,
            pytest.raises(ChangeUnknown),
        ):
            await request(operation.ask(customers, old))
        proxy.losing = set()

        assert str(logged).count("MongoDB does not say whether it executed a write.") == 1
        assert operation.is_repeated(await request(operation.ask(customers, old)))
        assert versions(documents) == [2]


async def test_no_change_of_an_email_is_acknowledged_if_the_indexes_cannot_be_checked(
    customers: MongoCustomers, old: Customer, member: Member
) -> None:
    operation = OPERATIONS["a change of the email"]
    with (
        member.failing("listIndexes", errorCode=UNAUTHORIZED),
        capture_logs() as logged,
        pytest.raises(ChangeUnknown),
    ):
        await request(operation.ask(customers, old))

    assert "MongoDB does not say whether it executed a write." in str(logged)
    assert operation.is_repeated(await request(operation.ask(customers, old)))


@pytest.mark.parametrize("name", ["a change", "a removal"])
async def test_a_change_that_cannot_make_a_duplicate_does_not_need_the_indexes(
    name: str, customers: MongoCustomers, old: Customer, member: Member
) -> None:
    operation = OPERATIONS[name]
    with member.failing("listIndexes", errorCode=UNAUTHORIZED):
        assert operation.is_success(await request(operation.ask(customers, old)))


@each_operation
async def test_an_error_that_is_not_transient_means_that_nothing_was_changed(
    operation: Operation,
    stored: Stored,
    member: Member,
) -> None:
    with (
        member.failing("update", errorCode=UNAUTHORIZED),
        pytest.raises(OperationFailure),
    ):
        await stored.ask(operation)

    assert versions(stored.documents) == [1]


async def test_a_change_that_the_validator_rejects_is_the_servers_fault(
    customers: MongoCustomers, old: Customer, documents: Documents
) -> None:
    documents.database.command("collMod", "customers", validator={"name": {"$exists": False}})

    with pytest.raises(CustomerInvalid) as error:
        await request(OPERATIONS["a change"].ask(customers, old))

    cause = error.value.__cause__
    assert isinstance(cause, WriteError)
    assert "Jane" not in str(cause.details)
    assert versions(documents) == [1]


async def test_a_change_that_leaves_a_value_that_breaks_a_newer_rule_has_its_problem(
    customers: MongoCustomers, old: Customer, documents: Documents
) -> None:
    documents.database.command("collMod", "customers", validationLevel="off")
    documents.update_one({}, {"$set": {"zipCode": "1--2"}})
    documents.database.command("collMod", "customers", validationLevel="strict")

    async def change(**values: str) -> object:
        return await request(update_customer(customers, str(old.id), values, None))

    zip_code = next(field for field in FIELDS if field.name == "zip_code")
    assert await change(city="Boston") == Rejected((InvalidFormat(zip_code),))
    assert versions(documents) == [1]
    assert is_changed(await change(zip_code="1-2", city="Boston"))


async def test_of_50_changes_of_one_version_one_succeeds_if_every_answer_is_an_error(
    customers: MongoCustomers, old: Customer, member: Member, documents: Documents
) -> None:
    error = {"code": 64, "errmsg": "told by mongod"}
    with member.failing("update", writeConcernError=error):
        outcomes = await asyncio.gather(
            *(request(ask_to(description=f"change {n}")(customers, old)) for n in range(50))
        )

    assert [is_changed(outcome) for outcome in outcomes].count(True) == 1
    assert [isinstance(outcome, Changed) for outcome in outcomes].count(True) == 49
    assert versions(documents) == [2]


async def test_an_unclear_change_is_not_made_if_another_one_of_the_same_version_is(
    customers: MongoCustomers, old: Customer, member: Member
) -> None:
    with member.failing("update", mode={"times": 1}, **BEFORE_THE_WRITE["blocked"]) as blocked:
        first = asyncio.create_task(request(ask_to(name="Jane Smith")(customers, old)))
        await asyncio.to_thread(blocked)
        second = await request(ask_to(name="Jim Smith")(customers, old))
        outcome = await first

    assert is_changed(second)
    assert isinstance(outcome, Changed)
    stored = await customers.get(str(old.id))
    assert stored is not None
    assert (stored.name, stored.version) == ("Jim Smith", 2)


async def test_an_unclear_change_before_several_others_is_unknown(
    stored: Stored, database_uri: str, member: Member
) -> None:
    customers, old = stored.customers, stored.old
    proxy = Proxy(member.address)
    async with through(proxy, database_uri) as far:
        proxy.losing = {"update"}
        first = asyncio.create_task(request(ask_to(name="Jane Smith")(far, old)))
        await asyncio.to_thread(until, lambda: versions(stored.documents) == [2], "it is made")
        second = await update_customer(customers, str(old.id), {"city": "Boston"}, None)

        with pytest.raises(ChangeUnknown):
            await first

    assert isinstance(second, Updated)
    assert (second.customer.name, second.customer.version) == ("Jane Smith", 3)


async def test_an_email_that_was_taken_while_the_outcome_is_unclear_is_taken(
    customers: MongoCustomers, old: Customer, member: Member, documents: Documents
) -> None:
    with member.failing("update", mode={"times": 1}, **BEFORE_THE_WRITE["blocked"]) as blocked:
        change = ask_to(email="new@example.com")(customers, old)
        first = asyncio.create_task(request(change))
        await asyncio.to_thread(blocked)
        await create_customer(customers, {"email": "new@example.com"}, None)
        outcome = await first

    assert not is_changed(outcome)
    assert documents.count_documents({"email": "new@example.com"}) == 1


async def test_a_late_insert_does_not_store_a_customer_that_was_removed_meanwhile(
    customers: MongoCustomers, member: Member, documents: Documents
) -> None:
    with member.failing("insert", mode={"times": 1}, **BEFORE_THE_WRITE["blocked"]):
        created = await create_customer(customers, {"email": "john@example.com"}, None)
        assert isinstance(created, Created)
        outcome = await delete_customer(customers, str(created.customer.id), None)

    assert isinstance(outcome, Deleted)
    assert documents.count_documents({"email": {"$exists": True}}) == 0


@pytest.mark.in_time
async def test_changes_that_hang_leave_threads_for_creations_and_reads(
    customers: MongoCustomers, old: Customer, member: Member
) -> None:
    count = COMMANDS_AT_ONCE * 3
    with member.failing("update", blockConnection=True, blockTimeMS=4500):
        started = time.monotonic()
        changes = asyncio.gather(
            *(request(ask_to(name="Jane Smith")(customers, old)) for _ in range(count)),
            return_exceptions=True,
        )
        await asyncio.sleep(0.1)
        created = await request(create_customer(customers, {"email": "new@example.com"}, None))
        read = await request(customers.get(str(old.id)))
        seconds = time.monotonic() - started
        outcomes = await changes

    assert isinstance(created, Created)
    assert read is not None
    # Before any change was given up.
    assert seconds < 3
    kinds = {type(outcome) for outcome in outcomes}
    assert kinds == {ChangeUnknown, Unavailable}


@pytest.mark.in_time
async def test_lists_that_hang_leave_threads_for_creations_changes_and_reads(
    customers: MongoCustomers, old: Customer, member: Member
) -> None:
    count = COMMANDS_AT_ONCE * 3
    with member.failing("aggregate", blockConnection=True, blockTimeMS=4500):
        started = time.monotonic()
        counts = asyncio.gather(
            *(request(customers.count(Listing(), 10)) for _ in range(count)),
            return_exceptions=True,
        )
        await asyncio.sleep(0.1)
        created = await request(create_customer(customers, {"email": "new@example.com"}, None))
        changed = await request(ask_to(name="Jane Smith")(customers, old))
        read = await request(customers.get(str(old.id)))
        seconds = time.monotonic() - started
        outcomes = await counts

    assert isinstance(created, Created)
    assert is_changed(changed)
    assert read is not None
    # Before any list was given up.
    assert seconds < 3
    assert {type(outcome) for outcome in outcomes} == {Unavailable}


async def test_a_change_without_enough_time_is_not_sent(
    customers: MongoCustomers, old: Customer, monkeypatch: pytest.MonkeyPatch, documents: Documents
) -> None:
    stored = await customers.find(str(old.id))
    assert stored is not None
    monkeypatch.setattr("graphql_api.mongo.customers.REQUEST_SECONDS", 1.2)

    with pytest.raises(Unavailable):
        await customers.remove(stored)

    assert versions(documents) == [1]


def test_only_documents_that_a_majority_has_tell_whether_a_change_is_made() -> None:
    old = new_customer("john@example.com")
    change, other = removal(old), removal(old)
    unchanged = to_document(old)
    mine, theirs, later = (
        {"_id": old.customer.id, "version": version, "lastChange": last}
        for version, last in ((2, change.id), (2, other.id), (3, other.id))
    )

    told = [change.is_made([one], is_unclear=True) for one in (unchanged, mine, theirs)]
    told += [change.is_made(some, is_unclear=False) for some in ([later], [])]

    assert told == [None, True, False, False, False]
    for documents in ([later], []):
        with pytest.raises(ChangeUnknown):
            change.is_made(documents, is_unclear=True)


def test_a_new_email_is_taken_if_another_customer_has_it_before_the_change_is_made() -> None:
    old = new_customer("john@example.com")
    change = replacement(
        old, replace(old, customer=replace(old.customer, email="Jane@example.com"))
    )
    other = to_document(new_customer("jane@example.com"))
    unchanged = to_document(old)

    with pytest.raises(EmailTaken):
        change.is_made([unchanged, other], is_unclear=True)
    assert change.is_made([{**unchanged, "version": 2}, other], is_unclear=False) is False
    assert change.unique_values == [
        ("_id", old.customer.id),
        ("emailCaseFolded", "jane@example.com"),
    ]


async def test_mongodb_deletes_the_remains_of_a_removed_customer_and_no_customer(
    stored: Stored,
) -> None:
    other = new_customer("other@example.com", "other")
    await stored.customers.add(other)
    await delete_customer(stored.customers, str(stored.old.id), None)
    past = datetime.now(UTC) - timedelta(seconds=1)
    stored.documents.update_one({"_id": stored.old.id}, {"$set": {"expiresAt": past}})

    await asyncio.to_thread(
        until, lambda: len(versions(stored.documents)) < 2, "the document is deleted"
    )

    assert await stored.customers.find(str(other.customer.id)) == other
    again = await create_customer(stored.customers, {"email": "john@example.com"}, "key")
    assert isinstance(again, Created)
    assert not again.replayed

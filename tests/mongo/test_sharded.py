"""The form of the collection that MongoDB can shard, on a replica set: no mongos runs here."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from pymongo.collection import Collection

from graphql_api.customers.event_feed import EventFeed
from graphql_api.customers.events import CustomerCreated, CustomerDeleted
from graphql_api.customers.store import Attempt, CustomerRemoved, EmailTaken, StoredCustomer
from graphql_api.faults import Misconfigured
from graphql_api.mongo.change_stream import MongoHistory
from graphql_api.mongo.customers import MongoCustomers
from graphql_api.mongo.database import MongoDatabase
from graphql_api.mongo.imports import MongoImports

from ..conftest import Command
from ..support.databases import database_at
from ..support.mongo_customers import add_all, new_customer, several

Documents = Collection[dict[str, Any]]


@pytest.fixture
def is_sharded() -> bool:
    return True


@pytest.fixture
def claims(documents: Documents) -> Documents:
    return documents.database["claims"]


def keyed(email: str, key: str) -> StoredCustomer:
    """A new customer whose fingerprint differs from that of another email address."""
    return replace(new_customer(email), attempt=Attempt(key, f"fingerprint of {email}"))


def changed(old: StoredCustomer, **fields: Any) -> StoredCustomer:
    customer = replace(old.customer, version=old.customer.version + 1, **fields)
    return replace(old, customer=customer)


async def test_a_key_creates_one_customer_although_no_index_refuses_a_second_one(
    customers: MongoCustomers, documents: Documents, claims: Documents
) -> None:
    new = [keyed(f"c{number}@example.com", "key") for number in range(8)]

    at_once = await add_all(customers, new)
    [created] = [one for one, outcome in zip(new, at_once, strict=True) if outcome == one]
    # Claims end. The key of the customer remains.
    claims.delete_many({})
    later = await customers.add(keyed("later@example.com", "key"))
    again = await customers.add(created)

    assert not documents.index_information()["idempotency.key"].get("unique")
    assert at_once == [created] * 8
    assert later == again == created
    assert documents.count_documents({}) == 1
    assert await customers.remove(created)
    with pytest.raises(CustomerRemoved):
        await customers.add(keyed("later@example.com", "key"))


async def test_a_key_whose_creation_was_rejected_can_be_used_with_another_address(
    customers: MongoCustomers, documents: Documents, claims: Documents
) -> None:
    await customers.add(new_customer("taken@example.com"))

    with pytest.raises(EmailTaken):
        await customers.add(keyed("taken@example.com", "key"))
    assert claims.count_documents({}) == 0
    corrected = keyed("free@example.com", "key")

    assert await customers.add(corrected) == corrected
    assert documents.count_documents({}) == 2
    [claim] = claims.find({})
    assert claim["_id"] == "key"


async def test_a_whole_list_is_stored_with_its_claims(
    customers: MongoCustomers, documents: Documents, claims: Documents
) -> None:
    new = several(3, keys=True)
    await customers.add(new[1])

    assert await customers.add_all([*new, new_customer("without@example.com")]) is not None
    assert await customers.add_all(new) == new

    assert documents.count_documents({}) == 4
    assert claims.count_documents({}) == 3


async def test_an_address_changes_and_a_customer_is_removed_in_a_transaction(
    customers: MongoCustomers, documents: Documents
) -> None:
    one, two = several(2)
    await customers.add_each([one, two])
    moved = changed(one, email="moved@example.com")

    assert await customers.replace(one, moved)
    assert not await customers.replace(one, changed(one, email="late@example.com"))
    assert not await customers.remove(one)
    with pytest.raises(EmailTaken):
        await customers.replace(two, changed(two, email="moved@example.com"))
    named = changed(moved, name="Ada")
    assert await customers.replace(moved, named)
    assert await customers.remove(named)

    assert await customers.by_email("moved@example.com") is None
    assert await customers.get(str(two.customer.id)) == two.customer
    assert documents.count_documents({}) == 2


async def test_an_import_finds_a_customer_by_its_key_after_its_address_changed(
    database: MongoDatabase, customers: MongoCustomers, documents: Documents
) -> None:
    imports = MongoImports(database)
    first, again = keyed("first@example.com", "key"), keyed("first@example.com", "key")

    assert await imports.add_new([first]) == [None]
    moved = changed(first, email="moved@example.com")
    assert await customers.replace(first, moved)
    assert await imports.add_new([again]) == [moved]
    assert await customers.remove(moved)
    [removed] = await imports.add_new([again])
    assert isinstance(removed, CustomerRemoved)

    assert documents.count_documents({}) == 1


async def test_remains_that_move_to_another_shard_are_a_deletion(
    database: MongoDatabase, customers: MongoCustomers, documents: Documents
) -> None:
    one = new_customer("one@example.com")
    await customers.add(one)
    await customers.remove(one)
    [remains] = documents.find({})
    two = new_customer("two@example.com")

    async with aclosing(EventFeed(MongoHistory(database))) as feed:
        follower = await feed.follow(None)
        # As MongoDB moves a document: it is deleted from one shard and inserted into the other.
        documents.delete_one({"_id": one.customer.id})
        documents.insert_one(remains)
        await customers.add(two)
        events: list[object] = []
        async with asyncio.timeout(20):
            while len(events) < 2:
                events += [event.what for event in await follower.next()]
        follower.leave()

    assert events == [CustomerDeleted(one.customer.id), CustomerCreated(two.customer)]


@pytest.mark.usefixtures("customers")
def test_the_check_names_each_index_that_forbids_to_shard(
    graphql_api: Command, database_uri: str, documents: Documents
) -> None:
    check = partial(graphql_api, "database", "check", GRAPHQL_API_MONGODB_URI=database_uri)
    sharded = partial(check, GRAPHQL_API_MONGODB_SHARDED="true")

    assert sharded()[0] == 0
    documents.create_index([("externalId", 1)], unique=True, name="by_other")
    documents.create_index([("emailCaseFolded", 1), ("externalId", 1)], unique=True, name="allowed")

    code, output, _ = sharded()
    assert code == 1
    assert "The unique index `by_other` does not begin with the shard key" in output
    assert "allowed" not in output
    documents.database["claims"].drop()
    assert "The index `expiresAt` is missing, incomplete or different." in sharded()[1]
    # Without the setting, an index is missing that refuses a second customer.
    assert "The index `idempotency.key` is missing, incomplete or different." in check()[1]


async def test_a_server_with_another_setting_changes_no_index(
    database_uri: str, documents: Documents
) -> None:
    async with database_at(database_uri) as database:
        await database.set_up()
    before = documents.index_information()

    async with database_at(database_uri, is_sharded=True) as database:
        with pytest.raises(Misconfigured, match="MongoDB refuses to set up `customers`"):
            await database.set_up()

    assert documents.index_information() == before
    assert before["idempotency.key"]["unique"]
    documents.drop_index("idempotency.key")
    async with database_at(database_uri, is_sharded=True) as database:
        await database.set_up()
    assert not documents.index_information()["idempotency.key"].get("unique")

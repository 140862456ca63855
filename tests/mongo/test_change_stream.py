"""The history of customers in a real MongoDB, also when MongoDB fails or has forgotten it."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from bson import Timestamp
from bson.binary import UUID_SUBTYPE, Binary
from pymongo import InsertOne
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect, InvalidOperation, OperationFailure
from structlog.testing import capture_logs

from graphql_api.customers.event_feed import EventFeed, Follower
from graphql_api.customers.events import (
    EVENTS_AT_ONCE,
    Batch,
    CustomerCreated,
    CustomerDeleted,
    CustomerUpdated,
    Event,
    EventsMissed,
    HistoryLost,
    InvalidCursor,
    Moment,
    cursor_of,
    moment_of,
)
from graphql_api.customers.fields import FIELDS
from graphql_api.customers.store import StoredCustomer
from graphql_api.mongo import change_stream
from graphql_api.mongo.change_stream import MongoHistory, time_of
from graphql_api.mongo.customer_documents import SCHEMA_VERSION, remains, to_document
from graphql_api.mongo.customers import MongoCustomers
from graphql_api.mongo.database import MongoDatabase
from graphql_api.mongo.migrations import migrate

from ..support.mongo_customers import new_customer, request, several
from ..support.replica_sets import Member, ReplicaSet
from ..support.servers import until

HISTORY_LOST = 286
UNAUTHORIZED = 13


@pytest.fixture
def database_uri(failing_set: ReplicaSet) -> str:
    return failing_set.database_uri()


@pytest.fixture
def stored(failing_set: ReplicaSet, database_uri: str) -> Collection[dict[str, Any]]:
    return failing_set.customers(database_uri)


@pytest.fixture
async def feed(database: MongoDatabase) -> AsyncIterator[EventFeed]:
    async with aclosing(EventFeed(MongoHistory(database))) as feed:
        yield feed


async def some(follower: Follower, number: int) -> list[Event]:
    """The next events of a subscriber, this number at least."""
    events: list[Event] = []
    async with asyncio.timeout(20):
        while len(events) < number:
            events += await follower.next()
    return events


def kinds(events: Sequence[Event]) -> list[type]:
    return [type(event.what) for event in events]


def changed(old: StoredCustomer, **fields: Any) -> StoredCustomer:
    customer = replace(old.customer, version=old.customer.version + 1, **fields)
    return replace(old, customer=customer)


async def test_changes_by_servers_and_by_other_programs_are_events(
    customers: MongoCustomers, stored: Collection[dict[str, Any]], feed: EventFeed
) -> None:
    follower = await feed.follow(None)
    one = new_customer("one@example.com", name="Ada")
    two = new_customer("two@example.com")

    await customers.add(one)
    assert await customers.replace(one, changed(one, name="Bob"))
    stored.update_one({"_id": one.customer.id}, {"$set": {"city": "Wien"}, "$unset": {"name": ""}})
    stored.replace_one({"_id": one.customer.id}, to_document(one))
    events = await some(follower, 4)
    assert await customers.remove(one)
    await customers.add(two)
    events += await some(follower, 2)
    follower.leave()

    whats = [event.what for event in events]
    assert whats[0] == CustomerCreated(one.customer)
    assert isinstance(whats[1], CustomerUpdated)
    assert [field.name for field in whats[1].fields] == ["name"]
    assert isinstance(whats[2], CustomerUpdated)
    assert [field.name for field in whats[2].fields] == ["name", "city"]
    assert whats[3] == CustomerUpdated(one.customer, FIELDS)
    assert whats[4:] == [CustomerDeleted(one.customer.id), CustomerCreated(two.customer)]
    assert [event.moment for event in events] == sorted(event.moment for event in events)


async def test_remains_that_expire_and_migrations_are_no_events(
    database: MongoDatabase, customers: MongoCustomers, stored: Collection[dict[str, Any]]
) -> None:
    old = to_document(new_customer("old@example.com"))
    for name in ("nameSort", "emailSort", "search", "given", "schemaVersion"):
        del old[name]
    stored.insert_one(old)
    past, future = (datetime(year, 1, 1, tzinfo=UTC) for year in (2020, 9999))
    expired = remains(new_customer("gone@example.com"))
    stored.insert_one({**expired, "lastChange": uuid4(), "expiresAt": future})
    history = MongoHistory(database)
    async with aclosing(history.live()) as live:
        start = (await anext(live)).moment

        stored.update_one({"_id": expired["_id"]}, {"$set": {"expiresAt": past}})
        async for _ in migrate(database):
            pass
        await asyncio.to_thread(
            until, lambda: stored.find_one({"_id": expired["_id"]}) is None, "it is deleted"
        )
        last = new_customer("last@example.com")
        await customers.add(last)
        batch = await until_event(live)

    assert stored.find_one({"_id": old["_id"]}, ["schemaVersion"]) == {
        "_id": old["_id"],
        "schemaVersion": SCHEMA_VERSION,
    }
    assert [event.what for event in batch.events] == [CustomerCreated(last.customer)]
    again = await history.since(start)
    assert [event.what for event in again.events] == [CustomerCreated(last.customer)]


async def until_event(live: AsyncGenerator[Batch, None]) -> Batch:
    """The next batch that has an event."""
    async with asyncio.timeout(20):
        return await anext(batch async for batch in live if batch.events)


async def test_documents_that_are_no_customers_and_customers_that_are_gone_are_no_events(
    customers: MongoCustomers, database: MongoDatabase, stored: Collection[dict[str, Any]]
) -> None:
    history = MongoHistory(database)
    async with aclosing(history.live()) as live:
        start = (await anext(live)).moment

    stored.bulk_write([InsertOne({"_id": uuid4(), "a": 1})], bypass_document_validation=True)
    deleted = new_customer("deleted@example.com")
    await customers.add(deleted)
    await customers.replace(deleted, changed(deleted, name="Ada"))
    stored.delete_one({"_id": deleted.customer.id})
    removed = new_customer("removed@example.com")
    await customers.add(removed)
    again = changed(removed, name="Ada")
    await customers.replace(removed, again)
    await customers.remove(again)
    batch = await history.since(start)

    # A change is not told if the customer is gone when it is read.
    assert [event.what for event in batch.events] == [
        CustomerCreated(deleted.customer),
        CustomerCreated(removed.customer),
        CustomerDeleted(removed.customer.id),
    ]


async def test_changes_that_are_no_events_are_read_in_parts(
    customers: MongoCustomers,
    database: MongoDatabase,
    stored: Collection[dict[str, Any]],
    feed: EventFeed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(change_stream, "_MOST_CHANGES", 3)
    history = MongoHistory(database)
    async with aclosing(history.live()) as live:
        start = (await anext(live)).moment
    one, two = several(2)
    await customers.add(one)
    for number in range(7):
        stored.update_one(
            {"_id": one.customer.id}, {"$set": {"seen": number}}, bypass_document_validation=True
        )
    await customers.add(two)

    part = await history.since(start)
    follower = await feed.follow(cursor_of(start))
    events = await some(follower, 2)
    follower.leave()

    # Otherwise, one part could never be read within its time.
    assert [event.what for event in part.events] == [CustomerCreated(one.customer)]
    assert start < part.moment < events[-1].moment
    assert [event.what for event in events] == [
        CustomerCreated(one.customer),
        CustomerCreated(two.customer),
    ]


async def test_a_change_that_the_driver_cannot_read_is_a_gap(
    customers: MongoCustomers,
    database: MongoDatabase,
    stored: Collection[dict[str, Any]],
    feed: EventFeed,
) -> None:
    follower = await feed.follow(None)
    one, two = several(2)
    await customers.add(one)
    [created] = await some(follower, 1)
    # The driver stores a UUID of the wrong length, and fails to read it.
    unreadable = {"_id": "id", "other": Binary(b"short", UUID_SUBTYPE)}
    stored.bulk_write([InsertOne(unreadable)], bypass_document_validation=True)
    events = await some(follower, 1)
    await customers.add(two)

    events += await some(follower, 1)
    follower.leave()

    assert [event.what for event in events] == [EventsMissed(), CustomerCreated(two.customer)]
    with pytest.raises(HistoryLost):
        await request(MongoHistory(database).since(created.moment))


async def test_a_reader_that_is_stopped_reports_no_error(
    database: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def follow(reader: change_stream._Reader) -> None:
        # Meanwhile the server closes the client.
        reader.stop()
        raise InvalidOperation

    monkeypatch.setattr(change_stream._Reader, "_follow", follow)
    before = set(threading.enumerate())
    with capture_logs() as logs:
        change_stream._Reader(database.driver.blocking)
        until(lambda: before.issuperset(threading.enumerate()), "the thread has ended")

    assert logs == []


async def test_a_reader_logs_an_error_that_repeats_once_and_goes_on(
    database: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = OperationFailure("refused", UNAUTHORIZED, {"codeName": "Unauthorized"})
    errors: list[Exception] = [
        *(refused, refused, AutoReconnect()),
        *(OperationFailure("lost", HISTORY_LOST), OverflowError()),
    ]

    def follow(reader: change_stream._Reader) -> None:
        if not errors:
            reader.stop()
            return
        raise errors.pop(0)

    monkeypatch.setattr(change_stream, "_RETRY_SECONDS", 0)
    monkeypatch.setattr(change_stream._Reader, "_follow", follow)
    before = set(threading.enumerate())
    with capture_logs() as logs:
        change_stream._Reader(database.driver.blocking)
        until(lambda: before.issuperset(threading.enumerate()), "the thread has ended")

    assert [line["event"] for line in logs] == [
        "MongoDB refuses the change stream: Unauthorized.",
        "MongoDB no longer has the next events of customers.",
        "A change of a customer cannot be read.",
    ]


async def test_the_end_of_the_history_is_not_waited_for(
    customers: MongoCustomers, database: MongoDatabase
) -> None:
    history = MongoHistory(database)
    async with aclosing(history.live()) as live:
        start = (await anext(live)).moment
    one = new_customer("one@example.com")
    await customers.add(one)

    # Many clients connect again at once. MongoDB would let each wait for half a second.
    async with asyncio.timeout(5):
        batches = [await history.since(start) for _ in range(12)]

    assert {batch.events[0].what for batch in batches} == {CustomerCreated(one.customer)}


async def test_lost_history_is_told_to_each_subscriber(
    customers: MongoCustomers, member: Member, feed: EventFeed
) -> None:
    followers = [await feed.follow(None) for _ in range(3)]
    with member.failing("getMore", mode={"times": 1}, errorCode=HISTORY_LOST):
        events = [await some(follower, 1) for follower in followers]
    one = new_customer("one@example.com")
    await customers.add(one)
    more = [await some(follower, 1) for follower in followers]

    assert [[event.what for event in own] for own in events] == [[EventsMissed()]] * 3
    assert [own[0].what for own in more] == [CustomerCreated(one.customer)] * 3
    cursors = {own[0].cursor for own in events}
    assert len(cursors) == 1
    again = await feed.follow(cursors.pop())
    assert (await some(again, 1))[0].what == CustomerCreated(one.customer)
    for follower in [*followers, again]:
        follower.leave()


async def test_a_subscriber_whose_history_is_lost_hears_of_it_first(
    customers: MongoCustomers, member: Member, feed: EventFeed
) -> None:
    live = await feed.follow(None)
    one, two = several(2)
    await customers.add(one)
    [first] = await some(live, 1)
    earlier = Event(Moment(first.moment[:4] + b"\0" + first.moment[5:]), first.what).cursor
    with member.failing("aggregate", mode={"times": 1}, errorCode=HISTORY_LOST):
        follower = await feed.follow(earlier)
    await customers.add(two)

    events = await some(follower, 2)
    for each in (live, follower):
        each.leave()

    assert [event.what for event in events] == [EventsMissed(), CustomerCreated(two.customer)]


async def test_history_is_read_in_parts_and_then_followed(
    customers: MongoCustomers, database: MongoDatabase, feed: EventFeed
) -> None:
    async with aclosing(MongoHistory(database).live()) as live:
        start = (await anext(live)).moment
    new = several(450)
    await customers.add_each(new)
    follower = await feed.follow(Event(start, EventsMissed()).cursor)
    last = new_customer("last@example.com")
    await customers.add(last)

    events = await some(follower, 451)
    follower.leave()

    ids = [event.what.customer.id for event in events if isinstance(event.what, CustomerCreated)]
    assert len(ids) == len(set(ids)) == 451
    assert set(ids) == {one.customer.id for one in [*new, last]}
    assert ids[-1] == last.customer.id


async def test_time_goes_on_without_events(
    database: MongoDatabase, stored: Collection[dict[str, Any]]
) -> None:
    async with aclosing(MongoHistory(database).live()) as live, asyncio.timeout(20):
        start = (await anext(live)).moment
        stored.database["others"].insert_one({})

        later = await anext(live)

    # Otherwise the moment of a quiet collection would grow too old for the oplog.
    assert later.moment > start
    assert later.events == []


@pytest.mark.parametrize(
    "moment", [b"", b"\x82", b"\x82" * 40, b"\0" * 20, b"\x82\xff\xff\xff\xff"]
)
async def test_a_moment_that_mongodb_does_not_know_is_invalid(
    database: MongoDatabase, moment: bytes
) -> None:
    with pytest.raises(InvalidCursor):
        await request(MongoHistory(database).since(Moment(moment)))


async def test_an_error_of_the_history_that_is_not_the_client_s_is_raised(
    database: MongoDatabase, member: Member
) -> None:
    history = MongoHistory(database)
    async with aclosing(history.live()) as live:
        moment = (await anext(live)).moment

    with (
        member.failing("aggregate", errorCode=UNAUTHORIZED),
        pytest.raises(OperationFailure) as raised,
    ):
        await request(history.since(moment))

    assert raised.value.code == UNAUTHORIZED


async def test_a_collection_that_is_replaced_is_a_gap(
    customers: MongoCustomers,
    database: MongoDatabase,
    stored: Collection[dict[str, Any]],
    feed: EventFeed,
) -> None:
    follower = await feed.follow(None)
    await customers.add(new_customer("one@example.com"))
    [created] = await some(follower, 1)
    stored.drop()

    events = await some(follower, 1)
    follower.leave()

    assert kinds(events) == [EventsMissed]
    with pytest.raises(HistoryLost):
        await request(MongoHistory(database).since(moment_of(created.cursor)))


async def test_events_that_happened_together_are_read_in_parts(
    stored: Collection[dict[str, Any]], database: MongoDatabase
) -> None:
    new = several(50)
    async with aclosing(MongoHistory(database).live()) as live:
        await anext(live)
        stored.insert_many(map(to_document, new))
        parts: list[Sequence[Event]] = []
        while sum(map(len, parts)) < len(new):
            parts.append((await until_event(live)).events)
            # The thread of the stream reads as far as it may meanwhile.
            await asyncio.sleep(0.1)

    assert [event.what for part in parts for event in part] == [
        CustomerCreated(one.customer) for one in new
    ]
    assert max(map(len, parts)) <= EVENTS_AT_ONCE


async def test_errors_of_mongodb_lose_no_event(
    customers: MongoCustomers,
    member: Member,
    feed: EventFeed,
) -> None:
    follower = await feed.follow(None)
    new = several(3)
    await customers.add(new[0])
    events = await some(follower, 1)
    with member.failing("getMore", "aggregate", errorCode=UNAUTHORIZED):
        await customers.add(new[1])
        await asyncio.sleep(1.5)
    with member.failing("getMore", "aggregate", closeConnection=True):
        await customers.add(new[2])
        await asyncio.sleep(1)

    events += await some(follower, 2)
    follower.leave()

    assert [event.what for event in events] == [CustomerCreated(one.customer) for one in new]


async def test_a_token_s_time_is_where_it_is_looked_for(database: MongoDatabase) -> None:
    async def now() -> datetime:
        hello = await database.driver.database.command("hello")
        time: Timestamp = hello["operationTime"]
        return time.as_datetime()

    before = await now()
    async with aclosing(MongoHistory(database).live()) as live:
        moment = (await anext(live)).moment
    after = await now()

    second = timedelta(seconds=1)
    assert before - second <= time_of(moment) <= after + second


async def test_a_moment_can_be_had_of_any_time(
    database: MongoDatabase, customers: MongoCustomers, member: Member
) -> None:
    history = MongoHistory(database)
    one, two = several(2)
    began = datetime.now(UTC)
    await customers.add(one)
    now = await history.moment_at(None)
    await customers.add(two)

    earlier = await history.moment_at(began)

    events = [event.what for event in (await history.since(earlier)).events]
    assert events == [CustomerCreated(one.customer), CustomerCreated(two.customer)]
    assert [event.what for event in (await history.since(now)).events] == events[1:]
    assert time_of(earlier) == began.replace(microsecond=0)
    with (
        member.failing("aggregate", mode={"times": 1}, errorCode=HISTORY_LOST),
        pytest.raises(HistoryLost),
    ):
        await request(history.moment_at(began))

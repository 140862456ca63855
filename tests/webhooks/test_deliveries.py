"""Webhooks from a real MongoDB to real servers, also when one of them or this process fails."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from graphql_api.customers import event_feed
from graphql_api.customers.event_feed import EventFeed
from graphql_api.customers.events import CustomerDeleted, Event, Moment, cursor_of, moment_of
from graphql_api.customers.store import StoredCustomer
from graphql_api.mongo.change_stream import MongoHistory, time_of
from graphql_api.mongo.customers import MongoCustomers
from graphql_api.mongo.database import MongoDatabase
from graphql_api.mongo.webhooks import MongoEndpoints
from graphql_api.webhooks import deliveries, delivery
from graphql_api.webhooks.deliveries import Deliveries
from graphql_api.webhooks.delivery import PAUSES, Delivery, failure_after
from graphql_api.webhooks.endpoints import Endpoint, Endpoints, new_endpoint
from graphql_api.webhooks.messages import Message, secret_as_text
from graphql_api.webhooks.sending import Failed, Sender, tls_context

from ..support.databases import database_at
from ..support.mongo_customers import new_customer, several
from ..support.receivers import Answer, Received, Receiver, receiving
from ..support.replica_sets import Member, ReplicaSet
from ..support.servers import until

HISTORY_LOST = 286
UNAUTHORIZED = 13

CREATED, UPDATED, DELETED = "customer.created", "customer.updated", "customer.deleted"
MISSED = ("customer.events_missed", None, None)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses, and frequent looks."""
    monkeypatch.setattr(delivery, "PAUSES", (0.01, 0.01))
    monkeypatch.setattr(deliveries, "_LOOK_SECONDS", 0.05)


@pytest.fixture
def saves_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery stores its place whenever it waits for events."""
    monkeypatch.setattr(delivery, "_SAVE_SECONDS", 0.0)


@pytest.fixture
def database_uri(failing_set: ReplicaSet) -> str:
    return failing_set.database_uri()


@pytest.fixture
def endpoints(database: MongoDatabase) -> MongoEndpoints:
    return MongoEndpoints(database)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@asynccontextmanager
async def delivering(database: MongoDatabase) -> AsyncIterator[EventFeed]:
    """A process that delivers."""
    async with (
        aclosing(EventFeed(MongoHistory(database))) as feed,
        Deliveries(MongoEndpoints(database), feed, time_of).in_background(),
    ):
        yield feed


async def added(
    database: MongoDatabase, receiver: Receiver, types: list[str] | None = None
) -> Endpoint:
    """A new endpoint, which gets what happens from now on."""
    now = cursor_of(await MongoHistory(database).moment_at(None))
    endpoint = new_endpoint(receiver.url, now, types, allows_private=True)
    await MongoEndpoints(database).add(endpoint)
    return endpoint


async def endpoint_when(database: MongoDatabase, id_: str, condition: Any) -> Endpoint:
    """The endpoint, as soon as the condition is true for it."""
    async with asyncio.timeout(20):
        while True:
            endpoint = await MongoEndpoints(database).get(id_)
            if endpoint is not None and condition(endpoint):
                return endpoint
            await asyncio.sleep(0.02)


def changed(old: StoredCustomer, name: str) -> StoredCustomer:
    customer = replace(old.customer, version=old.customer.version + 1, name=name)
    return replace(old, customer=customer)


def told(received: list[Received], type_: str = CREATED) -> set[str]:
    """The customers of whom messages of this type have arrived."""
    return {one.told[1] for one in received if one.told[0] == type_}


def ids(customers: list[StoredCustomer]) -> set[str]:
    return {str(one.customer.id) for one in customers}


async def test_each_event_arrives_signed_and_in_order_for_each_customer(
    database: MongoDatabase, customers: MongoCustomers, receiver: Receiver
) -> None:
    endpoint = await added(database, receiver)
    new = several(12)
    refused: set[str] = set()

    def refuse_each_once(received: Received) -> Answer:
        if received.id in refused:
            return Answer()
        refused.add(received.id)
        return Answer(503)

    receiver.answer = refuse_each_once
    with capture_logs() as logs:
        async with delivering(database):
            await customers.add_each(new)
            # Each message is refused once, and then accepted.
            await receiver.until(2 * 12)
            for old in new[:4]:
                await customers.replace(old, changed(old, "Ada"))
            await receiver.until(2 * (12 + 4))
            for old in new[:4]:
                await customers.remove(changed(old, "Ada"))
            await receiver.until(2 * (12 + 4 + 4))
            stored = await endpoint_when(database, endpoint.id, lambda one: one.failure is None)

    by_customer: dict[str, list[tuple[str, int | None]]] = defaultdict(list)
    for received in receiver.received:
        received.verified(secret_as_text(endpoint.secret))
        kind, id_, version = received.told
        by_customer[id_].append((kind, version))
    life = [(CREATED, 1)] * 2 + [(UPDATED, 2)] * 2 + [(DELETED, None)] * 2
    assert by_customer == {
        str(one.customer.id): life if one in new[:4] else life[:2] for one in new
    }
    assert len({received.id for received in receiver.received}) == 20
    assert stored.delivered_at is not None
    lines = [line for line in logs if line.get("endpoint") == endpoint.id]
    assert {line["log_level"] for line in lines} == {"debug", "warning"}
    for value in (receiver.url, secret_as_text(endpoint.secret), new[0].customer.email):
        assert value not in str(logs)


async def test_what_was_not_stored_as_delivered_is_delivered_again_with_the_same_id(
    database: MongoDatabase,
    customers: MongoCustomers,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endpoint = await added(database, receiver)
    dies = asyncio.Event()

    async def die(_self: MongoEndpoints, _endpoint: Endpoint) -> None:
        dies.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_GRACE_SECONDS", 0.1)
        patch.setattr(MongoEndpoints, "save", die)
        async with delivering(database):
            first, second, third = several(3)
            await customers.add(first)
            await dies.wait()
    await customers.add(second)
    async with delivering(database):
        await receiver.until(3)
        await customers.add(third)
        await receiver.until(4)
        await endpoint_when(database, endpoint.id, lambda one: one.delivered_at is not None)
    # Now the place is stored, and nothing is delivered again.
    async with delivering(database):
        last = new_customer("last@example.com")
        await customers.add(last)
        await receiver.until(5)

    order = [received.told[1] for received in receiver.received]
    once, twice = [str(one.customer.id) for one in (first, second)]
    assert order[0] == once
    # The messages of several customers are sent at once.
    assert set(order[1:3]) == {once, twice}
    assert order[3:] == [str(one.customer.id) for one in (third, last)]
    again = receiver.received[order.index(once, 1)]
    assert (again.id, again.body) == (receiver.received[0].id, receiver.received[0].body)


async def test_a_server_that_stops_waits_for_answers_and_stores_the_place(
    database: MongoDatabase,
    customers: MongoCustomers,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endpoint = await added(database, receiver)
    first, second, third = several(3)
    receiver.answer = lambda _: Answer(seconds=0.3)
    monkeypatch.setattr(delivery, "_GRACE_SECONDS", 20)
    async with delivering(database):
        await customers.add(first)
        await receiver.until(1)
    # The answer to this one takes too long.
    monkeypatch.setattr(delivery, "_GRACE_SECONDS", 0.01)
    async with delivering(database):
        await customers.add(second)
        await receiver.until(2)
    async with delivering(database):
        await receiver.until(3)
        await customers.add(third)
        await receiver.until(4)

    order = [received.told[1] for received in receiver.received]
    assert order == [str(one.customer.id) for one in (first, second, second, third)]
    stored = await MongoEndpoints(database).get(endpoint.id)
    assert stored is not None
    assert stored.failure is None


async def test_an_endpoint_that_fails_is_paused_alone_until_it_is_resumed(
    database: MongoDatabase, customers: MongoCustomers, endpoints: MongoEndpoints
) -> None:
    with receiving() as working, receiving() as failing, receiving() as gone:
        failing.answer = lambda _: Answer(500)
        gone.answer = lambda _: Answer(410)
        # This one wants other events.
        other = await added(database, gone, [DELETED])
        ended = await added(database, gone)
        broken = await added(database, failing)
        await added(database, working)
        new = several(3)
        with capture_logs() as logs:
            async with delivering(database):
                await customers.add_each(new)
                await working.until(3)
                paused = await endpoint_when(database, broken.id, lambda one: one.is_paused)
                left = await endpoint_when(database, ended.id, lambda one: one.is_paused)
                failing.answer = lambda _: Answer()
                count = len(failing.received)
                assert await endpoints.resume(broken.id, None)
                await failing.until(count + 3)
                await endpoint_when(database, broken.id, lambda one: one.failure is None)
                # Delivered again, from the place that an operator chooses.
                assert await endpoints.resume(broken.id, broken.cursor)
                await failing.until(count + 6)

    assert paused.failure is not None
    assert (paused.failure.attempts, paused.failure.reason) == (
        3,
        "The endpoint answered with status 500.",
    )
    assert left.failure is not None
    assert left.failure.attempts == 1
    assert told(failing.received[count : count + 3]) == ids(new)
    assert told(failing.received[count + 3 :]) == ids(new)
    assert len({received.id for received in failing.received[count:]}) == 3
    [other_now] = [one for one in await endpoints.all() if one.id == other.id]
    assert (other_now.failure, other_now.delivered_at) == (None, None)
    ends = [line["endpoint"] for line in logs if line["event"] == "An endpoint is paused."]
    assert sorted(ends) == sorted([broken.id, ended.id])


def test_pauses_grow_over_a_day_and_respect_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "PAUSES", PAUSES)
    now = datetime.now(UTC)

    def pause(attempts: int, retry_after: float = 0.0) -> float | None:
        failure = failure_after(attempts, Failed("", retry_after=retry_after), now)
        if failure.next_attempt_at is None:
            return None
        return (failure.next_attempt_at - now).total_seconds()

    for attempts, seconds in enumerate(PAUSES, start=1):
        actual = pause(attempts)
        assert actual is not None
        assert seconds <= actual <= seconds * 1.1
    assert 0.9 < sum(PAUSES) / 86400 < 1
    assert pause(len(PAUSES) + 1) is None
    assert pause(1, 60) == 60
    assert pause(1, 10**6) >= PAUSES[-1]  # type: ignore[operator]  # a number


async def test_one_process_at_a_time_delivers(
    database_uri: str, database: MongoDatabase, customers: MongoCustomers, receiver: Receiver
) -> None:
    await added(database, receiver)
    leases = database.collection("leases")
    ends = datetime.now(UTC) + timedelta(seconds=1)
    await leases.insert_one({"_id": "webhooks", "holder": "killed", "expiresAt": ends})
    new = several(4)
    async with database_at(database_uri) as other, delivering(other) as second:
        async with delivering(database) as first:
            await customers.add(new[0])
            await receiver.until(1)
            waited = datetime.now(UTC)
            await customers.add(new[1])
            await receiver.until(2)
            working = [feed for feed in (first, second) if feed.end]
        await customers.add_each(new[2:])
        await receiver.until(4)

    assert waited >= ends
    assert len(working) == 1
    assert told(receiver.received) == ids(new)
    # A process that stops releases the lease.
    assert await leases.find_one({}) is None


@pytest.mark.usefixtures("saves_always")
async def test_lost_history_is_told_to_the_endpoint_which_then_gets_what_follows(
    database: MongoDatabase,
    customers: MongoCustomers,
    endpoints: MongoEndpoints,
    receiver: Receiver,
    member: Member,
) -> None:
    # It gets this message although it wants others.
    endpoint = await added(database, receiver, [CREATED])
    new = several(3)
    async with delivering(database):
        # The delivery no longer reads the history, so it does not meet the fail point.
        await endpoint_when(database, endpoint.id, lambda one: one.cursor != endpoint.cursor)
        await customers.add(new[0])
        await receiver.until(1)
        # A place of long ago, for which MongoDB has no history.
        earlier = bytearray(moment_of(endpoint.cursor))
        earlier[3] = 0
        with member.failing("aggregate", errorCode=HISTORY_LOST):
            await endpoints.resume(endpoint.id, cursor_of(Moment(bytes(earlier))))
            await receiver.until(2)
        await customers.add(new[1])
        await receiver.until(3)
        # A place in another database's history.
        await endpoints.resume(endpoint.id, cursor_of(Moment(b"\x82" * 40)))
        await receiver.until(4)
        await customers.add(new[2])
        await receiver.until(5)

    created = [(CREATED, str(one.customer.id), 1) for one in new]
    assert [one.told for one in receiver.received] == [
        *(created[0], MISSED, created[1], MISSED, created[2])
    ]


async def test_a_slow_endpoint_goes_on_in_the_history_and_where_an_operator_wants(
    database: MongoDatabase,
    customers: MongoCustomers,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_feed, "_MOST_EVENTS", 5)
    monkeypatch.setattr(delivery, "_MOST_AT_ONCE", 4)
    endpoint = await added(database, receiver)
    new = several(30)
    may_answer = threading.Event()

    def answer(_: Received) -> Answer:
        may_answer.wait(20)
        return Answer()

    receiver.answer = answer
    async with delivering(database) as feed:
        await customers.add(new[0])
        await receiver.until(1)
        # The feed drops some of these before the endpoint has answered.
        await customers.add_each(new[1:])
        await asyncio.to_thread(until, lambda: feed.end >= 29, "the feed has all of them")
        # The place that is stored after the answer would be a later one.
        await MongoEndpoints(database).resume(endpoint.id, endpoint.cursor)
        may_answer.set()
        await receiver.until(31)

    assert told(receiver.received) == ids(new)
    assert len({one.id for one in receiver.received}) == 30


async def test_a_delivery_ends_if_its_endpoint_was_changed_before_the_answer(
    database: MongoDatabase,
    customers: MongoCustomers,
    endpoints: MongoEndpoints,
    receiver: Receiver,
) -> None:
    endpoint = await added(database, receiver)
    may_answer = threading.Event()

    def answer(_: Received) -> Answer:
        may_answer.wait(20)
        return Answer()

    receiver.answer = answer
    with capture_logs() as logs:
        async with aclosing(EventFeed(MongoHistory(database))) as feed, asyncio.timeout(20):
            sender = Sender(endpoint, tls_context())
            # Without `Deliveries`, which would end the delivery as soon as they find the change.
            alone = Delivery(endpoint, endpoints, feed, time_of, sender)
            running = asyncio.create_task(alone.run())
            await customers.add(new_customer("ada@example.com"))
            await receiver.until(1)
            await endpoints.resume(endpoint.id, endpoint.cursor)
            may_answer.set()
            await running

    assert [line["event"] for line in logs] == ["A webhook was delivered."]
    stored = await endpoints.get(endpoint.id)
    assert stored is not None
    assert (stored.cursor, stored.delivered_at) == (endpoint.cursor, None)


@pytest.mark.usefixtures("saves_always")
async def test_a_place_is_stored_although_nothing_happens(
    database: MongoDatabase, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "_SHOW_SECONDS", 0.05)
    endpoint = await added(database, receiver)

    async with delivering(database):
        await endpoint_when(database, endpoint.id, lambda one: one.cursor > endpoint.cursor)


async def test_without_endpoints_there_is_no_lease_and_no_stream(
    database: MongoDatabase,
    customers: MongoCustomers,
    receiver: Receiver,
    failing_set: ReplicaSet,
    database_uri: str,
) -> None:
    endpoints, leases = MongoEndpoints(database), database.collection("leases")
    documents = failing_set.customers(database_uri)
    one, two = several(2)
    async with delivering(database) as feed:
        await asyncio.sleep(0.3)
        await customers.add(one)
        assert feed.end == 0
        assert await leases.find_one({}) is None
        endpoint = await added(database, receiver)
        await customers.add(two)
        await receiver.until(1)
        assert await leases.find_one({}) is not None
        await endpoints.remove(endpoint.id)
        stored = documents.database["leases"]
        await asyncio.to_thread(until, lambda: stored.find_one({}) is None, "it is released")

    assert told(receiver.received) == {str(two.customer.id)}


async def test_deliveries_go_on_after_faults_of_the_database(
    database: MongoDatabase, customers: MongoCustomers, receiver: Receiver, member: Member
) -> None:
    await added(database, receiver)
    new = several(3)
    with capture_logs() as logs:

        def faults() -> list[str]:
            event = "Webhooks cannot be delivered."
            return [line["exception"] for line in logs if line["event"] == event]

        async with delivering(database):
            await customers.add(new[0])
            await receiver.until(1)
            with member.failing("update", errorCode=UNAUTHORIZED):
                await customers.add(new[1])
                # It is delivered again and again, because its place cannot be stored.
                await receiver.until(4)
            with member.failing("find", errorCode=UNAUTHORIZED):
                await asyncio.to_thread(until, lambda: len(faults()) == 2, "a look has failed")
            await customers.add(new[2])
            await asyncio.to_thread(until, lambda: told(receiver.received) == ids(new), "all are")
        with member.failing("find", "delete", closeConnection=True):
            async with delivering(database):
                await asyncio.sleep(0.1)

    # Not at each look: only if it is another fault than the last one.
    assert len(set(faults())) == 2
    assert len(faults()) <= 3
    assert all("OperationFailure" in fault for fault in faults())


async def test_after_a_failure_no_message_of_another_customer_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery, "AT_ONCE", 1)
    asked: list[Message] = []

    class Refusing:
        async def send(self, message: Message) -> int:
            asked.append(message)
            raise Failed("It was refused.")

    attempting = Delivery(
        new_endpoint("https://shop.example/", "", None, allows_private=False),
        cast("Endpoints", None),
        cast("EventFeed", None),
        lambda _: datetime.now(UTC),
        cast("Sender", Refusing()),
    )
    await attempting._attempt([Event(Moment(b"1"), CustomerDeleted(uuid4())) for _ in range(2)])

    assert len(asked) == 1
    assert attempting._failed is not None

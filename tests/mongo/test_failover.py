"""Three real mongods, of which some fail under load: no customer is lost or stored twice."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, PyMongoError
from pymongo.write_concern import WriteConcern

from graphql_api.commands import import_customers
from graphql_api.customers.delete_customer import Deleted, delete_customer
from graphql_api.customers.store import StoredCustomer
from graphql_api.customers.update_customer import update_customer
from graphql_api.customers.versions import NotFound
from graphql_api.deadline import start_deadline
from graphql_api.faults import ChangeUnknown, OutcomeUnknown, Unavailable
from graphql_api.mongo.customers import MongoCustomers

from ..conftest import Command
from ..support.clients import ask_to_create, connected, until_not_ready, until_ready
from ..support.mongo_customers import add_all, new_customer, open_customers
from ..support.replica_sets import Member, ReplicaSet
from ..support.servers import serving, until
from ..support.subscribers import subscribed

# Members that get no processor time elect another primary than a test expects.
pytestmark = pytest.mark.in_time

CLIENTS = 32

# The customers that are changed at once, each by two clients.
CONTESTS = 16

# A client's pause after each customer, and before it sends one again.
PAUSE_SECONDS = 0.1


class Stream:
    """Clients that create one customer after another, each customer with its own key.

    After an unclear answer, they send the request again, with the same key.
    """

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self.url = url
        self._client = client
        self._ended = False
        self._latest = [0.0] * CLIENTS
        self.acknowledged: dict[str, str] = {}  # the ids, by key
        self.acknowledged_at: list[float] = []
        self.asked_at: list[float] = []  # the times of sending, in the same order
        self.unclear: list[str] = []  # the codes of such answers

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as clients:
            for number in range(CLIENTS):
                clients.create_task(self._create_customers(number))
            yield
            self._ended = True

    def every_client_was_served_since(self, start: float) -> bool:
        return min(self._latest) > start

    async def _create_customers(self, client: int) -> None:
        customers = 0
        while not self._ended:
            customers += 1
            key = f"client{client}-{customers}"
            asked_at = time.monotonic()
            self.acknowledged[key] = await self._create_customer(key)
            self._latest[client] = time.monotonic()
            self.acknowledged_at.append(self._latest[client])
            self.asked_at.append(asked_at)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _create_customer(self, key: str) -> str:
        while "errors" in (answer := await ask_to_create(self._client, f"{key}@example.com", key)):
            [error] = answer["errors"]
            assert error["extensions"]["code"] in {"UNAVAILABLE", "OUTCOME_UNKNOWN"}
            self.unclear.append(error["extensions"]["code"])
            await asyncio.sleep(PAUSE_SECONDS)
        result = answer["data"]["createCustomer"]
        assert result["__typename"] == "CreateCustomerSuccess", result
        return str(result["customer"]["id"])


class Probe:
    """Writes directly to each member that accepts writes, without a driver's replica set."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self.acknowledged_at: list[float] = []

    @contextlib.contextmanager
    def running(self, members: list[Member]) -> Iterator[None]:
        threads = [threading.Thread(target=self._write, args=[member]) for member in members]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def _write(self, member: Member) -> None:
        with MongoClient[dict[str, Any]](
            member.address, directConnection=True, retryWrites=False, timeoutMS=500
        ) as mongo:
            probes = mongo["probe"].get_collection(
                "writes", write_concern=WriteConcern("majority", j=True)
            )
            while not self._ended.wait(0.02):
                with contextlib.suppress(PyMongoError):
                    probes.insert_one({})
                    self.acknowledged_at.append(time.monotonic())


@contextlib.asynccontextmanager
async def streaming(three: ReplicaSet, tmp_path: Path) -> AsyncIterator[Stream]:
    """A stream to a server on a new database; in the end, each key must have one customer."""
    database_uri = three.database_uri()
    with serving(errors=tmp_path / "stderr", GRAPHQL_API_MONGODB_URI=database_uri) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
            stream = Stream(client, server.url)
            async with stream.running():
                await until_served(stream)
                yield stream
    stored = [
        (document["idempotency"]["key"], str(document["_id"]))
        for document in three.customers(database_uri).find()
    ]
    assert sorted(stored) == sorted(stream.acknowledged.items())


class Listener:
    """Hears of created customers, and after each `per_connection` events, connects again."""

    def __init__(self, client: httpx.AsyncClient, after: str, per_connection: int) -> None:
        self._client = client
        self._after = after
        self._per_connection = per_connection
        self.ids: list[str] = []

    async def listen(self) -> None:
        while True:
            await self._connect()

    async def _connect(self) -> None:
        async with subscribed(self._client, self._after) as subscriber:
            for _ in range(self._per_connection):
                event = (await subscriber.next()).event
                assert event["__typename"] == "CustomerCreated"
                self.ids.append(event["customer"]["id"])
                self._after = event["cursor"]


@pytest.mark.parametrize(
    ("fault", "recovery"), [("kill", "start"), ("freeze", "thaw"), ("stop", "start")]
)
async def test_if_the_primary_fails_under_load_no_customer_and_no_event_is_lost_or_doubled(
    fault: str, recovery: str, three: ReplicaSet, tmp_path: Path
) -> None:
    primary, probe = three.primary(), Probe()
    with probe.running(three.members):
        async with (
            streaming(three, tmp_path) as stream,
            httpx.AsyncClient(base_url=stream.url, timeout=20) as client,
        ):
            async with subscribed(client) as subscriber:
                begun = (await subscriber.next()).event["cursor"]
            # Customers that were stored just before that event have their answers now.
            await until_served(stream)
            known = set(stream.acknowledged.values())
            listeners = [Listener(client, begun, per_connection) for per_connection in (10**6, 20)]
            listening = [asyncio.create_task(listener.listen()) for listener in listeners]
            failed_at = time.monotonic()
            await asyncio.to_thread(getattr(primary, fault))
            await asyncio.to_thread(three.primary, other_than=primary)
            await until_served(stream)
            getattr(primary, recovery)()
            await asyncio.to_thread(until, three.is_whole, "the member is back")
            ended_at = time.monotonic()
            await until_served(stream)
            created = set(stream.acknowledged.values()) - known
            await asyncio.to_thread(
                until,
                lambda: all(created.issubset(listener.ids) for listener in listeners),
                "all listeners have heard of all customers",
            )
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)

    # The promised time of recovery.
    api_seconds = longest_gap(stream.acknowledged_at, failed_at, ended_at)
    assert api_seconds < longest_gap(probe.acknowledged_at, failed_at, ended_at) + 2
    steady, restless = (listener.ids for listener in listeners)
    assert len(steady) == len(set(steady))
    both = min(len(steady), len(restless))
    assert steady[:both] == restless[:both]


async def test_if_the_primary_dies_amid_batches_each_customer_is_stored_once(
    three: ReplicaSet,
) -> None:
    database_uri, primary = three.database_uri(), three.primary()
    keys = [f"c{number}@example.com" for number in range(300)]
    async with open_customers(database_uri) as customers:
        creating = asyncio.create_task(add_all(customers, [new_customer(key, key) for key in keys]))
        await asyncio.sleep(0.01)
        await asyncio.to_thread(primary.kill)
        outcomes = await creating
        primary.start()
        await asyncio.to_thread(until, three.is_whole, "the member is back")

        again = await asyncio.gather(*(customers.add(new_customer(key, key)) for key in keys))

    acknowledged = {outcome for outcome in outcomes if isinstance(outcome, StoredCustomer)}
    assert {type(outcome) for outcome in outcomes} <= {StoredCustomer, Unavailable, OutcomeUnknown}
    assert acknowledged <= set(again)
    ids = three.customers(database_uri).distinct("_id")
    assert sorted(ids) == sorted(stored.customer.id for stored in again)


class Contest:
    """Clients that change one customer in turns: each version is changed by one of two of them.

    Where the answer is unclear, they send the request again.
    """

    def __init__(self, customers: MongoCustomers) -> None:
        self._customers = customers
        self._ended = False
        self.versions: dict[str, int] = {}  # by the customer's id
        self.rounds = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        added_ = [
            await self._customers.add(new_customer(f"c{n}@example.com")) for n in range(CONTESTS)
        ]
        async with asyncio.TaskGroup() as group:
            for stored in added_:
                group.create_task(self._contend(str(stored.customer.id)))
            yield
            self._ended = True

    async def _contend(self, id_: str) -> None:
        version = 1
        while not self._ended:
            outcomes = await asyncio.gather(
                *(self._change(id_, f"{name} {version}", version) for name in ("first", "second"))
            )
            kinds = sorted(type(outcome).__name__ for outcome in outcomes)
            assert kinds == ["Changed", "Updated"], outcomes
            version += 1
            self.rounds += 1
            await asyncio.sleep(PAUSE_SECONDS)
        self.versions[id_] = version

    async def _change(self, id_: str, description: str, version: int) -> object:
        async def request() -> object:
            start_deadline()
            values = {"description": description}
            return await update_customer(self._customers, id_, values, version)

        outcome = None
        while outcome is None:
            with contextlib.suppress(Unavailable, ChangeUnknown):
                outcome = await asyncio.create_task(request())
        return outcome


@pytest.mark.parametrize(
    ("fault", "recovery"), [("kill", "start"), ("freeze", "thaw"), ("stop", "start")]
)
async def test_if_the_primary_fails_amid_changes_of_one_version_exactly_one_succeeds(
    fault: str, recovery: str, three: ReplicaSet
) -> None:
    database_uri, primary = three.database_uri(), three.primary()
    async with open_customers(database_uri) as customers:
        contest = Contest(customers)
        async with contest.running():
            await asyncio.sleep(0.5)
            await asyncio.to_thread(getattr(primary, fault))
            await asyncio.to_thread(three.primary, other_than=primary)
            rounds = contest.rounds
            await asyncio.to_thread(
                until, lambda: contest.rounds > rounds + CONTESTS, "changes are made again"
            )
            getattr(primary, recovery)()
            await asyncio.to_thread(until, three.is_whole, "the member is back")

    stored = {str(d["_id"]): d["version"] for d in three.customers(database_uri).find()}
    assert stored == contest.versions


async def test_if_the_primary_dies_amid_removals_each_customer_is_removed_once(
    three: ReplicaSet,
) -> None:
    database_uri, primary = three.database_uri(), three.primary()
    keys = [f"c{number}@example.com" for number in range(100)]
    async with open_customers(database_uri) as customers:
        stored = [await customers.add(new_customer(key, key)) for key in keys]
        removing = asyncio.gather(
            *(customers.remove(one) for one in stored), return_exceptions=True
        )
        await asyncio.sleep(0.02)
        await asyncio.to_thread(primary.kill)
        outcomes = await removing
        primary.start()
        await asyncio.to_thread(until, three.is_whole, "the member is back")

        left = await asyncio.gather(*(customers.get(str(one.customer.id)) for one in stored))
        again = await asyncio.gather(
            *(delete_customer(customers, str(one.customer.id), 1) for one in stored)
        )

    for outcome, customer, repeated in zip(outcomes, left, again, strict=True):
        assert outcome is True or isinstance(outcome, Unavailable | ChangeUnknown)
        # A removal that was acknowledged, and one that was not sent, leave no doubt.
        assert isinstance(outcome, ChangeUnknown) or (customer is None) == (outcome is True)
        assert isinstance(repeated, NotFound if customer is None else Deleted)
    documents = three.customers(database_uri)
    assert documents.count_documents({"version": 2, "expiresAt": {"$exists": True}}) == 100


def test_an_import_survives_that_the_primary_steps_down(
    three: ReplicaSet, graphql_api: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_customers, "_BATCH", 50)
    emails = [f"c{number:04}@example.com" for number in range(2000)]
    file = tmp_path / "people.csv"
    file.write_text("\n".join(["Email", *emails]))
    database_uri = three.database_uri()
    documents = three.customers(database_uri)
    primary = three.primary()

    def step_down() -> None:
        until(documents.find_one, "a customer is stored")
        with contextlib.suppress(AutoReconnect):
            primary.client.admin.command("replSetStepDown", 10, force=True)

    importing = partial(graphql_api, "import", str(file), GRAPHQL_API_MONGODB_URI=database_uri)
    with ThreadPoolExecutor() as threads:
        stepping_down = threads.submit(step_down)
        code, output, _ = importing()
        stepping_down.result()
    again = importing()

    assert three.primary() is not primary
    assert (code, output) == (0, "2,000 rows: 2,000 created, 0 already there, 0 rejected.\n")
    assert again[1] == "2,000 rows: 0 created, 2,000 already there, 0 rejected.\n"
    stored = three.customers(database_uri).find(sort=[("email", 1)])
    assert [customer["email"] for customer in stored] == emails


async def test_without_a_majority_no_customer_is_acknowledged_until_it_is_back(
    three: ReplicaSet, tmp_path: Path
) -> None:
    primary = three.primary()
    others = [member for member in three.members if member is not primary]

    async with streaming(three, tmp_path) as stream:
        with contextlib.ExitStack() as stack:
            for member in others:
                # The next test needs the member, even if this one fails.
                stack.callback(member.thaw)
                member.freeze()
            frozen_at = time.monotonic()
            # A write that was sent without a majority, and requests that were not sent.
            codes = {"UNAVAILABLE", "OUTCOME_UNKNOWN"}
            await asyncio.to_thread(until, lambda: set(stream.unclear) == codes, "both codes")
            thawed_at = time.monotonic()
        await until_served(stream)

    assert not [
        (asked, acknowledged)
        for asked, acknowledged in zip(stream.asked_at, stream.acknowledged_at, strict=True)
        if frozen_at < asked and acknowledged < thawed_at
    ]


async def test_a_primary_that_reaches_no_majority_is_not_ready(three: ReplicaSet) -> None:
    others = [member for member in three.members if member is not three.primary()]
    async with connected(three.database_uri()) as client:
        await until_ready(client)
        with contextlib.ExitStack() as stack:
            for member in others:
                stack.enter_context(member.fail_point("rsSyncApplyStop", "alwaysOn", {}))
            await until_not_ready(client)

        await until_ready(client)


async def until_served(stream: Stream) -> None:
    """Waits until every client has been served once more."""
    now = time.monotonic()
    await asyncio.to_thread(
        until, lambda: stream.every_client_was_served_since(now), "every client is served"
    )


def longest_gap(times: list[float], start: float, end: float) -> float:
    """The longest time in which nothing was acknowledged, between the start and the end."""
    within = [start, *sorted(at for at in times if start < at < end), end]
    return max(later - earlier for earlier, later in pairwise(within))

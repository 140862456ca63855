"""Both drivers do the same, also where their interfaces differ."""

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.asynchronous.pool import AsyncConnection
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from graphql_api.access.api_keys import new_api_key
from graphql_api.access.principal import Scope
from graphql_api.access.trusted_documents import IdsTaken
from graphql_api.customers.events import CustomerCreated
from graphql_api.faults import Unavailable
from graphql_api.mongo.api_keys import MongoApiKeys
from graphql_api.mongo.change_stream import MongoHistory
from graphql_api.mongo.check import check
from graphql_api.mongo.command_times import connections
from graphql_api.mongo.customer_changes import replacement
from graphql_api.mongo.customers import MongoCustomers
from graphql_api.mongo.database import MongoDatabase
from graphql_api.mongo.deadline import run_until
from graphql_api.mongo.driver import DRIVERS, _BlockingClient, blocking
from graphql_api.mongo.exchange import Exchange
from graphql_api.mongo.find import find
from graphql_api.mongo.imports import MongoImports
from graphql_api.mongo.migrations import migrate
from graphql_api.mongo.trusted_documents import MongoTrustedDocuments
from graphql_api.mongo.webhooks import MongoEndpoints
from graphql_api.mongo.write import Outcome, Written, change
from graphql_api.webhooks.endpoints import new_endpoint

from ..support.clients import (
    ask_to_create,
    code,
    connected,
    create_customer,
    create_customers,
    delete_customer,
    list_customers,
    read_customer,
    until_ready,
    update_customer,
)
from ..support.databases import database_at
from ..support.mongo_customers import new_customer
from ..support.replica_sets import Member, ReplicaSet

Documents = Collection[dict[str, Any]]

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture(params=sorted(DRIVERS))
def driver(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def database_uri(failing_set: ReplicaSet) -> str:
    return failing_set.database_uri()


@pytest.fixture
async def database(database_uri: str, driver: str) -> AsyncIterator[MongoDatabase]:
    """A database that is set up."""
    async with database_at(database_uri, driver) as database:
        await database.set_up()
        yield database


async def test_the_application_does_the_same_on_both_drivers(
    driver: str, database_uri: str, failing_set: ReplicaSet
) -> None:
    async with connected(database_uri, mongodb_driver=driver, dashboard=True) as client:
        ada = (await create_customer(client, email="ada@example.com", name="Ada"))["customer"]
        assert await read_customer(client, ada["id"]) == ada
        assert (await create_customer(client, email="ada@example.com"))["errors"]
        inputs = [{"email": "bob@example.com", "city": "Wien"}, {"email": "eve@example.com"}]
        for _ in range(2):
            whole = await create_customers(
                client, inputs, on_error="CREATE_NONE", idempotency_key="key"
            )
        assert (whole["createdCount"], whole["replayedCount"]) == (0, 2)
        updated = await update_customer(client, ada["id"], city="Graz")
        assert updated["customer"]["version"] == 2
        found = await list_customers(client, search="ada", filter={"has": ["NAME"]})
        assert [node["city"] for node in found["nodes"]] == ["Graz"]
        assert found["totalCount"] == {"count": 1, "precision": "EXACT"}
        exported = await client.post("/customers/export", json={"filter": {"hasNot": ["NAME"]}})
        assert "bob@example.com" in exported.text
        assert "ada@example.com" not in exported.text
        assert (await delete_customer(client, ada["id"]))["id"] == ada["id"]
        assert (await client.get("/readyz")).status_code == 200

    emails = failing_set.customers(database_uri).distinct("email")
    assert sorted(emails) == ["bob@example.com", "eve@example.com"]


async def test_the_repositories_do_the_same_on_both_drivers(
    database: MongoDatabase, member: Member
) -> None:
    keys, endpoints = MongoApiKeys(database), MongoEndpoints(database)
    stored = replace(new_api_key("test", frozenset(Scope), None)[1], created_at=NOW)
    await keys.add(stored)
    assert await keys.get(stored.id) == stored
    assert await keys.revoke(stored.id, NOW)
    assert [key.revoked_at for key in await keys.all()] == [NOW]

    endpoint = new_endpoint("https://hooks.example/", "cursor", None, allows_private=False)
    await endpoints.add(endpoint)
    assert [found.id for found in await endpoints.all()] == [endpoint.id]
    assert [await endpoints.take_lease(holder, 60) for holder in ("one", "two")] == [True, False]

    documents = MongoTrustedDocuments(database)
    # Another command has just registered one of them.
    extra = {"keyPattern": {"_id": 1}, "keyValue": {"_id": "b"}}
    with member.failing("insert", mode={"times": 1}, errorCode=11000, errorExtraInfo=extra):
        assert await documents.add({"b": "1"}, NOW) == 1
    added = [documents.add({"a": "1", str(number): "2"}, NOW) for number in range(3)]
    assert sorted(await asyncio.gather(*added)) == [1, 1, 2]
    with pytest.raises(IdsTaken):
        await documents.add({"a": "2"}, NOW)
    assert await documents.get("a") == "1"
    assert len(await documents.all()) == 5

    history = MongoHistory(database)
    before = await history.moment_at(None)
    new = new_customer("new@example.com")
    assert await MongoImports(database).add_new([new]) == [None]
    [event] = (await history.since(before)).events
    assert event.what == CustomerCreated(new.customer)
    assert [batch.migrated async for batch in migrate(database)] == [0]
    assert sum([batch.customers async for batch in check(database)]) == 1


async def test_commands_are_sent_together_on_both_drivers(database: MongoDatabase) -> None:
    send, options = database.driver.send, database.driver.database.codec_options
    wrong = {"wrong": 1}

    assert [answer["ok"] for answer in await send([{"ping": 1}, {"ping": 1}], options)] == [1, 1]
    assert len(await send([{"ping": 1}, wrong, {"ping": 1}], options)) == 1
    with pytest.raises(OperationFailure, match="wrong"):
        await send([wrong, {"ping": 1}], options)

    # No command gets the answer to another one.
    [answer] = await send([{"hello": 1}], options)
    assert answer["isWritablePrimary"]


@pytest.fixture
async def exchange(database_uri: str) -> AsyncIterator[Exchange]:
    """Of a client that looks at the servers every 10 seconds, and so not during a test."""
    client = AsyncMongoClient[dict[str, Any]](database_uri, maxIdleTimeMS=1, maxPoolSize=6)
    exchange = Exchange(client.get_default_database(), lambda _: nullcontext())
    await client.admin.command("ping")
    yield exchange
    await client.close()
    await exchange.aclose()


async def connection_used(exchange: Exchange) -> int:
    [answer] = await exchange.send([{"hello": 1}], exchange._database.codec_options)
    number: int = answer["connectionId"]
    return number


def learn_something_about_the_servers(exchange: Exchange) -> None:
    topology = exchange._client._topology
    topology._description = copy(topology._description)


async def test_a_part_of_the_pool_is_kept_until_the_driver_looks_at_the_servers_again(
    exchange: Exchange,
) -> None:
    taken = [await exchange._take("ping") for _ in range(3)]
    for one in taken:
        await exchange._keep(one)

    # A third of the pool.
    assert len(exchange.kept) == 2
    open_, in_use = connections([exchange._client], exchange.kept)
    assert open_ >= 2
    assert in_use == 0

    learn_something_about_the_servers(exchange)
    await connection_used(exchange)
    # All of them are back in the pool, and one is taken again.
    assert len(exchange.kept) == 1


async def test_no_connection_is_kept_that_is_closed_or_was_idle_for_long(
    exchange: Exchange,
) -> None:
    first = await connection_used(exchange)
    assert await connection_used(exchange) == first
    exchange.kept[0].conn.get_conn.transport.abort()
    second = await connection_used(exchange)
    assert second != first

    learn_something_about_the_servers(exchange)
    # More than the millisecond of `maxIdleTimeMS`.
    await asyncio.sleep(0.01)
    assert await connection_used(exchange) not in (first, second)


async def test_a_command_ends_when_the_driver_gives_its_connection_up(
    database: MongoDatabase, member: Member
) -> None:
    exchange, options = database.driver._exchange, database.driver.database.codec_options
    with member.failing("ping", blockConnection=True, blockTimeMS=5000) as until_blocked:
        sending = asyncio.ensure_future(exchange.send([{"ping": 1}], options))
        await asyncio.to_thread(until_blocked)
        exchange._look()
        # As the driver does if a heartbeat gets no answer.
        [connection] = exchange._in_use
        connection.cancel_context.cancel()
        with pytest.raises(AutoReconnect, match="operation cancelled"):
            await sending

    assert len(await exchange.send([{"ping": 1}], options)) == 1


async def test_a_change_is_unclear_if_the_driver_does_not_end_it(
    database: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    uuid = await database.customers_set_up.collection_uuid(time.monotonic() + 20)
    old = new_customer("old@example.com")
    changed = replacement(old, new_customer("new@example.com"), is_sharded=False)
    monkeypatch.setattr(database.driver, "send", hang)

    written = await change(database.driver, uuid, changed, time.monotonic() + 0.1, ())

    assert written == Written([Outcome.UNCLEAR], is_set_up=True)


async def test_an_access_token_that_expires_between_commands_is_renewed(
    database: MongoDatabase, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only MongoDB Enterprise has this mechanism. Another one says here that the token has expired,
    # and the driver's renewal is only noted.
    authenticate, renewals = AsyncConnection.authenticate, 0

    async def noted(connection: AsyncConnection, reauthenticate: bool = False) -> None:  # noqa: FBT001,FBT002  # as in the driver
        nonlocal renewals
        if reauthenticate:
            renewals += 1
        else:
            await authenticate(connection)

    monkeypatch.setattr(AsyncConnection, "authenticate", noted)
    measured: list[str] = []

    def note(command: str) -> AbstractContextManager[None]:
        measured.append(command)
        return nullcontext()

    client = database.driver.clients[0]
    assert isinstance(client, AsyncMongoClient)
    exchange = Exchange(client.get_default_database(), note)
    options = database.driver.database.codec_options
    await exchange.send([{"hello": 1}], options)
    credentials = SimpleNamespace(mechanism="MONGODB-OIDC")
    monkeypatch.setattr(client.options.pool_options, "_PoolOptions__credentials", credentials)
    with member.failing("ping", mode={"times": 1}, errorCode=391):
        answers = await exchange.send([{"ping": 1}, {"hello": 1}], options)
    await exchange.aclose()

    assert [answer["ok"] for answer in answers] == [1, 1]
    assert answers[1]["isWritablePrimary"]
    assert measured == ["hello", "ping", "hello"]
    assert renewals == 1


async def test_a_read_finds_every_customer_after_an_error_and_among_duplicates(
    database: MongoDatabase, database_uri: str, failing_set: ReplicaSet, member: Member
) -> None:
    customers, documents = MongoCustomers(database), failing_set.customers(database_uri)
    stored = await customers.add(new_customer("new@example.com"))
    email = stored.customer.email

    # MongoDB closes the connection of the first try.
    with member.failing("find", mode={"times": 1}, closeConnection=True):
        assert await customers.by_email(email) == stored.customer

    documents.drop_index("emailCaseFolded")
    [document] = documents.find()
    documents.insert_many([{**document, "_id": uuid4()} for _ in range(3)])
    found = await find(
        database.driver,
        [[("emailCaseFolded", email)], [("_id", stored.customer.id)]],
        time.monotonic() + 20,
    )
    assert [one["email"] for [one] in found] == [email, email]
    # MongoDB holds nothing for it any more.
    idle = {"type": "idleCursor", "ns": documents.full_name}
    cursors = member.client.admin.aggregate(
        [{"$currentOp": {"idleCursors": True}}, {"$match": idle}]
    )
    assert list(cursors) == []


async def test_one_customer_is_stored_on_both_drivers_whatever_fails(
    driver: str, database_uri: str, failing_set: ReplicaSet, member: Member
) -> None:
    once = {"mode": {"times": 1}}
    async with connected(database_uri, mongodb_driver=driver) as client:
        await create_customer(client, email="first@example.com")
        with member.failing("insert", **once, closeConnection=True):
            await create_customer(client, email="closed@example.com")
        with member.failing("insert", **once, writeConcernError={"code": 64}):
            await create_customer(client, email="unclear@example.com")
        with member.failing("commitTransaction", **once, closeConnection=True):
            await create_customers(client, [{"email": "whole@example.com"}], on_error="CREATE_NONE")
        member.client.admin.command("replSetStepDown", 1, force=True)
        # Until there is a primary again, a request may wait for its whole time in vain.
        await ask_to_create(client, "elected@example.com", "key")
        await until_ready(client)
        assert code(await ask_to_create(client, "elected@example.com", "key")) is None

    names = ("first", "closed", "unclear", "whole", "elected")
    documents = failing_set.customers(database_uri)
    assert sorted(documents.distinct("email")) == sorted(f"{name}@example.com" for name in names)
    assert documents.count_documents({}) == len(names)


async def test_a_command_ends_at_its_deadline_on_both_drivers(
    database: MongoDatabase, member: Member
) -> None:
    keys, customers = MongoApiKeys(database), MongoCustomers(database)
    with (
        member.failing("find", blockConnection=True, blockTimeMS=2500),
        # After 2.5 seconds, MongoDB would answer that there is no such key.
        pytest.raises(Unavailable),
    ):
        await keys.get("0123456789ab")

    assert await customers.by_email("nobody@example.com") is None


async def test_work_goes_on_if_its_caller_is_cancelled() -> None:
    # Also if it fails: the event loop would report an exception for which nobody asks.
    may_end, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await may_end.wait()
        ended.set()
        raise PyMongoError

    waiting = asyncio.create_task(run_until(time.monotonic() + 20, work))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not ended.is_set()
    may_end.set()

    await asyncio.wait_for(ended.wait(), 20)
    assert waiting.cancelled()


def test_a_command_waits_for_the_opening_that_another_one_has_begun() -> None:
    client, opening = _BlockingClient("mongodb://127.0.0.1:1/", connect=False), Future[Any]()
    with client:
        client._opening = opening
        opening.set_result(client._topology)

        assert client._get_topology() is client._topology
        assert not client._opened


def test_work_for_a_thread_must_await_the_database_only(database_uri: str) -> None:
    async def work(_database: AsyncDatabase[dict[str, Any]]) -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="not the database"):
        blocking(work)(DRIVERS["motor"](database_uri, {}, "test", {}).blocking)

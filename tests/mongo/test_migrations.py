"""Customers that older servers stored are migrated, whatever happens meanwhile."""

import asyncio
import contextlib
import json
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from bson import Binary
from bson.datetime_ms import DatetimeMS
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import WriteError
from structlog.testing import capture_logs

from graphql_api.customers.create_customer import Conflict, Created, create_customer
from graphql_api.customers.delete_customer import Deleted, delete_customer
from graphql_api.customers.fields import Customer
from graphql_api.customers.list_customers import Part, list_customers, listing
from graphql_api.customers.store import Attempt, StoredCustomer
from graphql_api.customers.update_customer import Updated, update_customer
from graphql_api.faults import Unavailable
from graphql_api.mongo import deadline, migrations
from graphql_api.mongo.check import check
from graphql_api.mongo.customer_documents import to_document
from graphql_api.mongo.customers import MongoCustomers
from graphql_api.mongo.database import MongoDatabase
from graphql_api.mongo.migrations import (
    MIGRATIONS,
    Batch,
    Progress,
    is_migration_needed,
    migrate,
    migrating_in_background,
)
from graphql_api.mongo.mongod import embedded_mongod, find_mongod

from ..support.databases import database_at
from ..support.listed_customers import ALL, ORDERS, expected
from ..support.mongo_customers import new_customer
from ..support.old_customers import old_document
from ..support.replica_sets import Member, ReplicaSet
from ..support.servers import launched, serving, until

Documents = Collection[dict[str, Any]]

AWAITING = {"schemaVersion": {"$exists": False}, "expiresAt": {"$exists": False}}


@pytest.fixture
async def failing(failing_set: ReplicaSet) -> AsyncIterator[tuple[MongoDatabase, Documents]]:
    """A database that can fail, with one customer that awaits a migration."""
    uri = failing_set.database_uri()
    async with database_at(uri) as database:
        await database.set_up()
        documents = failing_set.customers(uri)
        documents.insert_one(old_document(ALL[0]))
        yield database, documents


async def migrated(database: MongoDatabase) -> Progress:
    """Migrates all customers."""
    progress = Progress()
    async for batch in migrate(database):
        list(progress.count(batch))
    return progress


async def faults(database: MongoDatabase) -> list[str]:
    """What a check of the database finds."""
    return [finding.fault async for checked in check(database) for finding in checked.findings]


@contextlib.contextmanager
def before_each_update(
    monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]
) -> Iterator[None]:
    """Calls `meanwhile` once, between the read of customers and their update."""
    [migration] = MIGRATIONS
    pending = [meanwhile]

    def new_fields(document: Mapping[str, Any]) -> dict[str, Any]:
        if pending:
            pending.pop()()
        return migration.new_fields(document)

    monkeypatch.setattr(migrations, "MIGRATIONS", (replace(migration, new_fields=new_fields),))
    yield
    assert pending == []


async def test_old_customers_are_found_listed_changed_and_removed_after_their_migration(
    database: MongoDatabase, documents: Documents
) -> None:
    attempt = Attempt("key", "fingerprint")
    keyed = new_customer("İsmail@straße.example", name="Jose Smith").customer
    all_ = [*ALL, keyed]
    documents.insert_many([old_document(each) for each in ALL])
    documents.insert_one(old_document(keyed, attempt))
    store = MongoCustomers(database)

    awaited = await is_migration_needed(database)
    progress = await migrated(database)

    assert awaited
    assert not await is_migration_needed(database)
    assert (progress.migrated, progress.refused) == (len(all_), 0)
    assert await faults(database) == []
    for order in ORDERS:
        listed = listing(order=order)
        page = await list_customers(store, listed, Part(first=100))
        assert page.customers == expected(listed, all_)[:100]
    for search in ("jose", "zoe", "rare", "strasse"):
        listed = listing(search=search)
        page = await list_customers(store, listed, Part(first=100))
        assert page.customers == expected(listed, all_)[:100] != []
    assert await store.by_email("İSMAIL@straße.example") == keyed
    updated = await update_customer(store, str(keyed.id), {"name": "Ann Smith"}, 1)
    assert isinstance(updated, Updated)
    assert updated.customer.version == 2
    assert isinstance(await delete_customer(store, str(keyed.id), 2), Deleted)
    values = {"email": keyed.email}
    assert isinstance(await create_customer(store, values, "key"), Conflict)
    assert isinstance(await create_customer(store, values, None), Created)
    assert await faults(database) == []


async def test_a_migrated_document_equals_a_new_one(
    database: MongoDatabase, documents: Documents
) -> None:
    attempt = Attempt("key", "fingerprint")
    documents.insert_one({**old_document(ALL[0], attempt), "note of another program": 1})

    await migrated(database)

    document = await database.collection("customers").find_one({})
    assert document is not None
    expected_document = to_document(StoredCustomer(ALL[0], attempt))
    assert sorted(document.pop("search")) == sorted(expected_document.pop("search"))
    assert document == {**expected_document, "note of another program": 1}


async def test_nothing_else_is_changed_by_a_migration(
    database: MongoDatabase, documents: Documents
) -> None:
    store = MongoCustomers(database)
    created = await create_customer(store, {"email": "ann@example.com"}, "key")
    removed = await create_customer(store, {"email": "bob@example.com"}, "other key")
    assert isinstance(created, Created)
    assert isinstance(removed, Created)
    await delete_customer(store, str(removed.customer.id), None)
    before = list(documents.find({}))

    progress = await migrated(database)

    assert (progress.migrated, progress.refused) == (0, 0)
    assert list(documents.find({})) == before


async def test_customers_to_migrate_are_read_from_an_index_in_the_order_of_their_ids(
    database: MongoDatabase, documents: Documents
) -> None:
    assert not await is_migration_needed(database)
    documents.insert_many([old_document(each) for each in ALL])
    documents.insert_many(
        [to_document(new_customer(f"{number}@example.com")) for number in range(50)]
    )

    for migration in MIGRATIONS:
        query = {**migration.awaiting, "_id": {"$gt": ALL[0].id}}
        found = documents.find(query, sort=[("_id", 1)], limit=20, hint=migration.index)
        plan = found.explain()

        assert "COLLSCAN" not in json.dumps(plan["queryPlanner"], default=str)
        assert '"SORT"' not in json.dumps(plan["queryPlanner"], default=str)
        assert plan["executionStats"]["totalDocsExamined"] <= 20


IS_UUID = {"$lte": UUID(int=(1 << 128) - 1)}


async def test_customers_that_cannot_be_migrated_are_named_by_their_ids_and_skipped(
    database: MongoDatabase, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_BATCH", 2)
    valid = [old_document(new_customer(f"c{number}@example.com").customer) for number in range(5)]
    decomposed = old_document(new_customer("Jose\N{COMBINING ACUTE ACCENT}@example.com").customer)
    composed = old_document(
        new_customer("jos\N{LATIN SMALL LETTER E WITH ACUTE}@example.com").customer
    )
    invalid = old_document(new_customer("d@example.com", name="J0 s3cr3t").customer)
    malformed = old_document(new_customer("e@example.com", name="Ann").customer)
    del malformed["createdAt"]
    late = old_document(new_customer("f@example.com").customer)
    late["updatedAt"] = DatetimeMS(316_516_377_600_000)
    other_ids = [
        {**old_document(new_customer(f"{number}@example.com").customer), "_id": id_}
        for number, id_ in enumerate(("s3cr3t", {"a": 1}, Binary(b"\xff" * 20)))
    ]
    documents.insert_many(
        [*valid, decomposed, composed, invalid, malformed, late, *other_ids],
        bypass_document_validation=True,
    )
    progress = Progress()

    sentences = [line async for batch in migrate(database) for line in progress.count(batch)]

    assert progress.migrated == 6
    assert progress.total == "Customers migrated: 6; not migrated: 7."
    left = set(documents.distinct("_id", {**AWAITING, "_id": IS_UUID}))
    assert len(left & {decomposed["_id"], composed["_id"]}) == 1
    reasons = {
        **dict.fromkeys(
            (decomposed["_id"], composed["_id"]), "Another customer has the same email address."
        ),
        invalid["_id"]: "A value breaks a rule of its field.",
        malformed["_id"]: "A field is missing, or has a value that no customer can have.",
        late["_id"]: "A field is missing, or has a value that no customer can have.",
    }
    assert (
        sentences[-3:]
        == ["The customer (not a UUID) is not migrated. Its `_id` is not a UUID."] * 3
    )
    assert set(sentences[:-3]) == {
        f"The customer {id_} is not migrated. {reasons[id_]}" for id_ in left
    }
    # The next migration finds the same ones again.
    assert (await migrated(database)).total == "Customers migrated: 0; not migrated: 7."


async def test_two_migrations_at_once_migrate_each_customer_once(
    database: MongoDatabase, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_BATCH", 20)
    documents.insert_many([old_document(each) for each in ALL])

    both = await asyncio.gather(migrated(database), migrated(database))

    assert sum(progress.migrated for progress in both) == len(ALL)
    assert await faults(database) == []


async def test_a_customer_that_is_changed_meanwhile_is_read_again(
    database: MongoDatabase, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents.insert_many([old_document(each) for each in ALL[:5]])
    changed, removed, gone = ALL[0].id, ALL[1].id, ALL[2].id

    def meanwhile() -> None:
        documents.update_one({"_id": changed}, {"$set": {"name": "Changed"}})
        documents.update_one({"_id": removed}, {"$unset": {"city": "", "phoneNumber": ""}})
        documents.delete_one({"_id": gone})

    with before_each_update(monkeypatch, meanwhile):
        progress = await migrated(database)

    assert progress.migrated == 4
    assert await faults(database) == []
    document = documents.find_one({"_id": changed})
    assert document is not None
    assert document["nameSort"] == "changed"


async def test_servers_may_change_and_remove_customers_while_they_are_migrated(
    database: MongoDatabase, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_BATCH", 10)
    documents.insert_many([old_document(each) for each in ALL])
    store = MongoCustomers(database)

    async def serve() -> None:
        for number, each in enumerate(ALL):
            if number % 3 == 0:
                await delete_customer(store, str(each.id), None)
            elif number % 3 == 1:
                values = {"name": "Changed", "city": None}
                updated = await update_customer(store, str(each.id), values, 1)
                assert isinstance(updated, Updated)
            else:
                await create_customer(store, {"email": f"new.{number}@example.com"}, None)

    await asyncio.gather(serve(), migrated(database))

    assert await faults(database) == []
    page = await list_customers(store, listing(search="changed"), Part(first=100))
    assert len(page.customers) == len(ALL[1::3])
    assert documents.count_documents({"email": {"$exists": True}}) == len(ALL)


def test_a_migration_that_is_killed_is_continued_by_the_next_one(
    database_uri: str, documents: Documents, tmp_path: Path
) -> None:
    count = 4000
    documents.insert_many(
        [
            old_document(new_customer(f"C{n}@Example.com", name="John Smith").customer)
            for n in range(count)
        ]
    )
    migrated_ones = {"schemaVersion": 2}
    command = partial(launched, "database", "migrate", GRAPHQL_API_MONGODB_URI=database_uri)

    with command(errors=tmp_path / "stderr") as process:
        until(lambda: documents.count_documents(migrated_ones) > 300, "some are migrated")
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    migrated_first = documents.count_documents(migrated_ones)
    keys = {"version", "schemaVersion", "nameSort", "emailSort", "search", "given"}
    new_keys = {frozenset(keys & set(document)) for document in documents.find({})}
    with command(errors=tmp_path / "stderr") as process:
        code = process.wait(40)
        output = process.stdout.read() if process.stdout else ""

    assert 300 < migrated_first < count
    # No customer is half migrated.
    assert new_keys == {frozenset(), frozenset(keys)}
    # MongoDB may have completed the batch of the first migration a little later.
    migrated_then = re.fullmatch("Customers migrated: ([0-9,]+); not migrated: 0.\n", output)
    assert code == 0
    assert migrated_then
    left = count - migrated_first
    assert left - 200 <= int(migrated_then[1].replace(",", "")) <= left
    assert documents.count_documents(AWAITING) == 0


async def test_a_batch_is_repeated_after_transient_errors(
    failing: tuple[MongoDatabase, Documents], member: Member
) -> None:
    database, documents = failing
    not_primary, unsatisfiable = 10107, {"code": 64, "errmsg": "waiting for replication"}
    with member.failing("update", mode={"times": 3}, errorCode=not_primary):
        assert (await migrated(database)).migrated == 1
    documents.insert_one(old_document(ALL[1]))
    with member.failing("update", mode={"times": 1}, writeConcernError=unsatisfiable):
        await migrated(database)

    assert await faults(database) == []


async def test_a_migration_gives_up_after_a_while(
    failing: tuple[MongoDatabase, Documents], member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = partial(deadline.with_retries, step_seconds=0.3)
    monkeypatch.setattr(migrations, "with_retries", impatient)
    monkeypatch.setattr(deadline, "_PATIENCE_SECONDS", 0.5)
    with member.failing("find", errorCode=11600), pytest.raises(Unavailable):
        await migrated(failing[0])


async def test_another_refusal_of_mongodb_ends_the_migration_without_values(
    database: MongoDatabase, documents: Documents
) -> None:
    # MongoDB indexes one array of a document only.
    documents.create_index([("search", 1), ("s3cr3t", 1)])
    documents.insert_one({**old_document(ALL[0]), "s3cr3t": ["s3cr3t"]})

    with pytest.raises(WriteError) as raised:
        await migrated(database)

    assert "s3cr3t" not in str(raised.value)
    assert raised.value.__context__ is None


def test_the_embedded_mongodb_is_migrated_when_its_server_starts(
    data_dir: Path, errors: Path
) -> None:
    with embedded_mongod(find_mongod(None), data_dir) as uri, customers_of(uri) as documents:
        documents.insert_many([old_document(each) for each in ALL])

    flags = ("--data-dir", str(data_dir), "--workers", "2")
    with serving(*flags, errors=errors) as server, customers_of(uri) as documents:
        until(lambda: "Customers migrated: " in errors.read_text(), "a migration is logged")
        until(lambda: documents.count_documents(AWAITING) == 0, "all are migrated")
        log = server.log()

    assert not [line for line in log if "await" in line["event"]]


@contextlib.contextmanager
def customers_of(uri: str) -> Iterator[Documents]:
    with MongoClient[dict[str, Any]](uri, uuidRepresentation="standard") as mongo:
        yield mongo.get_default_database("graphql_api")["customers"]


def test_a_server_of_another_mongodb_says_that_customers_await_a_migration(
    database_uri: str, documents: Documents, errors: Path
) -> None:
    documents.insert_one(old_document(ALL[0]))

    with serving(errors=errors, GRAPHQL_API_MONGODB_URI=database_uri) as server:
        until(lambda: "await a migration" in errors.read_text(), "it is logged")
        [warning] = [line for line in server.log() if "await" in line["event"]]

    assert warning["level"] == "warning"
    assert "Run `graphql-api database migrate`." in warning["event"]
    assert documents.count_documents(AWAITING) == 1


async def run_in_background(database: MongoDatabase, expected_event: str, **options: bool) -> Any:
    with capture_logs() as logged:
        async with migrating_in_background(database, **{"warns_only": False, **options}):
            await asyncio.to_thread(until, lambda: expected_event in str(logged), "it is logged")
    return [(line["log_level"], line["event"]) for line in logged]


async def test_the_log_shows_the_progress_and_the_end_of_a_migration(
    database: MongoDatabase, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_LOG_SECONDS", -1)
    malformed = old_document(ALL[0])
    del malformed["createdAt"]
    documents.insert_one(malformed, bypass_document_validation=True)

    # The quotation mark ends the last line of the log. A line of the progress goes on.
    logged = await run_in_background(database, "not migrated: 1.'")

    reason = "A field is missing, or has a value that no customer can have."
    total = "Customers migrated: 0; not migrated: 1."
    assert ("warning", f"The customer {ALL[0].id} is not migrated. {reason}") in logged
    assert logged[-2:] == [("info", f"{total} About 100% read."), ("info", total)]


async def test_the_question_whether_customers_await_a_migration_is_asked_until_it_is_answered(
    database: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Unavailable | bool] = [Unavailable(), False]
    answered = asyncio.Event()

    async def fails_once(_database: MongoDatabase) -> bool:
        if isinstance(answer := answers.pop(0), Unavailable):
            raise answer
        answered.set()
        return answer

    monkeypatch.setattr(migrations, "is_migration_needed", fails_once)
    monkeypatch.setattr(migrations, "_RETRY_SECONDS", 0.01)
    with capture_logs() as logged:
        async with migrating_in_background(database, warns_only=True):
            await answered.wait()

    assert logged == []


async def test_a_migration_that_finds_no_customer_is_not_logged(
    database: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()

    async def observed(database: MongoDatabase) -> AsyncIterator[Batch]:
        async for batch in migrate(database):
            yield batch
        ended.set()

    monkeypatch.setattr(migrations, "migrate", observed)
    with capture_logs() as logged:
        async with migrating_in_background(database, warns_only=False):
            await ended.wait()

    assert logged == []


async def test_a_refusal_of_mongodb_in_the_background_is_logged_once(
    failing: tuple[MongoDatabase, Documents], member: Member
) -> None:
    unauthorized = 13
    with member.failing("find", errorCode=unauthorized):
        logged = await run_in_background(failing[0], "refuses", warns_only=True)

    assert logged == [("error", "MongoDB refuses the migration: Unauthorized.")]


def test_the_share_that_was_read_is_estimated_from_the_last_id() -> None:
    customer: Customer = replace(ALL[0], id=type(ALL[0].id)(int=1 << 126))

    assert Batch(1, [], customer.id).share == 0.25
    assert Batch(1, [], None).share == 1

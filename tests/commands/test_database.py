"""`graphql-api database` migrates and checks customers, and shows none of their values."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from pymongo.collection import Collection

from graphql_api.commands import database as database_command
from graphql_api.commands import open_database
from graphql_api.faults import SettingUp
from graphql_api.mongo.customer_documents import to_document, validator
from graphql_api.mongo.customers import MongoCustomers
from graphql_api.mongo.customers_collection import NAME
from graphql_api.mongo.database import MongoDatabase
from graphql_api.mongo.deadline import with_retries

from ..conftest import Command
from ..support.databases import database_at
from ..support.mongo_customers import new_customer
from ..support.old_customers import old_document
from ..support.replica_sets import Member, ReplicaSet
from ..support.servers import launched, until

Documents = Collection[dict[str, Any]]

AWAITS = "The customer awaits a migration. Run `graphql-api database migrate`."
REFUSED = "The document is not valid: MongoDB would refuse it."
CUSTOMER = new_customer("john@example.com", "key", name="John Smith", city="Boston")
ID = CUSTOMER.customer.id


@pytest.fixture
def database(graphql_api: Command, database_uri: str) -> Command:
    """`graphql-api database` in this process."""
    return partial(graphql_api, "database", GRAPHQL_API_MONGODB_URI=database_uri)


@pytest.fixture
async def set_up(database_uri: str, documents: Documents) -> Documents:
    """A collection that is set up, with the remains of one customer."""
    async with database_at(database_uri) as opened:
        await opened.set_up()
        customers = MongoCustomers(opened)
        removed = await customers.add(new_customer("removed@example.com", "other key"))
        await customers.remove(removed)
    return documents


def test_old_customers_are_migrated_and_then_pass_the_check(
    database: Command, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_command, "_PROGRESS_SECONDS", -1)
    documents.insert_many(
        [old_document(new_customer(f"C{number}@example.com").customer) for number in range(1001)]
    )

    migrated = database("migrate")
    checked = database("check")

    assert migrated[:2] == (0, "Customers migrated: 1,001; not migrated: 0.\n")
    assert "Customers migrated: 200; not migrated: 0. About " in migrated[2]
    assert checked == (
        *(
            0,
            "Customers: 1,001; remains of removed customers: 0.\nNo fault was found.\n",
        ),
        "",
    )


def test_a_customer_that_cannot_be_migrated_is_named_by_its_id(
    database: Command, set_up: Documents
) -> None:
    # Older servers had another rule for the keys of addresses that are not ASCII.
    set_up.insert_one(to_document(new_customer("josé@example.com")))
    old = old_document(new_customer("José@example.com").customer)
    set_up.insert_one(old)

    code, output, error = database("migrate")

    assert (code, output) == (1, "Customers migrated: 0; not migrated: 1.\n")
    assert error == (
        f"graphql-api: The customer {old['_id']} is not migrated. "
        "Another customer has the same email address.\n"
    )


def test_a_migration_waits_for_the_indexes_and_shows_their_progress(
    failing_set: ReplicaSet, member: Member, errors: Path
) -> None:
    uri = failing_set.database_uri()
    documents = failing_set.customers(uri)
    documents.insert_many(
        [old_document(new_customer(f"c{number}@example.com").customer) for number in range(10)]
    )
    building = "hangAfterStartingIndexBuild"

    with member.fail_point(building, "alwaysOn", {}):
        command = launched(
            "database", "migrate", errors=errors, measured=True, GRAPHQL_API_MONGODB_URI=uri
        )
        with command as process:
            until(lambda: "building the indexes" in errors.read_text(), "it shows the progress")
            member.client.admin.command({"configureFailPoint": building, "mode": "off"})
            output, _ = process.communicate(timeout=40)

    assert (process.returncode, output) == (0, "Customers migrated: 10; not migrated: 0.\n")


def test_a_migration_waits_however_long_the_indexes_take(
    database: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes: list[SettingUp | None] = [SettingUp("50 %"), None]
    set_up = MongoDatabase.set_up

    async def takes_long(opened: MongoDatabase) -> None:
        if outcome := outcomes.pop(0):
            raise outcome
        await set_up(opened)

    monkeypatch.setattr(MongoDatabase, "set_up", takes_long)
    monkeypatch.setattr(open_database, "_PAUSE_SECONDS", 0.01)

    assert database("migrate") == (0, "Customers migrated: 0; not migrated: 0.\n", "")
    assert outcomes == []


def checked(database: Command) -> tuple[Counter[str], str]:
    """The faults that a check finds, as it counts them, and its whole output."""
    code, output, error = database("check")
    faults, table = output.split("\nCOUNT  FAULT\n")
    counts = [line.split(maxsplit=1) for line in table.splitlines()]
    found = Counter(line.split(": ", 1)[-1] for line in faults.splitlines()[:-1])
    assert (code, error) == (1, "")
    assert found == {fault: int(count) for count, fault in counts}
    return found, output


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": "J0 s3cr3t"}, "`name` breaks its rule."),
        ({"name": "S3cr3t", "city": ""}, "`city` breaks its rule."),
        ({"city": None}, "`city` breaks its rule."),
        ({"email": 5}, "`email` breaks its rule."),
        ({"email": "John@EXAMPLE.com"}, "`email` is not normalised."),
        ({"name": " John  Smith"}, "`name` is not normalised."),
        ({"createdAt": "s3cr3t"}, "`createdAt` or `updatedAt` is not a time of"),
        ({"updatedAt": DatetimeMS(316_516_377_600_000)}, "`createdAt` or `updatedAt` is not a"),
        ({"updatedAt": CUSTOMER.customer.created_at.replace(year=1999)}, "`updatedAt` is before"),
        ({"schemaVersion": 3}, "The schema version is not 2, which is this program's."),
        ({"emailCaseFolded": "s3cr3t"}, "`emailCaseFolded` does not follow"),
        ({"nameSort": "s3cr3t"}, "`nameSort` does not follow"),
        ({"emailSort": None}, "`emailSort` does not follow"),
        ({"search": ["s3cr3t"]}, "`search` does not follow"),
        ({"search": 5}, "`search` does not follow"),
        ({"given": 1}, "`given` does not follow"),
        ({"changed": "s3cr3t"}, REFUSED),
        ({"idempotency": {"key": "s3cr3t"}}, REFUSED),
        ({"version": 0}, REFUSED),
    ],
)
def test_a_check_finds_each_fault_of_a_customer_and_shows_its_id_only(
    changes: dict[str, Any], fault: str, database: Command, set_up: Documents
) -> None:
    set_up.insert_one({**to_document(CUSTOMER), **changes}, bypass_document_validation=True)

    found, output = checked(database)

    assert f"{ID}: {fault}" in output
    assert "Customers: 1; remains of removed customers: 1." in output
    assert "s3cr3t" not in output
    assert any(text.startswith(fault) for text in found)


@pytest.mark.parametrize(
    ("missing", "fault"),
    [
        ("email", "`email` breaks its rule."),
        ("version", "`version` is missing."),
        ("schemaVersion", AWAITS),
        ("search", "`search` does not follow from the customer's values."),
    ],
)
def test_a_check_finds_a_missing_field(
    missing: str, fault: str, database: Command, set_up: Documents
) -> None:
    document = to_document(CUSTOMER)
    del document[missing]
    set_up.insert_one(document, bypass_document_validation=True)

    assert fault in checked(database)[0]


def test_a_check_reads_documents_with_any_id_and_shows_only_ids_without_values(
    database: Command, set_up: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphql_api.mongo.check._BATCH", 2)
    other_id = ObjectId()
    # NaN is not equal to itself, and MongoDB sorts it before all other numbers.
    nan = float("nan")
    ids = [nan, 1, "s3cr3t@example.com", {"a": nan}, other_id, *(uuid4() for _ in range(5))]
    set_up.insert_many(
        [
            {**to_document(new_customer(f"{number}@example.com")), "_id": id_}
            for number, id_ in enumerate(ids)
        ],
        bypass_document_validation=True,
    )

    found, output = checked(database)

    fault = "`_id` is not a UUID."
    assert found == {fault: 5}
    assert output.count(f"(not a UUID): {fault}") == 4
    assert f"{other_id}: {fault}" in output
    assert "Customers: 10; remains of removed customers: 1." in output
    assert "s3cr3t" not in output
    # No document follows.
    set_up.delete_many({"_id": {"$ne": nan}})
    assert checked(database)[0] == {fault: 1}


def test_a_check_finds_remains_that_are_not_valid(database: Command, set_up: Documents) -> None:
    set_up.update_one({}, {"$set": {"name": "s3cr3t"}}, bypass_document_validation=True)

    found, output = checked(database)

    assert found == {REFUSED: 1}
    assert "s3cr3t" not in output


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"validator": {}}, "The validator is missing, or differs."),
        ({"validationLevel": "off"}, "The validator does not refuse every document"),
        ({"validationAction": "warn"}, "The validator does not refuse every document"),
        (
            {"index": {"name": "createdAt", "hidden": True}},
            "The index `createdAt` is missing, incomplete or different.",
        ),
        (
            {"index": {"name": "expiresAt", "expireAfterSeconds": 5}},
            "The index `expiresAt` is missing, incomplete or different.",
        ),
    ],
)
def test_a_check_finds_each_fault_of_the_collection(
    options: dict[str, Any], fault: str, database: Command, set_up: Documents
) -> None:
    assert set_up.options()["validator"] == validator()
    set_up.database.command("collMod", NAME, **options)

    found, _ = checked(database)

    assert [text.startswith(fault) for text in found] == [True]


def test_a_check_finds_missing_and_different_indexes(database: Command, set_up: Documents) -> None:
    set_up.drop_index("search")
    set_up.drop_index("given")
    set_up.create_index([("given", -1)], name="given")

    found, _ = checked(database)

    assert found == {
        "The index `search` is missing, incomplete or different.": 1,
        "The index `given` is missing, incomplete or different.": 1,
    }


def test_a_check_creates_nothing(database: Command, documents: Documents) -> None:
    found, _ = checked(database)

    assert found == {
        "The collection `customers` does not exist. A server creates it when it starts.": 1
    }
    assert documents.database.list_collection_names() == []


def test_a_check_of_an_unavailable_database_is_answered_with_one_sentence(
    graphql_api: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphql_api.mongo.deadline._PATIENCE_SECONDS", -1)
    impatient = partial(with_retries, step_seconds=0.5)
    monkeypatch.setattr("graphql_api.mongo.check.with_retries", impatient)

    for action in ("check", "migrate"):
        ended = graphql_api(
            *("database", action), GRAPHQL_API_MONGODB_URI="mongodb://%2Ftmp%2Fnone.sock/"
        )
        assert ended == (2, "", "graphql-api: The database is unavailable. Try again.\n")

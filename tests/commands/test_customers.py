"""`graphql-api customers erase` leaves nothing personal in the collections, and names the rest."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from pymongo.collection import Collection

from graphql_api.faults import ChangeUnknown
from graphql_api.mongo.customer_documents import to_document
from graphql_api.mongo.customers import MongoCustomers
from graphql_api.mongo.webhooks import MongoEndpoints
from graphql_api.webhooks.endpoints import Failure, new_endpoint

from ..conftest import Command
from ..support.databases import database_at
from ..support.mongo_customers import new_customer
from ..support.replica_sets import Member, ReplicaSet

Documents = Collection[dict[str, Any]]

UNAUTHORIZED = 13
# An expression of MongoDB would begin with its first character.
PERSON = new_customer("$ada@example.com", "key", name="Ada Lovelace", zip_code="10469-2345")
ID = str(PERSON.customer.id)
OTHER = new_customer("office@example.com", cc_email_address="$Ada@example.com")
FILES = "Backups, and the files of imports and exports"


@pytest.fixture
def database_uri(failing_set: ReplicaSet) -> str:
    return failing_set.database_uri()


@pytest.fixture
def documents(failing_set: ReplicaSet, database_uri: str) -> Iterator[Documents]:
    """The collection, with two customers."""
    documents = failing_set.customers(database_uri)
    documents.insert_many(map(to_document, (PERSON, OTHER)))
    yield documents
    documents.database.client.drop_database(documents.database)


@pytest.fixture
def erase(graphql_api: Command, database_uri: str) -> Command:
    """`graphql-api customers erase` in this process."""
    return partial(graphql_api, "customers", "erase", GRAPHQL_API_MONGODB_URI=database_uri)


def everything_in(documents: Documents) -> str:
    """All documents of the database, as text."""
    names = documents.database.list_collection_names()
    return repr([list(documents.database[name].find()) for name in names])


def rows(output: str) -> dict[str, str]:
    """What remains, and until when."""
    table = output.partition("WHAT REMAINS")[2].splitlines()[1:]
    return {cells[0]: cells[-1].strip() for line in table if len(cells := line.split("  ")) > 1}


def test_a_customer_is_erased_and_what_remains_is_named(
    erase: Command, documents: Documents
) -> None:
    began = datetime.now(UTC)

    code, output, error = erase("--email", " $ADA@Example.com")

    assert code == 1
    assert "graphql-api:" not in error
    assert output.startswith(f"Erased the customer {ID}.\nWHAT REMAINS")
    assert output.endswith(
        f"\n{OTHER.customer.id}: `ccEmailAddress` has the email address of the person.\n"
    )
    [(remains, until), (oplog, _), (files, _)] = rows(output).items()
    assert (remains, files) == ("The customer's id, and its idempotency key if it has one", FILES)
    assert oplog.startswith("Changes and events in MongoDB's oplog, which begins at 2")
    assert began + timedelta(hours=23) < datetime.fromisoformat(until.replace(" UTC", "+00:00"))

    documents.delete_one({"_id": OTHER.customer.id})
    stored = everything_in(documents).lower()
    assert ID in stored
    assert "'key': 'key'" in stored
    for value in ("$ada", "lovelace", "10469-2345", "fingerprint"):
        assert value not in stored

    again = erase(ID)
    assert again[0] == 0
    assert again[1].startswith(f"The customer {ID} was deleted before.\n")
    assert remains in rows(again[1])

    documents.delete_one({"_id": PERSON.customer.id})
    for name, arguments in (("id,", [ID]), ("email address.", ["--email", "$ada@example.com"])):
        code, output, error = erase(*arguments)
        assert (code, output) == (1, "")
        assert f"graphql-api: No customer has this {name} " in error


def test_failing_webhooks_are_named_and_the_oplog_is_not_read_without_the_right(
    erase: Command, documents: Documents, database_uri: str, member: Member
) -> None:
    now = datetime.now(UTC)
    working = new_endpoint("https://example.com/", "AA", None, allows_private=False)
    failing = replace(working, id="3f9a0c0305e8", failure=Failure(1, "Gone.", now, None))

    async def add_endpoints() -> None:
        async with database_at(database_uri) as database:
            for endpoint in (working, failing):
                await MongoEndpoints(database).add(endpoint)

    asyncio.run(add_endpoints())
    documents.delete_one({"_id": OTHER.customer.id})
    with member.failing("find", errorCode=UNAUTHORIZED, namespace="local.oplog.rs"):
        code, output, _ = erase(ID)

    assert code == 0
    assert list(rows(output))[1:] == [
        "Changes and events in MongoDB's oplog",
        "Messages for failing webhooks: 3f9a0c0305e8",
        FILES,
    ]


def test_a_document_that_is_not_a_customer_is_named(erase: Command, documents: Documents) -> None:
    documents.replace_one({"_id": PERSON.customer.id}, {"name": "Ada"})

    code, output, error = erase(ID)

    assert code == 1
    assert "graphql-api: No customer has this id, and none that was deleted" in error
    assert output == f"{ID}: Another program stored this document. Delete it in MongoDB.\n"


@pytest.mark.usefixtures("documents")
def test_an_erasure_of_which_mongodb_does_not_say_the_outcome_fails(
    erase: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def remove(*_arguments: object) -> bool:
        raise ChangeUnknown

    monkeypatch.setattr(MongoCustomers, "remove", remove)

    code, output, error = erase(ID)

    assert (code, output) == (2, "")
    # On a busy machine, the log says before that indexes are built.
    assert error.endswith("graphql-api: The database is unavailable. Try again.\n")


@pytest.mark.parametrize(
    "arguments",
    [(), ("--email", "ada"), ("3f2504e0",), (str(uuid4()), "--email", "ada@example.com")],
    ids=["none", "email", "id", "both"],
)
def test_invalid_arguments_are_refused(erase: Command, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        erase(*arguments)

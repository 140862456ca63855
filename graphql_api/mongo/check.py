"""The check of a database: what differs from the rules, the indexes and the stored form.

It only reads. No finding shows a value of a customer.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any
from uuid import UUID

from bson import MinKey, encode
from pymongo import IndexModel
from pymongo.database import Database

from ..customers.fields import FIELDS, NewCustomer
from ..customers.judge import NOT_TEXT, judge
from ..customers.problems import Rejected
from .customer_documents import (
    EMAIL_KEY,
    EXPIRY_INDEX,
    SCHEMA_VERSION,
    SEARCH,
    derived_fields,
    indexes,
    is_removed,
    shown_id,
    validator,
)
from .customers_collection import CLAIMS, NAME
from .database import MongoDatabase
from .deadline import with_retries
from .known_faults import known_fault

_Document = Mapping[str, Any]

_BATCH = 500

# Options of an index that make no difference; MongoDB adds them.
_OTHER_OPTIONS = {"v", "ns", "background"}


@dataclass(frozen=True)
class Finding:
    """One fault: of the customer with this id, or of MongoDB or the collection if it is None.

    `fault` is a sentence. The same fault of several customers has the same sentence.
    """

    id: str | None
    fault: str


@dataclass(frozen=True)
class Checked:
    """A batch of documents: the numbers of customers and of remains of removed ones, and faults."""

    customers: int
    removed: int
    findings: list[Finding]


async def check(database: MongoDatabase) -> AsyncIterator[Checked]:
    """Checks MongoDB and the collection, and then each document, in batches.

    Raises `Unavailable`, and `pymongo.errors.PyMongoError` if a second try would fail as well.
    """
    is_sharded = database.customers_set_up.is_sharded
    check_collection = partial(_check_collection, is_sharded=is_sharded)
    yield Checked(0, 0, await with_retries(database.driver, check_collection))
    after: Any = MinKey()
    while True:
        documents = await with_retries(database.driver, partial(_read, after=after))
        if not documents:
            return
        yield await with_retries(database.driver, partial(_check_documents, documents=documents))
        after = documents[-1]["_id"]


def _check_collection(database: Database[dict[str, Any]], *, is_sharded: bool) -> list[Finding]:
    return [Finding(None, fault) for fault in _collection_faults(database, is_sharded=is_sharded)]


def _collection_faults(database: Database[dict[str, Any]], *, is_sharded: bool) -> Iterator[str]:
    if (fault := known_fault(database)) is not None:
        yield fault
    if NAME not in database.list_collection_names(filter={"name": NAME}):
        yield "The collection `customers` does not exist. A server creates it when it starts."
        return
    options = database[NAME].options()
    if options.get("validator") != validator():
        yield "The validator is missing, or differs. A server sets it when it starts."
    if options.get("validationLevel", "strict") != "strict" or (
        options.get("validationAction", "error") != "error"
    ):
        yield "The validator does not refuse every document that differs from it."
    # An index that is being built has another form.
    answer = database.command("listIndexes", NAME, includeBuildUUIDs=True)
    found = {
        index["name"]: _essence(index)
        for index in answer["cursor"]["firstBatch"]
        if "buildUUID" not in index
    }
    yield from _index_faults(found, indexes(is_sharded=is_sharded))
    if is_sharded:
        yield from _sharding_faults(found)
        # Without it, claims would remain for ever.
        of_claims = {index["name"]: _essence(index) for index in database[CLAIMS].list_indexes()}
        yield from _index_faults(of_claims, [EXPIRY_INDEX])


def _index_faults(
    found: Mapping[str, dict[str, Any]], expected: Iterable[IndexModel]
) -> Iterator[str]:
    for index in expected:
        name = index.document["name"]
        if found.get(name) != _essence(index.document):
            yield f"The index `{name}` is missing, incomplete or different."


def _sharding_faults(found: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """The unique indexes that MongoDB refuses in a collection that is sharded by the email key."""
    for name, index in found.items():
        [first_field, _], *_ = index["key"]
        if index.get("unique") and first_field != EMAIL_KEY:
            yield (
                f"The unique index `{name}` does not begin with the shard key `{EMAIL_KEY}`, so "
                "MongoDB refuses to shard the collection. Drop the index."
            )


def _essence(index: _Document) -> dict[str, Any]:
    """What makes an index: its key in order, and its options."""
    options = {name: value for name, value in index.items() if name not in _OTHER_OPTIONS}
    return {**options, "key": list(index["key"].items())}


def _read(
    database: Database[dict[str, Any]],
    *,
    after: Any,  # noqa: ANN401  # an id that another program made may have any type
) -> list[dict[str, Any]]:
    """The next documents in the order of `_id`, whatever type it has."""
    # `min` includes the document itself. A comparison with `$gt` would find one type only.
    documents = database[NAME].find(hint=[("_id", 1)], sort=[("_id", 1)], limit=_BATCH + 1)
    documents.min([("_id", after)])
    # Compared as bytes: NaN is not equal to itself.
    known = encode({"_id": after}, codec_options=database.codec_options)
    return [
        document
        for document in documents
        if encode({"_id": document["_id"]}, codec_options=database.codec_options) != known
    ]


def _check_documents(
    database: Database[dict[str, Any]], *, documents: list[dict[str, Any]]
) -> Checked:
    ids = [document["_id"] for document in documents]
    refused = {
        shown_id(document["_id"])
        for document in database[NAME].find({"_id": {"$in": ids}, "$nor": [validator()]}, ["_id"])
    }
    findings = []
    removed = sum(map(is_removed, documents))
    for document in documents:
        id_ = shown_id(document["_id"])
        faults = [] if is_removed(document) else list(_faults(document))
        if not faults and id_ in refused:
            faults = ["The document is not valid: MongoDB would refuse it."]
        findings += [Finding(id_, fault) for fault in faults]
    return Checked(len(documents) - removed, removed, findings)


def _faults(document: _Document) -> Iterator[str]:
    values = {
        field.name: document[field.public_name] for field in FIELDS if field.public_name in document
    }
    if not isinstance(document["_id"], UUID):
        yield "`_id` is not a UUID."
    faulty = False
    for fault in chain(_rule_faults(values), _time_faults(document)):
        faulty = True
        yield fault
    schema_version = document.get("schemaVersion")
    if schema_version is None:
        yield "The customer awaits a migration. Run `graphql-api database migrate`."
    elif schema_version != SCHEMA_VERSION:
        yield f"The schema version is not {SCHEMA_VERSION}, which is this program's."
    elif not faulty:
        yield from _derived_faults(document, NewCustomer(**values))


def _rule_faults(values: dict[str, Any]) -> Iterator[str]:
    """The faults of the stored values: each must be valid, and normalised already."""
    judged = judge(
        {name: value if isinstance(value, str) else NOT_TEXT for name, value in values.items()}
    )
    broken = {problem.field for problem in judged.problems} if isinstance(judged, Rejected) else ()
    for field in FIELDS:
        if field in broken:
            yield f"`{field.public_name}` breaks its rule."
        elif (
            field.name in values
            and field.rule.format.read(values[field.name])[0] != values[field.name]
        ):
            yield f"`{field.public_name}` is not normalised."


def _time_faults(document: _Document) -> Iterator[str]:
    created_at, updated_at = document.get("createdAt"), document.get("updatedAt")
    if not (isinstance(created_at, datetime) and isinstance(updated_at, datetime)):
        yield "`createdAt` or `updatedAt` is not a time of the years 1 to 9999."
    elif updated_at < created_at:
        yield "`updatedAt` is before `createdAt`."


def _derived_faults(document: _Document, customer: NewCustomer) -> Iterator[str]:
    for name, value in derived_fields(customer).items():
        stored = document.get(name)
        if name == SEARCH:
            # Tokens have no order.
            is_right = isinstance(stored, list) and Counter(map(str, stored)) == Counter(value)
        else:
            is_right = stored == value
        if not is_right:
            yield f"`{name}` does not follow from the customer's values."
    if "version" not in document:
        yield "`version` is missing."

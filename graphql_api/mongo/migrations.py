"""Migrations: customers that older servers stored get the form in which lists find them.

A migration changes a customer at a time, by one atomic update whose filter has the state that was
read. So no customer is ever half migrated, and servers may run meanwhile. What is left to migrate
is found by a query, not by a record of what was done: a migration that was killed continues, and
two at once do no harm.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, PyMongoError, WriteConcernError, WriteError

from ..customers.fields import FIELDS
from ..deadline import PAUSE_SECONDS, REQUEST_SECONDS, deadline_in
from ..faults import Unavailable
from .customer_documents import (
    EXPIRES_AT,
    NAME_SORT,
    NotACustomer,
    derived_fields,
    from_document,
    shown_id,
)
from .customers_collection import NAME
from .database import MongoDatabase
from .deadline import with_retries
from .driver_errors import error_name

logger = structlog.get_logger()

_Document = Mapping[str, Any]

# A batch takes MongoDB a tenth of a second, so requests that arrive meanwhile wait no longer.
_BATCH = 200
# The pause before another try in the background, and how often the log shows progress.
_RETRY_SECONDS = 1.0
_LOG_SECONDS = 10.0

# Every id of a customer is greater than the first of these, and none is greater than the second.
_BEFORE_ALL = UUID(int=0)
_LAST = UUID(int=(1 << 128) - 1)

# What `from_document` and `derived_fields` raise for values that no customer can have.
_MALFORMED = (NotACustomer, ValueError)

_DUPLICATE_KEY = 11000
_VALIDATION_FAILED = 121
_IS_MALFORMED = "A field is missing, or has a value that no customer can have."
_HAS_ANOTHER_ID = "Its `_id` is not a UUID."
_REASONS = {
    _DUPLICATE_KEY: "Another customer has the same email address.",
    _VALIDATION_FAILED: "A value breaks a rule of its field.",
}


@dataclass(frozen=True)
class Migration:
    """Takes customers of an older schema version to `number`.

    `awaiting` is the query for these customers. It finds neither migrated customers nor the remains
    of removed ones. The index, whose last field is `_id`, answers it in the order of `_id`.
    `new_fields` are the fields that the migration sets in a document. It raises one of `_MALFORMED`
    for a document that it cannot read.
    """

    number: int
    awaiting: _Document
    index: str
    new_fields: Callable[[_Document], dict[str, Any]]


def _fields_of_version_2(document: _Document) -> dict[str, Any]:
    """What lists, searches and changes read. Email keys of older servers followed another rule."""
    customer = from_document(document).customer
    return {**derived_fields(customer), "version": customer.version, "schemaVersion": 2}


# The oldest first. Servers of every version may have stored customers, so none is ever removed.
MIGRATIONS = (
    Migration(
        2,
        {
            NAME_SORT: {"$exists": False},
            "schemaVersion": {"$exists": False},
            EXPIRES_AT: {"$exists": False},
        },
        NAME_SORT,
        _fields_of_version_2,
    ),
)
# What new fields are made from.
_READ = [*(field.public_name for field in FIELDS), "version"]


@dataclass(frozen=True)
class Batch:
    """Some customers of a migration, in the order of their ids.

    `refused` has the ids, as operators see them, of those that could not be migrated, each with the
    reason, a sentence without a value. `last` is the id of the last customer; None after the last
    batch.
    """

    migrated: int
    refused: Sequence[tuple[str, str]]
    last: UUID | None

    @property
    def share(self) -> float:
        """Roughly which part of all customers was read, from 0 to 1: ids are random."""
        return 1.0 if self.last is None else self.last.int / _LAST.int


async def migrate(database: MongoDatabase) -> AsyncIterator[Batch]:
    """Migrates all customers; yields each batch. The collection must be set up.

    Transient errors are tried again for a minute. Raises `Unavailable`, and
    `pymongo.errors.PyMongoError` if a second try would fail as well. A later migration continues.
    """
    for migration in MIGRATIONS:
        after: UUID | None = _BEFORE_ALL
        while after is not None:
            batch = await with_retries(
                database.driver, partial(_migrate_batch, migration=migration, after=after)
            )
            yield batch
            after = batch.last
        ids = await with_retries(database.driver, partial(_other_ids, migration=migration))
        if ids:
            yield Batch(0, [(shown_id(id_), _HAS_ANOTHER_ID) for id_ in ids], None)


async def is_migration_needed(database: MongoDatabase) -> bool:
    """Whether a customer is left to migrate. Raises what `migrate` raises."""
    return await with_retries(database.driver, _is_migration_needed)


def _is_migration_needed(database: Database[dict[str, Any]]) -> bool:
    return any(
        database[NAME].find_one(migration.awaiting, ["_id"], hint=migration.index)
        for migration in MIGRATIONS
    )


def _other_ids(database: Database[dict[str, Any]], *, migration: Migration) -> list[object]:
    """The ids that are not UUIDs, of documents that the migration would find."""
    is_uuid = {"$gte": _BEFORE_ALL, "$lte": _LAST}
    found = database[NAME].find(
        {**migration.awaiting, "_id": {"$not": is_uuid}}, ["_id"], hint=migration.index
    )
    return [document["_id"] for document in found]


def _migrate_batch(
    database: Database[dict[str, Any]], *, migration: Migration, after: UUID
) -> Batch:
    collection = database[NAME]
    documents = list(
        collection.find(
            {**migration.awaiting, "_id": {"$gt": after, "$lte": _LAST}},
            sort=[("_id", 1)],
            limit=_BATCH,
            hint=migration.index,
        )
    )
    last = documents[-1]["_id"] if documents else None
    migrated, refused = 0, dict[UUID, str]()
    while documents:
        written = _write(collection, migration, documents, refused)
        migrated += written
        left = [document["_id"] for document in documents if document["_id"] not in refused]
        if written == len(left):
            break
        # Another process changed, removed or migrated the others since they were read. A read finds
        # that as soon as a majority has it.
        time.sleep(PAUSE_SECONDS)
        documents = list(collection.find({**migration.awaiting, "_id": {"$in": left}}))
    return Batch(migrated, [(str(id_), reason) for id_, reason in refused.items()], last)


def _write(
    collection: Collection[dict[str, Any]],
    migration: Migration,
    documents: list[dict[str, Any]],
    refused: dict[UUID, str],
) -> int:
    """Updates the documents that are as they were read; returns their number.

    Adds those that cannot be updated to `refused`.
    """
    updates: dict[UUID, UpdateOne] = {}
    for document in documents:
        try:
            new_fields = migration.new_fields(document)
        except _MALFORMED:
            refused[document["_id"]] = _IS_MALFORMED
        else:
            query = {**migration.awaiting, "_id": document["_id"], **_state(document)}
            updates[document["_id"]] = UpdateOne(query, {"$set": new_fields})
    if not updates:
        return 0
    try:
        return collection.bulk_write(list(updates.values()), ordered=False).matched_count
    except BulkWriteError as error:
        details: Mapping[str, Any] = error.details
    ids = list(updates)
    for write_error in details["writeErrors"]:
        code = write_error["code"]
        if code not in _REASONS:
            # MongoDB's own text may show a customer's values.
            raise WriteError("MongoDB refuses a customer.", code)
        refused[ids[write_error["index"]]] = _REASONS[code]
    if details["writeConcernErrors"]:
        # What is not acknowledged may be rolled back. The next try finds it in that case.
        raise WriteConcernError("No majority has acknowledged the batch.")
    matched: int = details["nMatched"]
    return matched


def _state(document: _Document) -> dict[str, Any]:
    """The query for the document as long as it has the values that it was read with."""
    # A missing field is null to MongoDB.
    return {name: {"$eq": document.get(name)} for name in _READ}


class Progress:
    """Counts migrated customers, and tells operators in sentences."""

    def __init__(self) -> None:
        self.migrated = self.refused = 0

    def count(self, batch: Batch) -> Iterator[str]:
        """Counts a batch. Yields a sentence for each customer that could not be migrated."""
        self.migrated += batch.migrated
        self.refused += len(batch.refused)
        for id_, reason in batch.refused:
            yield f"The customer {id_} is not migrated. {reason}"

    @property
    def total(self) -> str:
        return f"Customers migrated: {self.migrated:,}; not migrated: {self.refused:,}."


@contextlib.asynccontextmanager
async def migrating_in_background(
    database: MongoDatabase, *, warns_only: bool
) -> AsyncIterator[None]:
    """Migrates as soon as the collection is set up, until the context ends.

    With `warns_only`, the log says whether customers await a migration, and nothing is migrated.
    """
    migrating = asyncio.create_task(_in_background(database, warns_only=warns_only))
    try:
        yield
    finally:
        migrating.cancel()
        await asyncio.wait([migrating])


async def _in_background(database: MongoDatabase, *, warns_only: bool) -> None:
    while True:
        try:
            await database.customers_set_up.collection_uuid(deadline_in(REQUEST_SECONDS))
            if not warns_only:
                await _migrate_with_log(database)
            elif await is_migration_needed(database):
                logger.warning(
                    "Customers await a migration: lists and searches do not find all of them. "
                    "Run `graphql-api database migrate`."
                )
        except Unavailable:
            await asyncio.sleep(_RETRY_SECONDS)
        except PyMongoError as error:
            logger.error(f"MongoDB refuses the migration: {error_name(error)}.")  # noqa: TRY400  # the error's own text may show values
            return
        else:
            return


async def _migrate_with_log(database: MongoDatabase) -> None:
    progress, logged_at = Progress(), time.monotonic()
    async for batch in migrate(database):
        for refusal in progress.count(batch):
            logger.warning(refusal)
        if time.monotonic() > logged_at + _LOG_SECONDS:
            logged_at = time.monotonic()
            logger.info(f"{progress.total} About {batch.share:.0%} read.")
    if progress.migrated or progress.refused:
        logger.info(progress.total)

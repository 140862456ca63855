"""One insert of several documents, and what is known of each document afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any

from bson import Binary
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo.database import Database
from pymongo.errors import PyMongoError, ServerSelectionTimeoutError, WriteError

from ..faults import Unavailable
from .connection import in_motor_thread
from .customers_collection import NAME, has_indexes
from .deadline import run_until
from .driver_errors import TRANSIENT_CODES, is_transient

_DUPLICATE_KEY = 11000
_COLLECTION_UUID_MISMATCH = 361
# A later try may succeed, or may find the document that this one duplicates.
_REFUSAL_CODES = TRANSIENT_CODES | {_DUPLICATE_KEY, _COLLECTION_UUID_MISMATCH}


class Outcome(Enum):
    """What became of one document."""

    # A majority has the document in its journal, and the collection has its unique indexes.
    STORED = auto()
    # This try did not store it: another document has a unique value of it, or MongoDB refused it
    # for the moment.
    REFUSED = auto()
    # It may be stored now, or later, or never. Only a read can tell.
    UNCLEAR = auto()


@dataclass(frozen=True)
class Inserted:
    """The outcome of each document, in the order in which the documents were sent.

    An error in place of an outcome: this document is not stored, and a second try would fail as
    well. `is_set_up` is False if the collection was found missing, replaced or without an index.
    """

    outcomes: list[Outcome | Exception]
    is_set_up: bool


async def insert(
    database: AsyncIOMotorDatabase[dict[str, Any]],
    collection_uuid: Binary,
    documents: list[RawBSONDocument],
    deadline: float,
) -> Inserted:
    """Sends the documents once, into the customers' collection if it has this UUID.

    Each document has its `_id`. Raises `Unavailable` if they were never sent, and
    `pymongo.errors.PyMongoError` if none is stored and a second try would fail as well.
    """
    work = partial(_insert, collection_uuid=collection_uuid, documents=documents)
    try:
        return await run_until(deadline, partial(in_motor_thread, database, work))
    except ServerSelectionTimeoutError:
        raise Unavailable from None
    except (TimeoutError, PyMongoError) as error:
        is_set_up = getattr(error, "code", None) != _COLLECTION_UUID_MISMATCH
        if is_set_up and not is_transient(error):
            raise
        return Inserted([Outcome.UNCLEAR] * len(documents), is_set_up)


def _insert(
    database: Database[dict[str, Any]], *, collection_uuid: Binary, documents: list[RawBSONDocument]
) -> Inserted:
    # The driver's own `insert_many` would retry and report only its last try. It also cannot name
    # the collection's UUID, and would write to any other collection with the same name.
    answer = database.command(
        {
            "insert": NAME,
            "documents": documents,
            "ordered": False,
            "collectionUUID": collection_uuid,
            "writeConcern": database.write_concern.document,
        }
    )
    outcomes = _outcomes(len(documents), answer)
    write_errors = answer.get("writeErrors", ())
    if any(error["code"] == _COLLECTION_UUID_MISMATCH for error in write_errors):
        return Inserted(outcomes, is_set_up=False)
    # After the insert, not before: a collection that has its unique indexes contains no duplicate,
    # whenever they were built. Between a check and an insert, somebody could drop them.
    unconfirmed = [o if isinstance(o, Exception) else Outcome.UNCLEAR for o in outcomes]
    try:
        is_set_up = has_indexes(database)
    except PyMongoError:
        return Inserted(unconfirmed, is_set_up=True)
    return Inserted(outcomes if is_set_up else unconfirmed, is_set_up)


def _outcomes(count: int, answer: Mapping[str, Any]) -> list[Outcome | Exception]:
    """The outcomes of `count` documents, from MongoDB's answer to the command `insert`."""
    write_errors = answer.get("writeErrors", ())
    # Without a majority, an election may roll back what was written.
    is_clear = "writeConcernError" not in answer and answer["n"] + len(write_errors) == count
    outcomes: list[Outcome | Exception] = [Outcome.STORED if is_clear else Outcome.UNCLEAR] * count
    for error in write_errors:
        code = error["code"]
        outcomes[error["index"]] = (
            Outcome.REFUSED
            if code in _REFUSAL_CODES
            # MongoDB's own text may show a customer's values.
            else WriteError("MongoDB refuses a customer.", code)
        )
    return outcomes

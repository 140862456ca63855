"""One insert of several documents, and what is known of each of them afterwards."""

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
from .connection import in_one_thread
from .customers_collection import NAME, has_indexes
from .deadline import PASSING_CODES, passing, until

_DUPLICATE_KEY = 11000
_COLLECTION_UUID_MISMATCH = 361
_MAY_BE_TAKEN_LATER = PASSING_CODES | {_DUPLICATE_KEY, _COLLECTION_UUID_MISMATCH}


class Outcome(Enum):
    """What became of one document."""

    # A majority has it in its journal, beside the unique indexes.
    STORED = auto()
    # This try did not store it: it was refused for another one's sake, or for now.
    REFUSED = auto()
    # It is stored, or not, or not yet. Only a look at what is there can tell.
    UNCLEAR = auto()


@dataclass(frozen=True)
class Inserted:
    """An outcome for each document, and whether the collection was as it must be.

    An error among the outcomes: another try of this document could only fail as well.
    """

    outcomes: list[Outcome | Exception]
    in_place: bool


async def insert(
    database: AsyncIOMotorDatabase[dict[str, Any]],
    identity: Binary,
    documents: list[RawBSONDocument],
    moment: float,
) -> Inserted:
    """Sends the documents, which have their `_id`, once, into the collection of this identity.

    Raises `Unavailable` where they were never sent, and `pymongo.errors.PyMongoError` where none
    is stored and another try of all could only fail as well.
    """
    count = len(documents)
    work = partial(_insert, identity=identity, documents=documents)
    try:
        return await until(moment, partial(in_one_thread, database, work))
    except ServerSelectionTimeoutError:
        raise Unavailable from None
    except (TimeoutError, PyMongoError) as error:
        in_place = getattr(error, "code", None) != _COLLECTION_UUID_MISMATCH
        if in_place and not passing(error):
            raise
        return Inserted([Outcome.UNCLEAR] * count, in_place)


def _insert(
    database: Database[dict[str, Any]], *, identity: Binary, documents: list[RawBSONDocument]
) -> Inserted:
    # As a command, it is sent once, and not into a collection that has only the name. The driver's
    # own `insert_many` would try again, and tell of the last try alone.
    answer = database.command(
        {
            "insert": NAME,
            "documents": documents,
            "ordered": False,
            "collectionUUID": identity,
            "writeConcern": database.write_concern.document,
        }
    )
    outcomes = _outcomes(len(documents), answer)
    refusals = answer.get("writeErrors", ())
    if any(refusal["code"] == _COLLECTION_UUID_MISMATCH for refusal in refusals):
        return Inserted(outcomes, in_place=False)
    # After the insert: with its unique indexes, a collection has nothing twice, whenever they were
    # made. Before it, they could be dropped in between.
    unseen = [o if isinstance(o, Exception) else Outcome.UNCLEAR for o in outcomes]
    try:
        in_place = has_indexes(database)
    except PyMongoError:
        return Inserted(unseen, in_place=True)
    return Inserted(outcomes if in_place else unseen, in_place)


def _outcomes(count: int, answer: Mapping[str, Any]) -> list[Outcome | Exception]:
    refusals = answer.get("writeErrors", ())
    # Without a majority, what was not refused may be rolled back.
    is_clear = "writeConcernError" not in answer and answer["n"] + len(refusals) == count
    outcomes: list[Outcome | Exception] = [Outcome.STORED if is_clear else Outcome.UNCLEAR] * count
    for refusal in refusals:
        code = refusal["code"]
        outcomes[refusal["index"]] = (
            Outcome.REFUSED
            if code in _MAY_BE_TAKEN_LATER
            # MongoDB's own text may show a customer's values.
            else WriteError("MongoDB refuses a customer.", code)
        )
    return outcomes

"""One insert of several documents, and what is known of each of them afterwards."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import BulkWriteError, PyMongoError, ServerSelectionTimeoutError, WriteError

from ..customers.store import Unavailable
from .deadline import passing, until

_DUPLICATE_KEY = 11000


async def insert(
    collection: AsyncIOMotorCollection[dict[str, Any]],
    documents: list[RawBSONDocument],
    moment: float,
) -> list[bool | Exception]:
    """Whether each document, which has its `_id`, is stored; the driver tries until the moment.

    False: it was refused for another one's sake, or by itself, when an earlier try was stored and
    the answer lost; or no answer came, and it is stored, or not, or not yet. Only a look at what is
    there can tell. An error: another try of this one could only fail as well.

    Raises `Unavailable` where they were never sent, and `pymongo.errors.PyMongoError` where another
    try of all could only fail as well.
    """
    try:
        await until(moment, partial(collection.insert_many, documents, ordered=False))
    except BulkWriteError as error:
        return _outcomes(len(documents), error.details)
    except ServerSelectionTimeoutError:
        # The driver raises it of its first try alone; of a later one, it raises the error that made
        # it try again.
        raise Unavailable from None
    except (TimeoutError, PyMongoError) as error:
        if not passing(error):
            raise
        return [False] * len(documents)
    return [True] * len(documents)


def _outcomes(count: int, details: Mapping[str, Any]) -> list[bool | Exception]:
    # What was not refused is stored, but without a majority it may be rolled back.
    outcomes: list[bool | Exception] = [not details["writeConcernErrors"]] * count
    for refusal in details["writeErrors"]:
        # MongoDB's own text may show a customer's values.
        error = WriteError("MongoDB refuses a customer.", refusal["code"])
        is_unclear = refusal["code"] == _DUPLICATE_KEY or passing(error)
        outcomes[refusal["index"]] = False if is_unclear else error
    return outcomes

"""One insert, and what is known of it afterwards."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import DuplicateKeyError, PyMongoError, ServerSelectionTimeoutError

from .deadline import passing, until
from .documents import EMAIL_KEY


class Outcome(Enum):
    """What became of a document."""

    STORED = auto()
    REFUSED = auto()  # another document, or an earlier try, has its `_id` or idempotency key
    EMAIL_REFUSED = auto()  # another document has its e-mail address
    NOT_SENT = auto()  # there was no primary to send it to: it is not stored, and never will be
    UNCLEAR = auto()  # it may be stored, or may still be on its way


async def insert(
    collection: AsyncIOMotorCollection[dict[str, Any]], document: dict[str, Any], moment: float
) -> Outcome:
    """Inserts a document that has its `_id`, retried by the driver until the moment.

    Raises `pymongo.errors.PyMongoError` where another try could only fail as well.
    """
    try:
        async with until(moment):
            await collection.insert_one(document)
    except DuplicateKeyError as error:
        details: Mapping[str, Any] = error.details or {}
        by_email = EMAIL_KEY in details.get("keyPattern", {})
        return Outcome.EMAIL_REFUSED if by_email else Outcome.REFUSED
    except ServerSelectionTimeoutError:
        # The driver raises this one at the first of its tries alone; later, it raises the error
        # that made it try again.
        return Outcome.NOT_SENT
    except (TimeoutError, PyMongoError) as error:
        if not passing(error):
            raise
        return Outcome.UNCLEAR
    return Outcome.STORED

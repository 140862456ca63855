"""One insert, and what is known of it afterwards."""

from functools import partial
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import DuplicateKeyError, PyMongoError, ServerSelectionTimeoutError

from ..customers.store import Unavailable
from .deadline import passing, until


async def insert(
    collection: AsyncIOMotorCollection[dict[str, Any]], document: dict[str, Any], moment: float
) -> bool:
    """Whether a document, which has its `_id`, is stored; the driver tries again until the moment.

    False: it was refused for another one's sake, or by itself, when an earlier try was stored and
    the answer lost; or no answer came, and it is stored, or not, or not yet. Only a look at what is
    there can tell.

    Raises `Unavailable` where it was never sent, and `pymongo.errors.PyMongoError` where another
    try could only fail as well.
    """
    try:
        await until(moment, partial(collection.insert_one, document))
    except DuplicateKeyError:
        return False
    except ServerSelectionTimeoutError:
        # The driver raises it of its first try alone; of a later one, it raises the error that made
        # it try again.
        raise Unavailable from None
    except (TimeoutError, PyMongoError) as error:
        if not passing(error):
            raise
        return False
    return True

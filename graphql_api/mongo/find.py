"""One query for what several requests look for, and what is found for each of them."""

from functools import partial
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection

from .customer_documents import Claim, claims_in, with_any
from .deadline import available_until


async def find(
    collection: AsyncIOMotorCollection[dict[str, Any]], wanted: list[list[Claim]], moment: float
) -> list[list[dict[str, Any]]]:
    """For each list of claims, the documents that have one of them; the same one perhaps twice.

    Raises `Unavailable`, and `pymongo.errors.PyMongoError` where another try could only fail, too.
    """
    claims = {claim for some in wanted for claim in some}
    # There is at most one document for each claim, and all of them come at once.
    cursor = collection.find(with_any(claims), batch_size=len(claims) + 1)
    documents = await available_until(moment, partial(cursor.to_list, None))
    found = {claim: document for document in documents for claim in claims_in(document)}
    return [[found[claim] for claim in some if claim in found] for some in wanted]

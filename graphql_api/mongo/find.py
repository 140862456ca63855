"""One query for the customers that several requests look for."""

from functools import partial
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from .customer_documents import UniqueValue, any_of, unique_values_in
from .deadline import within_deadline


async def find(
    collection: AsyncCollection[dict[str, Any]],
    wanted: list[list[UniqueValue]],
    deadline: float,
) -> list[list[dict[str, Any]]]:
    """For each request's unique values, in the same order, the documents that have one of them.

    A document that has two of a request's values is listed twice. Raises `Unavailable`, and
    `pymongo.errors.PyMongoError` if a second try would fail as well.
    """
    all_values = {value for values in wanted for value in values}
    # Each value has at most one document, so all documents fit into the first answer.
    cursor = collection.find(any_of(all_values), batch_size=len(all_values) + 1)
    documents = await within_deadline(deadline, partial(cursor.to_list, None))
    found = {value: document for document in documents for value in unique_values_in(document)}
    return [[found[value] for value in values if value in found] for values in wanted]

"""One query for the customers that several requests look for."""

from functools import partial
from typing import Any

from bson.errors import BSONError
from pymongo.asynchronous.database import AsyncDatabase

from .customer_documents import UniqueValue, any_of, unique_values_in
from .customers_collection import NAME
from .deadline import within_deadline
from .driver import Driver


async def find(
    driver: Driver,
    wanted: list[list[UniqueValue]],
    deadline: float,
) -> list[list[dict[str, Any]]]:
    """For each request's unique values, in the same order, the documents that have one of them.

    A document that has two of a request's values is listed twice. Raises `Unavailable`, and
    `pymongo.errors.PyMongoError` if a second try would fail as well.
    """
    all_values = {value for values in wanted for value in values}
    work = partial(_read, values=all_values)
    documents = await within_deadline(deadline, partial(driver.run, work))
    found = {value: document for document in documents for value in unique_values_in(document)}
    return [[found[value] for value in values if value in found] for values in wanted]


async def find_each(
    driver: Driver,
    wanted: list[list[UniqueValue]],
    deadline: float,
) -> list[list[dict[str, Any]] | Exception]:
    """Does the same as `find`, so that a document that cannot be read fails its requests alone.

    They have the error in place of their documents.
    """
    try:
        return [*await find(driver, wanted, deadline)]
    except BSONError as error:
        # Another program has stored a document that the driver cannot read.
        if len(wanted) == 1:
            return [error]
    return [one for values in wanted for one in await find_each(driver, [values], deadline)]


async def _read(
    database: AsyncDatabase[dict[str, Any]], *, values: set[UniqueValue]
) -> list[dict[str, Any]]:
    # Each value has at most one document, so all documents fit into the first answer.
    return await database[NAME].find(any_of(values), batch_size=len(values) + 1).to_list()

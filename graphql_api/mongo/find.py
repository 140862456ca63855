"""One query for the customers that several requests look for."""

from functools import partial
from typing import Any

from bson.errors import BSONError
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from .customer_documents import UniqueValue, any_of, unique_values_in
from .customers_collection import NAME
from .deadline import ended_by_driver, within_deadline
from .driver import Driver
from .driver_errors import is_transient


async def find(
    driver: Driver,
    wanted: list[list[UniqueValue]],
    deadline: float,
) -> list[list[dict[str, Any]]]:
    """For each request's unique values, in the same order, the documents that have one of them.

    A document that has two of a request's values is listed twice. Raises `Unavailable`, and
    `pymongo.errors.PyMongoError` if a second try would fail as well.
    """
    query = any_of({value for values in wanted for value in values})
    # Each value has at most one document, so all documents fit into the first answer.
    size = sum(map(len, wanted)) + 1
    documents = await _find_once(driver, query, size, deadline)
    if documents is None:
        # The driver's own method tries again until the deadline, and reads further answers.
        work = partial(_read, query=query, size=size)
        documents = await within_deadline(deadline, partial(driver.run, work))
    found = {value: document for document in documents for value in unique_values_in(document)}
    return [[found[value] for value in values if value in found] for values in wanted]


async def _find_once(
    driver: Driver, query: dict[str, Any], size: int, deadline: float
) -> list[dict[str, Any]] | None:
    """The documents, or None after a transient error, and if there are more documents.

    The driver's own method takes twice the CPU time.
    """
    options = driver.database.codec_options
    level = driver.database.read_concern.document
    command = {"find": NAME, "filter": query, "batchSize": size, "readConcern": level}
    try:
        with ended_by_driver(deadline):
            [answer] = await driver.send([command], options)
        cursor = answer["cursor"]
        if cursor["id"] != 0:
            # Otherwise MongoDB would wait ten minutes for a request for the other documents.
            end = {"killCursors": NAME, "cursors": [cursor["id"]]}
            with ended_by_driver(deadline):
                await driver.send([end], options)
            return None
    except (TimeoutError, PyMongoError) as error:
        if not is_transient(error):
            raise
        return None
    documents: list[dict[str, Any]] = cursor["firstBatch"]
    return documents


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
    database: AsyncDatabase[dict[str, Any]], *, query: dict[str, Any], size: int
) -> list[dict[str, Any]]:
    return await database[NAME].find(query, batch_size=size).to_list()

"""The `customers` collection as it must be before anything is kept in it."""

import contextlib
from collections.abc import Iterator
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo.errors import ConfigurationError, DuplicateKeyError, OperationFailure, PyMongoError

from ..customers.store import Unavailable
from .deadline import passing
from .documents import INDEXES, validator

_NAMESPACE_EXISTS = 48


class Unusable(Unavailable):
    """The database answers, but customers cannot be kept there; the message says why."""


async def ensure_collection(database: AsyncIOMotorDatabase[dict[str, Any]]) -> None:
    """Creates the collection, its validator and its indexes, where they are not as they should.

    Several servers may do so at once, and on a collection that has customers. Raises `Unusable`,
    and errors of the driver that are `passing`.
    """
    try:
        await _ensure_collection(database)
    except DuplicateKeyError:
        raise Unusable(
            "The collection `customers` has customers that share an e-mail address or an "
            "idempotency key; remove all but one of each."
        ) from None
    except (OperationFailure, ConfigurationError) as error:
        if passing(error):
            raise
        raise Unusable(f"MongoDB refuses to set up `customers`: {_reason(error)}.") from None


@contextlib.contextmanager
def refusals_in_a_sentence() -> Iterator[None]:
    """Raises `Unusable` where the driver raises what another try could not help."""
    try:
        yield
    except PyMongoError as error:
        raise Unusable(f"MongoDB refuses the command: {_reason(error)}.") from None


def _reason(error: PyMongoError) -> str:
    """The name of an error: the driver's own text has hosts, and may show a customer's values."""
    details = (error.details if isinstance(error, OperationFailure) else None) or {}
    return str(details.get("codeName", type(error).__name__))


async def _ensure_collection(database: AsyncIOMotorDatabase[dict[str, Any]]) -> None:
    hello = await database.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise Unusable("GRAPHQL_API_MONGODB_URI must name a replica set or a mongos.")
    # Database commands have no write concern but the one that they are given.
    options: dict[str, Any] = {
        "validator": validator(),
        "writeConcern": database.write_concern.document,
    }
    try:
        await database.command("create", "customers", **options)
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise
        await database.command("collMod", "customers", **options)
    # Done only when a majority has them: without its indexes, a customer could be kept twice.
    await database["customers"].create_indexes(INDEXES)

"""The `customers` collection as it must be before anything is kept in it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bson import Binary
from pymongo.database import Database
from pymongo.errors import ConfigurationError, DuplicateKeyError, OperationFailure, PyMongoError

from ..faults import Unavailable
from .customer_documents import INDEXES, validator
from .deadline import passing

NAME = "customers"

_NAMESPACE_NOT_FOUND = 26
_NAMESPACE_EXISTS = 48

# Atlas says so, too, of a wrong password, which does not become right.
_ATLAS_ERROR = 8000

# MongoDB 6.0, the first one that takes `collectionUUID`.
_OLDEST_WIRE_VERSION = 17

# What `listIndexes` says of them at least. It says it of one that is being built in another form.
_WANTED = [index.document for index in INDEXES]


class Unusable(Unavailable):
    """The database answers, but customers cannot be kept there; the message says why."""


def ensure_collection(
    database: Database[dict[str, Any]], before_indexes: Callable[[], None]
) -> Binary:
    """Creates the collection, its validator and its indexes, where they are not as they should.

    Gives the collection's identity: whatever has its name later has another one. Calls
    `before_indexes` before what may take long. Several servers may do so at once, and on a
    collection that has customers. Raises `Unusable`, `Unavailable`, errors of the driver that are
    `passing`, and `IndexError` where it is dropped meanwhile.
    """
    try:
        return _ensure_collection(database, before_indexes)
    except DuplicateKeyError:
        raise Unusable(
            "The collection `customers` has customers that share an email address or an "
            "idempotency key; remove all but one of each."
        ) from None
    except (OperationFailure, ConfigurationError) as error:
        if passing(error) and getattr(error, "code", None) != _ATLAS_ERROR:
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


def _ensure_collection(
    database: Database[dict[str, Any]], before_indexes: Callable[[], None]
) -> Binary:
    require_usable(database.command("hello"))
    before_indexes()
    # Database commands have no write concern but the one that they are given.
    options: dict[str, Any] = {
        "validator": validator(),
        "writeConcern": database.write_concern.document,
    }
    if not _known(database):
        # Another server may be faster.
        database.command("create", NAME, allowable_errors=[_NAMESPACE_EXISTS], **options)
    known = _known(database)[0]
    # Where another server builds its indexes now, it cannot be changed, but need not be.
    if known["options"].get("validator") != options["validator"]:
        database.command("collMod", NAME, **options)
    # Done only when a majority has them: without its indexes, a customer could be kept twice.
    database[NAME].create_indexes(INDEXES)
    # Where it was dropped meanwhile, the first insert says so.
    identity: Binary = known["info"]["uuid"]
    return identity


def _known(database: Database[dict[str, Any]]) -> list[dict[str, Any]]:
    """The collection as MongoDB knows it, if there is one."""
    answer = database.command("listCollections", filter={"name": NAME})
    found: list[dict[str, Any]] = answer["cursor"]["firstBatch"]
    return found


def require_usable(hello: Mapping[str, Any]) -> None:
    """Raises `Unusable` for a server that says `hello` so, where it is not one that is needed.

    `Unavailable`: it is to become a member of a replica set.
    """
    if hello.get("isreplicaset"):
        raise Unavailable
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise Unusable("GRAPHQL_API_MONGODB_URI must name a replica set or a mongos.")
    if hello["maxWireVersion"] < _OLDEST_WIRE_VERSION:
        raise Unusable("GRAPHQL_API_MONGODB_URI must name a MongoDB 6.0 or newer.")


def has_indexes(database: Database[dict[str, Any]]) -> bool:
    """Whether the collection has its unique indexes now, so that nothing in it is there twice.

    Raises `pymongo.errors.PyMongoError`.
    """
    try:
        answer = database.command("listIndexes", NAME, includeBuildUUIDs=True)
    except OperationFailure as error:
        if error.code == _NAMESPACE_NOT_FOUND:
            return False
        raise
    indexes = answer["cursor"]["firstBatch"]
    return all(any(wanted.items() <= index.items() for index in indexes) for wanted in _WANTED)

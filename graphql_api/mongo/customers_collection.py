"""The `customers` collection, its validator, and the indexes without which nothing is stored."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from bson import Binary, CodecOptions, decode
from bson.binary import UuidRepresentation
from bson.raw_bson import RawBSONDocument
from pymongo import IndexModel
from pymongo.database import Database
from pymongo.errors import ConfigurationError, DuplicateKeyError, OperationFailure

from ..faults import Misconfigured, Unavailable
from .customer_documents import EXPIRY_INDEX, indexes, validator
from .driver_errors import error_name, is_transient

NAME = "customers"
# Only in the form for sharding. It is sharded by `_id`, or not at all.
CLAIMS = "claims"

NAMESPACE_NOT_FOUND = 26
_NAMESPACE_EXISTS = 48

# Atlas also sends this code for a wrong password, which no second try makes right.
_ATLAS_ERROR = 8000

# For answers that are read only in part. UUIDs in the commands are encoded as in all others.
RAW = CodecOptions(RawBSONDocument, uuid_representation=UuidRepresentation.STANDARD)

# MongoDB 6.0, the first version with `collectionUUID`.
_OLDEST_WIRE_VERSION = 17


def ensure_collection(
    database: Database[dict[str, Any]], before_indexes: Callable[[], None], *, is_sharded: bool
) -> Binary:
    """Creates the collection, its validator and its indexes, or corrects those that differ.

    Returns the collection's UUID: a collection that gets the same name later has another UUID.
    Calls `before_indexes` before the part that can take hours. Several servers may call this at
    once, and the collection may contain customers. Raises `Misconfigured`, `Unavailable`, transient
    errors of the driver, and `IndexError` if somebody drops the collection meanwhile.
    """
    try:
        return _ensure_collection(database, before_indexes, is_sharded=is_sharded)
    except DuplicateKeyError:
        raise Misconfigured(
            "Customers in the collection `customers` share an email address or an idempotency key. "
            "Remove all but one of each."
        ) from None
    except (OperationFailure, ConfigurationError) as error:
        if is_transient(error) and getattr(error, "code", None) != _ATLAS_ERROR:
            raise
        raise Misconfigured(
            f"MongoDB refuses to set up `customers`: {error_name(error)}."
        ) from None


def _ensure_collection(
    database: Database[dict[str, Any]], before_indexes: Callable[[], None], *, is_sharded: bool
) -> Binary:
    require_supported(database.command("hello"))
    before_indexes()
    # The driver adds no write concern to database commands.
    options: dict[str, Any] = {
        "validator": validator(),
        "writeConcern": database.write_concern.document,
    }
    if not _list_collection(database):
        # Another server may create it at the same time.
        database.command("create", NAME, allowable_errors=[_NAMESPACE_EXISTS], **options)
    collection = _list_collection(database)[0]
    # While another server builds the indexes, `collMod` fails. It is not needed then.
    if collection["options"].get("validator") != options["validator"]:
        database.command("collMod", NAME, **options)
    # Returns only when a majority has the indexes: without them, a customer could be stored twice.
    database[NAME].create_indexes(indexes(is_sharded=is_sharded))
    if is_sharded:
        database[CLAIMS].create_indexes([EXPIRY_INDEX])
    # If somebody dropped the collection meanwhile, the first insert fails with this UUID.
    uuid: Binary = collection["info"]["uuid"]
    return uuid


def _list_collection(database: Database[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `listCollections` says of the collection; an empty list if it does not exist."""
    answer = database.command("listCollections", filter={"name": NAME})
    found: list[dict[str, Any]] = answer["cursor"]["firstBatch"]
    return found


def require_supported(hello: Mapping[str, Any]) -> None:
    """Checks a server's answer to the command `hello`.

    Raises `Misconfigured` for a server that cannot keep the guarantees, and `Unavailable` for one
    that has not joined its replica set yet.
    """
    if hello.get("isreplicaset"):
        raise Unavailable
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise Misconfigured("GRAPHQL_API_MONGODB_URI must name a replica set or a mongos.")
    if hello["maxWireVersion"] < _OLDEST_WIRE_VERSION:
        raise Misconfigured("GRAPHQL_API_MONGODB_URI must name MongoDB 6.0 or newer.")


def list_indexes() -> dict[str, Any]:
    """The command whose answer `has_indexes` takes."""
    return {"listIndexes": NAME, "includeBuildUUIDs": True}


def has_indexes(listed: Mapping[str, Any], required: tuple[IndexModel, ...]) -> bool:
    """Whether a collection with this list of indexes has these, so that it contains no duplicate.

    `listed` is the answer to `list_indexes`, decoded with the options `RAW`.
    """
    return _has_indexes(listed["cursor"].raw, required)


# Answers hardly ever differ.
@lru_cache(maxsize=16)
def _has_indexes(cursor: bytes, required: tuple[IndexModel, ...]) -> bool:
    found = decode(cursor)["firstBatch"]
    # While an index is being built, it has another form.
    return all(
        any(expected.document.items() <= index.items() for index in found) for expected in required
    )

"""Customers in a MongoDB collection: the only module that speaks to the driver about them."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar
from uuid import UUID

import pymongo
from bson import CodecOptions
from bson.binary import UuidRepresentation
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo.errors import (
    ConnectionFailure,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from ..customers.fields import Customer
from ..customers.store import EmailTaken, Kept, Unavailable
from .documents import EMAIL_KEY, IDEMPOTENCY_KEY, INDEXES, from_document, to_document, validator

DEFAULT_DATABASE = "graphql_api"

_Result = TypeVar("_Result")

_NAMESPACE_EXISTS = 48

# One operation, with all that it sends and every retry of the driver, ends within this time. A
# request has at most one, and is to be answered within 5 seconds.
_OPERATION_SECONDS = 3.5
# Work that waits for one of the driver's threads does not know its deadline until it has one.
_QUEUE_SECONDS = 0.5
_GOODBYE_SECONDS = 1.0


class Unusable(Unavailable):
    """The database answers, but customers cannot be kept there; the message says why."""


class MongoCustomers:
    """The `customers` collection of the database that the URI's path names, else `graphql_api`.

    The collection, its indexes and its validator are ensured before the first operation.
    """

    def __init__(self, uri: str) -> None:
        """Connects lazily; raises `pymongo.errors.PyMongoError` where the URI is none."""
        self._client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
            uri,
            appname="graphql-api",
            retryWrites=True,
            retryReads=True,
            timeoutMS=int(_OPERATION_SECONDS * 1000),
            connectTimeoutMS=2000,
            heartbeatFrequencyMS=1000,
        )
        self._database = self._client.get_default_database(DEFAULT_DATABASE)
        # Whatever the URI says, and read from a primary that knows what a majority has.
        self._collection: AsyncIOMotorCollection[dict[str, Any]] = self._database.get_collection(
            "customers",
            codec_options=CodecOptions(
                tz_aware=True, uuid_representation=UuidRepresentation.STANDARD
            ),
            write_concern=WriteConcern("majority", j=True),
            read_concern=ReadConcern("majority"),
            read_preference=pymongo.ReadPreference.PRIMARY,
        )
        self._ensured = False
        self._ensuring = asyncio.Lock()

    def neighbour(self, name: str) -> AsyncIOMotorCollection[dict[str, Any]]:
        """Another collection of the same database, read and written with the same care."""
        customers = self._collection
        return self._database.get_collection(
            name,
            customers.codec_options,
            customers.read_preference,
            customers.write_concern,
            customers.read_concern,
        )

    def close(self) -> None:
        # The driver says goodbye to its servers, and would look 30 seconds for one that is away.
        with pymongo.timeout(_GOODBYE_SECONDS):
            self._client.close()

    async def ready(self) -> None:
        """Raises `Unavailable` unless a primary answers, and `Unusable` where that cannot help."""
        await in_time(self._ready())

    async def _ready(self) -> None:
        await self._ensure()
        await self._client.admin.command("ping")

    async def _ensure(self) -> None:
        """Creates the collection, its validator and its indexes, where they are not as they should.

        Several servers may do so at once, and on a collection that has customers.
        """
        if self._ensured:
            return
        async with self._ensuring:
            if self._ensured:
                return
            try:
                await self._create()
            except DuplicateKeyError:
                raise Unusable(
                    "The collection `customers` has customers that share an e-mail address or an "
                    "idempotency key; remove all but one of each."
                ) from None
            except OperationFailure as error:
                # The driver's own text may show a customer's values.
                reason = (error.details or {}).get("codeName", "no reason given")
                raise Unusable(f"MongoDB refuses to set up `customers`: {reason}.") from None
            self._ensured = True

    async def _create(self) -> None:
        hello = await self._client.admin.command("hello")
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise Unusable("GRAPHQL_API_MONGODB_URI must name a replica set or a mongos.")
        try:
            await self._database.command("create", "customers", validator=validator())
        except OperationFailure as error:
            if error.code != _NAMESPACE_EXISTS:
                raise
            await self._database.command("collMod", "customers", validator=validator())
        await self._collection.create_indexes(INDEXES)

    async def add(self, new: Kept) -> Kept:
        """As `Customers.add`: one atomic write decides; its unique indexes refuse the second."""
        return await in_time(self._add(new))

    async def _add(self, new: Kept) -> Kept:
        await self._ensure()
        try:
            await self._collection.insert_one(to_document(new))
        except DuplicateKeyError as refusal:
            # A second request with a key breaks both indexes, and any of them may refuse.
            kept = await self._created_with(new.attempt.key) if new.attempt else None
            if kept is not None:
                return kept
            # Else the first one with this key was rolled back after it refused this one.
            raise (EmailTaken if _refused_by(refusal, EMAIL_KEY) else Unavailable) from None
        return new

    async def get(self, id_: str) -> Customer | None:
        try:
            uuid = UUID(id_)
        except ValueError:
            return None
        document = await in_time(self._collection.find_one({"_id": uuid}))
        return None if document is None else from_document(document).customer

    async def created_with(self, key: str) -> Kept | None:
        return await in_time(self._created_with(key))

    async def _created_with(self, key: str) -> Kept | None:
        # A majority read may not show yet what refused a write just now; a linearizable one waits
        # until a majority has it, so that nothing is answered that could still be lost.
        collection = self._collection.with_options(read_concern=ReadConcern("linearizable"))
        document = await collection.find_one({IDEMPOTENCY_KEY: key})
        return None if document is None else from_document(document)


def _refused_by(error: DuplicateKeyError, index: str) -> bool:
    details: Mapping[str, Any] = error.details or {}
    return index in details.get("keyPattern", {})


async def in_time(work: Awaitable[_Result], seconds: float = _OPERATION_SECONDS) -> _Result:
    """What comes of the work, bounded; every failure to reach the database is `Unavailable`.

    The cause is dropped: driver messages name hosts, and some carry documents.
    """
    try:
        async with asyncio.timeout(seconds + _QUEUE_SECONDS):
            with pymongo.timeout(seconds):
                return await work
    except TimeoutError:
        raise Unavailable from None
    except PyMongoError as error:
        if error.timeout or isinstance(error, ConnectionFailure):
            raise Unavailable from None
        raise

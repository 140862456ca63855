"""Customers in a MongoDB collection: how they are added and read, whatever happens meanwhile."""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID

import pymongo
import structlog
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorCollection

from ..customers.fields import Customer
from ..customers.store import EmailTaken, Kept, OutcomeUnknown, Unavailable
from .batches import Batches
from .collection import Unusable, ensure_collection
from .connection import connect
from .deadline import OPERATION_SECONDS, available_until, seconds_from_now
from .documents import IDEMPOTENCY_KEY, Claim, claims_of, from_document, to_bson
from .find import find
from .insert import insert

logger = structlog.get_logger()

# Kept back from the insert, to look afterwards what became of it.
_LOOK_SECONDS = 1.0
_PAUSE_SECONDS = 0.1

# `/readyz` is to fail within a second.
_READY_SECONDS = 0.8
_READY_GRACE_SECONDS = 0.1

_GOODBYE_SECONDS = 1.0


class MongoCustomers:
    """The `customers` collection of one database; it is ensured before anything is kept."""

    def __init__(self, uri: str) -> None:
        """Raises as `connect` does."""
        self._database = connect(uri)
        self._collection = self._database["customers"]
        self._ensured = False
        self._unusable: str | None = None
        self._ensuring = asyncio.Lock()
        self._inserts = Batches(partial(insert, self._collection))
        self._finds = Batches(partial(find, self._collection))

    def neighbour(self, name: str) -> AsyncIOMotorCollection[dict[str, Any]]:
        """Another collection of the same database, read and written with the same care."""
        return self._database[name]

    def close(self) -> None:
        # The driver says goodbye to its servers, and would look long for one that is away.
        with pymongo.timeout(_GOODBYE_SECONDS):
            self._database.client.close()

    async def ensure(self) -> None:
        """Makes the collection what it must be; raises `Unavailable`, and `Unusable` among it."""
        await available_until(seconds_from_now(OPERATION_SECONDS), self._ensure)

    async def ready(self) -> None:
        """As `Customers.ready`, within a second."""
        moment = seconds_from_now(_READY_SECONDS)
        if not await available_until(moment, self._is_writable, grace=_READY_GRACE_SECONDS):
            raise Unavailable

    async def _is_writable(self) -> bool:
        await self._ensure()
        hello = await self._database.command("hello")
        return bool(hello["isWritablePrimary"])

    async def _ensure(self) -> None:
        if self._ensured:
            return
        async with self._ensuring:
            if self._ensured:
                return
            try:
                await ensure_collection(self._database)
            except Unusable as error:
                # Each request finds it so; the log says it once.
                if str(error) != self._unusable:
                    self._unusable = str(error)
                    logger.error(self._unusable)  # noqa: TRY400  # the message says it all
                raise
            self._ensured = True

    async def add(self, new: Kept) -> Kept:
        """As `Customers.add`: one atomic write decides; its unique indexes refuse the second."""
        end = seconds_from_now(OPERATION_SECONDS)
        # Encoded before it is in a batch: what cannot be harms nobody else.
        document = to_bson(new, self._collection.codec_options)
        if not self._ensured:
            await available_until(end - _LOOK_SECONDS, self._ensure)
        stored = await self._inserts.outcome(document, end - _LOOK_SECONDS)
        try:
            return new if stored else await self._look(new, document, end)
        except Unavailable:
            raise OutcomeUnknown from None

    async def _look(self, new: Kept, document: RawBSONDocument, end: float) -> Kept:
        """Finds out what became of an insert, until the end."""
        found = await self._find(new, end)
        if found is not None:
            return found
        # It did not arrive, or not yet; a majority does not have it yet; or what refused it is
        # rolled back. To insert it again is safe: with its `_id`, it cannot be kept twice.
        await asyncio.sleep(_PAUSE_SECONDS)
        stored = await self._inserts.outcome(document, end)
        return new if stored else await self._look(new, document, end)

    async def _find(self, new: Kept, end: float) -> Kept | None:
        """What a majority has of it: itself, or what an earlier request with its key created.

        Raises `EmailTaken` where another customer stands in its way.
        """
        documents = await self._finds.outcome(claims_of(new), end)
        claimants = [from_document(document) for document in documents]
        for kept in claimants:
            if kept.customer.id == new.customer.id or _same_key(kept, new):
                return kept
        if claimants:
            raise EmailTaken
        return None

    async def get(self, id_: str) -> Customer | None:
        try:
            uuid = UUID(id_)
        except ValueError:
            return None
        # `UUID` reads forms that were never given out.
        if str(uuid) != id_:
            return None
        kept = await self._read(("_id", uuid))
        return None if kept is None else kept.customer

    async def created_with(self, key: str) -> Kept | None:
        return await self._read((IDEMPOTENCY_KEY, key))

    async def _read(self, claim: Claim) -> Kept | None:
        found = await self._finds.outcome([claim], seconds_from_now(OPERATION_SECONDS))
        return from_document(found[0]) if found else None


def _same_key(one: Kept, other: Kept) -> bool:
    return (
        one.attempt is not None
        and other.attempt is not None
        and one.attempt.key == other.attempt.key
    )

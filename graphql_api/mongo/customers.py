"""Customers in a MongoDB collection: how they are added and read, whatever happens meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pymongo
from pymongo.read_concern import ReadConcern

from ..customers.fields import Customer
from ..customers.store import EmailTaken, Kept, OutcomeUnknown, Unavailable
from .bulkhead import Bulkhead
from .collection import ensure_collection
from .connection import THREADS, connect
from .deadline import OPERATION_SECONDS, available_until, seconds_from_now
from .documents import IDEMPOTENCY_KEY, from_document, to_document
from .insert import Outcome, insert

# Kept back from the insert, to look afterwards what became of it.
_LOOK_SECONDS = 1.2

# `/readyz` is to fail within a second.
_READY_SECONDS = 0.6

_GOODBYE_SECONDS = 1.0


class MongoCustomers:
    """The `customers` collection of one database; it is ensured before anything is kept."""

    def __init__(self, uri: str) -> None:
        """Raises as `connect` does."""
        self._database = connect(uri)
        self._collection = self._database["customers"]
        self._ensured = False
        self._ensuring = asyncio.Lock()
        # More at once would wait for a thread. A healthy database is done with a thousand in about
        # a second; who would have to wait longer is better told so.
        self._bulkhead = Bulkhead(at_once=THREADS, waiting=1000, seconds=1.0)

    def close(self) -> None:
        # The driver says goodbye to its servers, and would look long for one that is away.
        with pymongo.timeout(_GOODBYE_SECONDS):
            self._database.client.close()

    async def ensure(self) -> None:
        """Makes the collection what it must be; raises `Unavailable`, and `Unusable` among it."""
        async with available_until(seconds_from_now(OPERATION_SECONDS)):
            await self._ensure()

    async def ready(self) -> None:
        """As `Customers.ready`, within a second."""
        async with available_until(seconds_from_now(_READY_SECONDS)):
            await self._ensure()
            hello = await self._database.command("hello")
        if not hello["isWritablePrimary"]:
            raise Unavailable

    async def _ensure(self) -> None:
        async with self._ensuring:
            if not self._ensured:
                await ensure_collection(self._database)
                self._ensured = True

    async def add(self, new: Kept) -> Kept:
        """As `Customers.add`: one atomic write decides; its unique indexes refuse the second."""
        end = seconds_from_now(OPERATION_SECONDS)
        async with self._bulkhead.place():
            async with available_until(end - _LOOK_SECONDS):
                await self._ensure()
            return await self._insert(new, end)

    async def _insert(self, new: Kept, end: float) -> Kept:
        document = to_document(new)
        sent = False
        for moment in (end - _LOOK_SECONDS, end):
            outcome = await insert(self._collection, document, moment)
            if outcome is Outcome.STORED:
                return new
            if outcome is Outcome.NOT_SENT and not sent:
                raise Unavailable
            sent = True
            try:
                async with available_until(end):
                    kept = await self._latest(_identity(new))
            except Unavailable:
                raise OutcomeUnknown from None
            if kept is not None:
                return kept
            if outcome is Outcome.EMAIL_REFUSED:
                raise EmailTaken
            # What refused it was rolled back, or it did not arrive, or not yet: it is inserted
            # once more, which cannot keep it twice, as it has its `_id`.
        raise OutcomeUnknown

    async def get(self, id_: str) -> Customer | None:
        try:
            uuid = UUID(id_)
        except ValueError:
            return None
        async with self._reading():
            document = await self._collection.find_one({"_id": uuid})
        return None if document is None else from_document(document).customer

    async def created_with(self, key: str) -> Kept | None:
        async with self._reading():
            return await self._latest({IDEMPOTENCY_KEY: key})

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[None]:
        end = seconds_from_now(OPERATION_SECONDS)
        async with self._bulkhead.place(), available_until(end):
            yield

    async def _latest(self, identity: Mapping[str, Any]) -> Kept | None:
        # A majority read may not show yet what refused a write just now; a linearizable one waits
        # until a majority has it, so that nothing is answered that could still be lost.
        collection = self._collection.with_options(read_concern=ReadConcern("linearizable"))
        document = await collection.find_one(identity)
        return None if document is None else from_document(document)


def _identity(new: Kept) -> dict[str, Any]:
    """What finds this customer, or the one that an earlier request with its key created."""
    if new.attempt is None:
        return {"_id": new.customer.id}
    return {IDEMPOTENCY_KEY: new.attempt.key}

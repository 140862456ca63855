"""Customers in a MongoDB collection: how they are added and read, whatever happens meanwhile."""

import asyncio
import contextvars
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pymongo
import structlog
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import PyMongoError

from ..customers.fields import Customer
from ..customers.store import EmailTaken, Kept
from ..deadline import LOOK_SECONDS, REQUEST_SECONDS, within
from ..faults import OutcomeUnknown, Unavailable
from ..logs import stack_frames
from .batches import Batches
from .collection import NAME, has_indexes
from .connection import connect, in_one_thread
from .customer_documents import IDEMPOTENCY_KEY, Claim, claims_of, from_document, to_bson
from .deadline import available_until
from .find import find
from .insert import Outcome, insert
from .set_up import SetUp

logger = structlog.get_logger()

_PAUSE_SECONDS = 0.1

# `/readyz` is to fail within a second.
_READY_SECONDS = 0.8
_READY_GRACE_SECONDS = 0.1

# So long does a write prove that writes are possible, and no sooner is another one tried for it.
_PROOF_SECONDS = 1.0

_GOODBYE_SECONDS = 1.0


class MongoCustomers:
    """The `customers` collection of one database; it is set up before anything is kept."""

    def __init__(self, uri: str) -> None:
        """Raises as `connect` does."""
        self._database = connect(uri)
        self._collection = self._database[NAME]
        self._set_up = SetUp(self._database)
        self._inserts = Batches(self._insert)
        self._finds = Batches(partial(find, self._collection))
        self._readiness = self.neighbour("readiness")
        self._written_at = self._tried_at = -_PROOF_SECONDS
        self._trying: asyncio.Task[None] | None = None

    def neighbour(self, name: str) -> AsyncIOMotorCollection[dict[str, Any]]:
        """Another collection of the same database, read and written with the same care."""
        return self._database[name]

    def close(self) -> None:
        self._set_up.close()
        # The driver says goodbye to its servers, and would look long for one that is away.
        with pymongo.timeout(_GOODBYE_SECONDS):
            self._database.client.close()

    async def ensure(self) -> None:
        """Makes the collection what it must be; raises `Unavailable`, and `Unusable` among it.

        What takes longer than a request may goes on in the background.
        """
        await self._set_up.identity(within(REQUEST_SECONDS), REQUEST_SECONDS)

    async def ready(self) -> None:
        """As `Customers.ready`, within a second."""
        moment = within(_READY_SECONDS)
        await self._set_up.identity(moment)
        now = time.monotonic()
        if now < self._written_at + _PROOF_SECONDS:
            return
        if self._trying is None or (self._trying.done() and now >= self._tried_at + _PROOF_SECONDS):
            self._tried_at = now
            self._trying = asyncio.get_running_loop().create_task(
                self._try_to_write(moment), context=contextvars.Context()
            )
        await asyncio.wait([self._trying], timeout=moment + _READY_GRACE_SECONDS - now)
        if self._written_at < self._tried_at:
            raise Unavailable

    async def _try_to_write(self, moment: float) -> None:
        """As a customer is stored: only that proves that one can be."""
        now = {"$set": {"at": datetime.now(UTC)}}
        write = partial(self._readiness.update_one, {"_id": "write"}, now, upsert=True)
        try:
            await available_until(moment, write, _READY_GRACE_SECONDS)
            await self._check(moment)
        except Unavailable:
            return
        except PyMongoError as error:
            logger.error("A write to `readiness` failed.", exception=stack_frames(error))  # noqa: TRY400  # no texts
            return
        self._written_at = time.monotonic()

    async def add(self, new: Kept) -> Kept:
        """As `Customers.add`: one atomic write decides; its unique indexes refuse the second."""
        end = within(REQUEST_SECONDS)
        # Encoded before it is in a batch: what cannot be harms nobody else.
        document = to_bson(new, self._collection.codec_options)
        outcome = await self._inserts.outcome(document, end - LOOK_SECONDS)
        return new if outcome is Outcome.STORED else await self._look(new, document, end, outcome)

    async def _insert(
        self, documents: list[RawBSONDocument], moment: float
    ) -> list[Outcome | Exception]:
        identity = await self._set_up.identity(moment)
        inserted = await insert(self._database, identity, documents, moment)
        if not inserted.in_place:
            self._set_up.again(identity)
        elif Outcome.STORED in inserted.outcomes:
            self._written_at = time.monotonic()
        return inserted.outcomes

    async def _look(
        self, new: Kept, document: RawBSONDocument, end: float, outcome: Outcome
    ) -> Kept:
        """Finds out what became of an insert, until the end.

        Once a try was unclear, nothing but what is found there says more than `OutcomeUnknown`.
        """
        is_unclear = False
        try:
            while outcome is not Outcome.STORED:
                is_unclear = is_unclear or outcome is Outcome.UNCLEAR
                found = await self._find(new, end)
                if found is not None:
                    # Where it was refused, the indexes were seen after that.
                    if outcome is Outcome.UNCLEAR:
                        await self._check(end)
                    return found
                # It did not arrive, or not yet; a majority does not have it yet; or what refused it
                # is rolled back. To insert it again is safe: with its `_id`, it cannot be kept
                # twice.
                await asyncio.sleep(_PAUSE_SECONDS)
                outcome = await self._inserts.outcome(document, end)
        except EmailTaken:
            raise
        except Exception as error:
            if not is_unclear:
                raise
            if not isinstance(error, Unavailable):
                logger.error("A customer cannot be looked for.", exception=stack_frames(error))  # noqa: TRY400  # no texts
            raise OutcomeUnknown from None
        return new

    async def _check(self, moment: float) -> None:
        """Returns where the collection has its indexes, so that what it has is there once.

        Raises `Unavailable`, and `pymongo.errors.PyMongoError` as `available_until`.
        """
        identity = await self._set_up.identity(moment)
        if not await available_until(moment, partial(in_one_thread, self._database, has_indexes)):
            self._set_up.again(identity)
            raise Unavailable

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
        # Without its index, every customer would be read.
        await self._set_up.identity(within(REQUEST_SECONDS))
        return await self._read((IDEMPOTENCY_KEY, key))

    async def _read(self, claim: Claim) -> Kept | None:
        found = await self._finds.outcome([claim], within(REQUEST_SECONDS))
        return from_document(found[0]) if found else None


def _same_key(one: Kept, other: Kept) -> bool:
    return (
        one.attempt is not None
        and other.attempt is not None
        and one.attempt.key == other.attempt.key
    )

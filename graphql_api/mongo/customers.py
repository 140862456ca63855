"""Customers in a MongoDB collection: how they are added and read, whatever happens meanwhile."""

import asyncio
from functools import partial
from uuid import UUID

import structlog
from bson.raw_bson import RawBSONDocument

from ..customers.fields import Customer
from ..customers.store import EmailTaken, Kept
from ..deadline import LOOK_SECONDS, REQUEST_SECONDS, within
from ..faults import OutcomeUnknown, Unavailable
from ..logs import places
from .batches import Batches
from .customer_documents import IDEMPOTENCY_KEY, Claim, claims_of, from_document, to_bson
from .customers_collection import NAME
from .database import MongoDatabase
from .find import find
from .insert import Outcome, insert

logger = structlog.get_logger()

_PAUSE_SECONDS = 0.1


class MongoCustomers:
    """The `customers` collection of one database; it is set up before anything is kept."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._set_up = database.customers_set_up
        self._collection = database.collection(NAME)
        self._inserts = Batches(self._insert)
        self._finds = Batches(partial(find, self._collection))

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
        inserted = await insert(self._database.motor, identity, documents, moment)
        if not inserted.in_place:
            self._set_up.again(identity)
        elif Outcome.STORED in inserted.outcomes:
            self._database.record_write()
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
                        await self._set_up.require_indexes(end)
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
                logger.error("A customer cannot be looked for.", exception=places(error))  # noqa: TRY400  # no texts
            raise OutcomeUnknown from None
        return new

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

"""Customers in a MongoDB collection: how they are added and read while anything may fail."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import structlog
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import OperationFailure

from ..customers.fields import Customer
from ..customers.identity import email_key_of
from ..customers.listings import Listing, Page, PageRequest
from ..customers.store import EmailTaken, StoredCustomer
from ..deadline import PAUSE_SECONDS, REQUEST_SECONDS, RESOLVE_SECONDS, deadline_in
from ..faults import OutcomeUnknown, Unavailable
from ..logs import stack_frames
from .batches import Batches
from .connection import in_motor_thread
from .customer_documents import (
    EMAIL_KEY,
    IDEMPOTENCY_KEY,
    UniqueValue,
    from_document,
    to_bson,
    unique_values,
)
from .customers_collection import NAME
from .database import MongoDatabase
from .deadline import within_deadline
from .find import find
from .insert import Outcome, insert
from .pages import count, read_page

logger = structlog.get_logger()

_Result = TypeVar("_Result")

_BAD_VALUE = 2


class MongoCustomers:
    """The repository of customers, a `customers.store.Customers`: the collection `customers`.

    Requests that arrive together share inserts and reads.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._set_up = database.customers_set_up
        self._collection = database.collection(NAME)
        self._inserts = Batches(self._insert)
        self._finds = Batches(partial(find, self._collection))

    async def add(self, new: StoredCustomer) -> StoredCustomer:
        """Stores a new customer, or finds the one that its idempotency key created before.

        One atomic insert decides: the unique indexes refuse a duplicate. Raises `EmailTaken`,
        `Unavailable`, `OutcomeUnknown`, what `bson.encode` raises, and
        `pymongo.errors.PyMongoError` if MongoDB refuses the customer for a reason of its own.
        """
        deadline = deadline_in(REQUEST_SECONDS)
        # Encoded before it joins a batch, so that a failure concerns no other customer.
        document = to_bson(new, self._collection.codec_options)
        outcome = await self._inserts.outcome(document, deadline - RESOLVE_SECONDS)
        if outcome is Outcome.STORED:
            return new
        return await self._resolve(new, document, deadline, outcome)

    async def _insert(
        self, documents: list[RawBSONDocument], deadline: float
    ) -> list[Outcome | Exception]:
        """The outcomes of a batch of documents, in their order."""
        uuid = await self._set_up.collection_uuid(deadline)
        inserted = await insert(self._database.motor, uuid, documents, deadline)
        if not inserted.is_set_up:
            self._set_up.invalidate(uuid)
        elif Outcome.STORED in inserted.outcomes:
            self._database.record_write()
        return inserted.outcomes

    async def _resolve(
        self, new: StoredCustomer, document: RawBSONDocument, deadline: float, outcome: Outcome
    ) -> StoredCustomer:
        """Finds out what became of a customer whose insert was refused or unclear.

        Reads what is stored, and sends the customer again, until the deadline. After an unclear
        outcome, only what it finds is proof: without it, every error becomes `OutcomeUnknown`.
        Raises what `add` raises.
        """
        is_unclear = False
        try:
            while outcome is not Outcome.STORED:
                is_unclear = is_unclear or outcome is Outcome.UNCLEAR
                found = await self._find(new, deadline)
                if found is not None:
                    # After a refusal, `insert` has already checked the indexes.
                    if outcome is Outcome.UNCLEAR:
                        await self._set_up.require_indexes(deadline)
                    return found
                # The insert did not arrive, or not yet; a majority does not have it yet; or the
                # customer that it duplicates was rolled back. A second insert is safe: it has the
                # same `_id`, so the customer cannot be stored twice.
                await asyncio.sleep(PAUSE_SECONDS)
                outcome = await self._inserts.outcome(document, deadline)
        except EmailTaken:
            raise
        except Exception as error:
            if not is_unclear:
                raise
            if not isinstance(error, Unavailable):
                logger.error(  # noqa: TRY400  # the error's own text may show values
                    "MongoDB does not say whether a customer is stored.",
                    exception=stack_frames(error),
                )
            raise OutcomeUnknown from None
        return new

    async def _find(self, new: StoredCustomer, deadline: float) -> StoredCustomer | None:
        """The customer as a majority has it, or the one that its idempotency key created before.

        None if no customer has one of its unique values. Raises `EmailTaken` if another customer
        has its email address.
        """
        documents = await self._finds.outcome(unique_values(new), deadline)
        found = [from_document(document) for document in documents]
        for stored in found:
            if stored.customer.id == new.customer.id or _same_key(stored, new):
                return stored
        if found:
            raise EmailTaken
        return None

    async def get(self, id_: str) -> Customer | None:
        """The customer with this id, or None. Raises `Unavailable`, and what `find` raises."""
        try:
            uuid = UUID(id_)
        except ValueError:
            return None
        # `UUID` also reads forms in which no id is given out.
        if str(uuid) != id_:
            return None
        stored = await self._read(("_id", uuid))
        return None if stored is None else stored.customer

    async def by_email(self, email: str) -> Customer | None:
        """The customer with this email address, or None. Raises what `get` raises."""
        key = email_key_of(email)
        stored = None if key is None else await self._read_by_index((EMAIL_KEY, key))
        return None if stored is None else stored.customer

    async def page(self, request: PageRequest) -> Page:
        """One page of a list, as a majority has it.

        Raises `Unavailable`, also if the page cannot be found by the deadline, and
        `pymongo.errors.PyMongoError` where a second try would fail as well.
        """
        return await self._list(partial(read_page, request=request))

    async def count(self, listing: Listing, limit: int) -> int:
        """The number of customers of a list, or the limit if it has more.

        Raises what `page` raises.
        """
        return await self._list(partial(count, listing=listing, limit=limit))

    async def _list(self, work: Callable[[Database[dict[str, Any]]], _Result]) -> _Result:
        """Does work that needs the indexes of lists."""
        deadline = deadline_in(REQUEST_SECONDS)
        uuid = await self._set_up.collection_uuid(deadline)
        try:
            return await within_deadline(
                deadline, partial(in_motor_thread, self._database.motor, work)
            )
        except OperationFailure as error:
            if error.code != _BAD_VALUE:
                raise
            # Each query names its index. MongoDB refuses one that names a missing index.
            self._set_up.invalidate(uuid)
            raise Unavailable from None

    async def created_with(self, key: str) -> StoredCustomer | None:
        """The customer that this idempotency key created, or None. Raises what `get` raises."""
        return await self._read_by_index((IDEMPOTENCY_KEY, key))

    async def _read_by_index(self, value: UniqueValue) -> StoredCustomer | None:
        # Without its index, MongoDB would read every customer.
        await self._set_up.collection_uuid(deadline_in(REQUEST_SECONDS))
        return await self._read(value)

    async def _read(self, value: UniqueValue) -> StoredCustomer | None:
        found = await self._finds.outcome([value], deadline_in(REQUEST_SECONDS))
        return from_document(found[0]) if found else None


def _same_key(one: StoredCustomer, other: StoredCustomer) -> bool:
    return (
        one.attempt is not None
        and other.attempt is not None
        and one.attempt.key == other.attempt.key
    )

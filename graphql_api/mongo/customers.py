"""Customers in a MongoDB collection: added, read and changed while anything may fail."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import structlog
from bson import Binary
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import OperationFailure

from ..customers.fields import Customer
from ..customers.identity import email_key_of
from ..customers.listings import Listing, Page, PageRequest
from ..customers.store import CustomerRemoved, EmailTaken, StoredCustomer
from ..deadline import (
    LEAST_SECONDS,
    PAUSE_SECONDS,
    REQUEST_SECONDS,
    RESOLVE_SECONDS,
    deadline_in,
)
from ..faults import ChangeUnknown, OutcomeUnknown, Unavailable
from ..logs import stack_frames
from .batches import Batches
from .connection import THREADS, in_motor_thread
from .customer_changes import Change, removal, replacement
from .customer_documents import (
    EMAIL_KEY,
    IDEMPOTENCY_KEY,
    UniqueValue,
    from_document,
    is_removed,
    to_bson,
    unique_values,
)
from .customers_collection import NAME
from .database import MongoDatabase
from .deadline import within_deadline
from .find import find
from .pages import count, read_page
from .write import Outcome, Written, change, insert

logger = structlog.get_logger()

_Found = TypeVar("_Found")

# Each change takes one of Motor's threads, and creations and reads need some of them.
_MAX_CHANGES_IN_FLIGHT = THREADS // 2

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
        self._changes = asyncio.Semaphore(_MAX_CHANGES_IN_FLIGHT)

    async def add(self, new: StoredCustomer) -> StoredCustomer:
        """Stores a new customer, or finds the one that its idempotency key created before.

        One atomic insert decides: the unique indexes refuse a duplicate. Raises `EmailTaken`,
        `CustomerRemoved`, `Unavailable`, `OutcomeUnknown`, what `bson.encode` raises, and
        `pymongo.errors.PyMongoError` if MongoDB refuses the customer for a reason of its own.
        """
        deadline = deadline_in(REQUEST_SECONDS)
        # Encoded before it joins a batch, so that a failure concerns no other customer.
        document = to_bson(new, self._collection.codec_options)
        outcome = await self._inserts.outcome(document, deadline - RESOLVE_SECONDS)
        if outcome is Outcome.STORED:
            return new
        found = await self._resolve(
            outcome,
            partial(self._inserts.outcome, document, deadline),
            partial(self._find_added, new, deadline),
            OutcomeUnknown,
        )
        return new if found is None else found

    async def replace(self, old: StoredCustomer, new: StoredCustomer) -> bool:
        """Stores the next version of a customer if its version is still that of `old`.

        One atomic update decides: it finds that version only, and the unique index refuses a
        duplicate. Raises `EmailTaken`, `Unavailable`, `ChangeUnknown`, and
        `pymongo.errors.PyMongoError` if MongoDB refuses the change for a reason of its own.
        """
        return await self._make(replacement(old, new))

    async def remove(self, old: StoredCustomer) -> bool:
        """Removes a customer if its version is still that of `old`, as `replace` changes it."""
        return await self._make(removal(old))

    async def _make(self, wanted: Change) -> bool:
        """Makes the change; False if another change of the same version was first."""
        deadline = deadline_in(REQUEST_SECONDS)
        outcome = await self._change(wanted, deadline - RESOLVE_SECONDS)
        if outcome is Outcome.STORED:
            return True
        is_made = await self._resolve(
            outcome,
            partial(self._change, wanted, deadline),
            partial(self._find_made, wanted, deadline),
            ChangeUnknown,
        )
        return is_made is not False

    async def _change(self, wanted: Change, deadline: float) -> Outcome:
        """Sends the change once. Raises `Unavailable` if it was not sent."""
        seconds = deadline - time.monotonic() - LEAST_SECONDS
        if seconds < 0:
            raise Unavailable
        try:
            async with asyncio.timeout(seconds):
                await self._changes.acquire()
        except TimeoutError:
            raise Unavailable from None
        try:
            uuid = await self._set_up.collection_uuid(deadline)
            written = await change(self._database.motor, uuid, wanted, deadline)
        finally:
            self._changes.release()
        self._note(uuid, written)
        [outcome] = written.outcomes
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _insert(
        self, documents: list[RawBSONDocument], deadline: float
    ) -> list[Outcome | Exception]:
        """The outcomes of a batch of documents, in their order."""
        uuid = await self._set_up.collection_uuid(deadline)
        written = await insert(self._database.motor, uuid, documents, deadline)
        self._note(uuid, written)
        return written.outcomes

    def _note(self, uuid: Binary, written: Written) -> None:
        """Notes what a write to the collection with this UUID says of the database."""
        if not written.is_set_up:
            self._set_up.invalidate(uuid)
        elif Outcome.STORED in written.outcomes:
            self._database.record_write()

    async def _resolve(
        self,
        outcome: Outcome,
        send: Callable[[], Awaitable[Outcome]],
        find: Callable[[Outcome], Awaitable[_Found | None]],
        unknown: type[Exception],
    ) -> _Found | None:
        """Finds out what became of a write that was refused or unclear.

        Reads what is stored with `find`, which takes the worst outcome so far, and sends the write
        again with `send`, until their deadline. Returns what was found; None if the write
        succeeded. After an unclear outcome, only what it finds is proof: without it, every error
        becomes `unknown`. Otherwise raises what `send` and `find` raise.
        """
        worst = outcome
        try:
            while outcome is not Outcome.STORED:
                worst = outcome if worst is Outcome.REFUSED else worst
                found = await find(worst)
                if found is not None:
                    return found
                # The write did not arrive, or not yet; a majority does not have it yet; or the
                # customer that it duplicates was rolled back. A second try is safe: an insert has
                # the same `_id`, and a change finds the same version, so it cannot succeed twice.
                await asyncio.sleep(PAUSE_SECONDS)
                outcome = await send()
        except (EmailTaken, CustomerRemoved):
            raise
        except Exception as error:
            if worst is not Outcome.UNCLEAR:
                raise
            if not isinstance(error, Unavailable | unknown):
                logger.error(  # noqa: TRY400  # the error's own text may show values
                    "MongoDB does not say whether it executed a write.",
                    exception=stack_frames(error),
                )
            raise unknown from None
        return None

    async def _find_added(
        self, new: StoredCustomer, deadline: float, worst: Outcome
    ) -> StoredCustomer | None:
        """The customer as a majority has it, or the one that its idempotency key created before.

        None if no customer has one of its unique values. Raises `EmailTaken` if another customer
        has its email address, and `CustomerRemoved`.
        """
        documents = await self._finds.outcome(unique_values(new), deadline)
        found = _added(documents, new)
        if found is None and documents:
            raise EmailTaken
        if found is not None and worst is Outcome.UNCLEAR:
            await self._set_up.require_indexes(deadline)
        return found

    async def _find_made(self, wanted: Change, deadline: float, worst: Outcome) -> bool | None:
        """Whether the change is made, as far as a majority has it; None if it still can be."""
        documents = await self._finds.outcome(wanted.unique_values, deadline)
        is_made = wanted.is_made(documents, is_unclear=worst is Outcome.UNCLEAR)
        if is_made and wanted.new_email_key is not None:
            await self._set_up.require_indexes(deadline)
        return is_made

    async def get(self, id_: str) -> Customer | None:
        """The customer with this id, or None. Raises `Unavailable`, and what `find` raises."""
        stored = await self.find(id_)
        return None if stored is None else stored.customer

    async def find(self, id_: str) -> StoredCustomer | None:
        """The same as `get`, with all that a change of the customer needs to know."""
        try:
            uuid = UUID(id_)
        except ValueError:
            return None
        # `UUID` also reads forms in which no id is given out.
        if str(uuid) != id_:
            return None
        found = await self._finds.outcome([("_id", uuid)], deadline_in(REQUEST_SECONDS))
        return from_document(found[0]) if found and not is_removed(found[0]) else None

    async def by_email(self, email: str) -> Customer | None:
        """The customer with this email address, or None. Raises what `get` raises."""
        key = email_key_of(email)
        found = [] if key is None else await self._read_by_index((EMAIL_KEY, key))
        return from_document(found[0]).customer if found else None

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

    async def _list(self, work: Callable[[Database[dict[str, Any]]], _Found]) -> _Found:
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

    async def created_with(self, key: str) -> bool:
        """Whether a customer was created with this idempotency key, and not removed long ago.

        Raises what `get` raises.
        """
        return bool(await self._read_by_index((IDEMPOTENCY_KEY, key)))

    async def _read_by_index(self, value: UniqueValue) -> list[dict[str, Any]]:
        # Without its index, MongoDB would read every customer.
        await self._set_up.collection_uuid(deadline_in(REQUEST_SECONDS))
        return await self._finds.outcome([value], deadline_in(REQUEST_SECONDS))


def _added(documents: list[dict[str, Any]], new: StoredCustomer) -> StoredCustomer | None:
    """The new customer, or the one that its idempotency key created, if one of them is stored.

    Raises `CustomerRemoved` if the latter was removed.
    """
    for document in documents:
        is_new = document["_id"] == new.customer.id
        if is_new and is_removed(document):
            # It was stored, and another request has removed it already.
            return new
        if is_new or (new.attempt is not None and _key_of(document) == new.attempt.key):
            if is_removed(document):
                raise CustomerRemoved
            return from_document(document)
    return None


def _key_of(document: dict[str, Any]) -> object:
    return document.get("idempotency", {}).get("key")

"""Customers in a MongoDB collection: added, read and changed while anything may fail."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from bson import Binary
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, WriteError

from ..customers.fields import Customer
from ..customers.identity import email_key_of
from ..customers.listings import Listing, Page, PageRequest
from ..customers.store import (
    AddOutcome,
    CustomerInvalid,
    CustomerRemoved,
    EmailTaken,
    StoredCustomer,
)
from ..deadline import (
    LEAST_SECONDS,
    REQUEST_SECONDS,
    RESOLVE_SECONDS,
    deadline_in,
)
from ..faults import ChangeUnknown, ListUnknown, OutcomeUnknown, Unavailable
from .additions import WholeList, find_in
from .batches import Batches
from .customer_changes import Change, removal, replacement
from .customer_documents import (
    EMAIL_KEY,
    IDEMPOTENCY_KEY,
    UniqueValue,
    customer_in,
    to_bson,
    unique_values,
)
from .customers_collection import NAME
from .database import MongoDatabase
from .deadline import within_deadline
from .driver import COMMANDS_AT_ONCE
from .find import find, find_each
from .pages import Frequent, count, read_page
from .resolve import resolve
from .write import Outcome, Written, change, insert, insert_all

_Found = TypeVar("_Found")

# Each change and each list takes one of the driver's threads or connections. Creations and reads
# need some of them.
_MAX_CHANGES_IN_FLIGHT = COMMANDS_AT_ONCE // 2
_MAX_LISTS_IN_FLIGHT = COMMANDS_AT_ONCE // 3

# While customers are created, each list waits this long before it is read. Otherwise, a few clients
# that read lists again and again take much of the processors' time, and creations wait up to five
# times as long.
_PAUSE_SECONDS = 0.02

# Lists of customers are added in parts. At most two parts wait for the database at once, so that
# other creations need not wait long.
_PART_SIZE = 100
_MAX_PARTS_IN_FLIGHT = 2

_BAD_VALUE = 2


class MongoCustomers:
    """The repository of customers, a `customers.store.Customers`: the collection `customers`.

    Requests that arrive together share inserts and reads.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._set_up = database.customers_set_up
        self._collection = database.collection(NAME)
        spans = database.batch_spans
        self._inserts = Batches(self._insert, database.measurements, name="insert", spans=spans)
        self._finds = Batches(partial(find_each, database.driver), name="find", spans=spans)
        self._changes = asyncio.Semaphore(_MAX_CHANGES_IN_FLIGHT)
        self._lists = asyncio.Semaphore(_MAX_LISTS_IN_FLIGHT)
        self._frequent = Frequent()
        self._parts = asyncio.Semaphore(_MAX_PARTS_IN_FLIGHT)

    async def add(self, new: StoredCustomer) -> StoredCustomer:
        """Stores a new customer, or finds the one that its idempotency key created before.

        One atomic insert decides: the unique indexes refuse a duplicate. Raises `EmailTaken`,
        `CustomerRemoved`, `Unavailable`, `OutcomeUnknown`, what `bson.encode` raises, and
        `pymongo.errors.PyMongoError` if MongoDB refuses the customer for a reason of its own.
        """
        if self._set_up.is_sharded and new.attempt is not None:
            [added] = await self._add_all([new], OutcomeUnknown)
            if isinstance(added, StoredCustomer):
                return added
            assert added is not None  # noqa: S101  # a single customer is stored or refused
            raise added
        deadline = deadline_in(REQUEST_SECONDS)
        # Encoded before it joins a batch, so that a failure concerns no other customer.
        document = to_bson(new, self._collection.codec_options)
        outcome = await self._inserts.outcome(document, deadline - RESOLVE_SECONDS)
        if outcome is Outcome.STORED:
            return new
        found = await resolve(
            outcome,
            partial(self._inserts.outcome, document, deadline),
            partial(self._find_added, new, deadline),
            OutcomeUnknown,
        )
        return new if found is None else found

    async def add_each(self, new: Sequence[StoredCustomer]) -> list[AddOutcome]:
        """Does the same as `add` for each customer.

        Raises `Unavailable` if no customer was stored, otherwise `ListUnknown`, and the other
        errors of `add`.
        """
        deadline = deadline_in(REQUEST_SECONDS)
        outcomes: list[AddOutcome] = []
        for start in range(0, len(new), _PART_SIZE):
            part = new[start : start + _PART_SIZE]
            results: list[StoredCustomer | BaseException]
            try:
                async with _turn(self._parts, deadline):
                    results = await asyncio.gather(*map(self.add, part), return_exceptions=True)
            except Unavailable as error:
                results = [error]
            refused = (StoredCustomer, EmailTaken, CustomerRemoved)
            outcomes += [result for result in results if isinstance(result, refused)]
            failures = [result for result in results if not isinstance(result, refused)]
            for failure in failures:
                if not isinstance(failure, Unavailable | OutcomeUnknown):
                    raise failure
            if failures:
                ids = {one.customer.id for one in outcomes if isinstance(one, StoredCustomer)}
                is_stored = any(one.customer.id in ids for one in new)
                if is_stored or any(isinstance(one, OutcomeUnknown) for one in failures):
                    raise ListUnknown
                raise Unavailable
        return outcomes

    async def add_all(self, new: Sequence[StoredCustomer]) -> Sequence[AddOutcome | None]:
        """Stores all of these customers that are not stored, or none of them, in one transaction.

        Raises `Unavailable`, `ListUnknown`, and what `add` raises if MongoDB refuses a customer.
        """
        return await self._add_all(new, ListUnknown)

    async def _add_all(
        self, new: Sequence[StoredCustomer], unknown: type[Exception]
    ) -> Sequence[AddOutcome | None]:
        """Does what `add_all` does. Raises `unknown` if the outcome is unknown."""
        deadline = deadline_in(REQUEST_SECONDS)
        documents = []
        for one in new:
            documents.append(to_bson(one, self._collection.codec_options))
            # Other requests run between two customers.
            await asyncio.sleep(0)
        is_sharded = self._set_up.is_sharded
        whole = WholeList(new, documents, with_claims=is_sharded)

        def write(uuid: Binary, until: float) -> Awaitable[Written]:
            return insert_all(
                self._database.driver, uuid, whole, until, self._set_up.unique_indexes
            )

        async def find_all(worst: Outcome) -> Sequence[AddOutcome | None] | None:
            whole.note(await self._find_each(new, deadline))
            if not whole.is_settled:
                return None
            if worst is Outcome.UNCLEAR:
                await self._set_up.require_indexes(deadline)
            return whole.outcomes

        if not new:
            return []
        if is_sharded:
            # A claim does not last. The customer that a key created does.
            await self._set_up.collection_uuid(deadline)
            whole.note(await self._find_each(new, deadline))
            if whole.is_settled:
                return whole.outcomes
        outcome = await self._write_in_turn(write, deadline - RESOLVE_SECONDS)
        if outcome is Outcome.STORED:
            return whole.stored()
        found = await resolve(
            outcome, partial(self._write_in_turn, write, deadline), find_all, unknown
        )
        return whole.stored() if found is None else found

    async def find_added(self, new: Sequence[StoredCustomer]) -> Sequence[AddOutcome | None]:
        """The outcomes of `add_all` for a list of which nothing is to be stored.

        Raises what `get` raises.
        """
        if not new:
            return []
        whole = WholeList(new, [])
        deadline = deadline_in(REQUEST_SECONDS)
        # Without their indexes, MongoDB would read every customer.
        await self._set_up.collection_uuid(deadline)
        whole.note(await self._find_each(new, deadline))
        return whole.outcomes

    async def _find_each(
        self, new: Sequence[StoredCustomer], deadline: float
    ) -> list[list[dict[str, Any]]]:
        """For each customer, the documents that have one of its unique values."""
        values = [unique_values(one) for one in new]
        return await self._find(values, deadline)

    async def replace(self, old: StoredCustomer, new: StoredCustomer) -> bool:
        """Stores the next version of a customer if its version is still that of `old`.

        One atomic update decides: it finds that version only, and the unique index refuses a
        duplicate. Raises `EmailTaken`, `CustomerInvalid` if MongoDB refuses the values,
        `Unavailable`, `ChangeUnknown`, and `pymongo.errors.PyMongoError` if MongoDB refuses the
        change for another reason.
        """
        try:
            return await self._make(replacement(old, new, is_sharded=self._set_up.is_sharded))
        except WriteError as error:
            raise CustomerInvalid from error

    async def remove(self, old: StoredCustomer) -> bool:
        """Removes a customer if its version is still that of `old`, as `replace` changes it.

        Raises `Unavailable` also if a server of an older version has set its own validator.
        """
        try:
            return await self._make(removal(old, is_sharded=self._set_up.is_sharded))
        except WriteError:
            # The validator of an older version refuses remains. The set-up sets the newer one.
            self._set_up.invalidate(await self._set_up.collection_uuid(deadline_in(LEAST_SECONDS)))
            raise Unavailable from None

    async def _make(self, wanted: Change) -> bool:
        """Makes the change. Returns False if another change of the same version was first."""
        deadline = deadline_in(REQUEST_SECONDS)

        def write(uuid: Binary, until: float) -> Awaitable[Written]:
            return change(self._database.driver, uuid, wanted, until, self._set_up.unique_indexes)

        outcome = await self._write_in_turn(write, deadline - RESOLVE_SECONDS)
        if outcome is Outcome.STORED:
            return True
        is_made = await resolve(
            outcome,
            partial(self._write_in_turn, write, deadline),
            partial(self._find_made, wanted, deadline),
            ChangeUnknown,
        )
        return is_made is not False

    async def _write_in_turn(
        self, write: Callable[[Binary, float], Awaitable[Written]], deadline: float
    ) -> Outcome:
        """Sends a write with one outcome once. Raises `Unavailable` if it was not sent.

        `write` takes the collection's UUID and the deadline.
        """
        async with _turn(self._changes, deadline):
            uuid = await self._set_up.collection_uuid(deadline)
            written = await write(uuid, deadline)
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
        written = await insert(
            self._database.driver, uuid, documents, deadline, self._set_up.unique_indexes
        )
        self._note(uuid, written)
        return written.outcomes

    def _note(self, uuid: Binary, written: Written) -> None:
        """Notes what a write to the collection with this UUID says of the database."""
        if not written.is_set_up:
            self._set_up.invalidate(uuid)
        elif Outcome.STORED in written.outcomes:
            self._database.record_write()

    async def _find_added(
        self, new: StoredCustomer, deadline: float, worst: Outcome
    ) -> StoredCustomer | None:
        """The customer as a majority has it, or the one that its idempotency key created before.

        None if no customer has one of its unique values. Raises `EmailTaken` if another customer
        has its email address, and `CustomerRemoved`.
        """
        documents = await self._finds.outcome(unique_values(new), deadline)
        found = find_in(documents, new)
        if found is not None and worst is Outcome.UNCLEAR:
            await self._set_up.require_indexes(deadline)
        return found

    async def _find_made(self, wanted: Change, deadline: float, worst: Outcome) -> bool | None:
        """Whether the change is made, as far as a majority has it; None if it still can be."""
        documents = await self._finds.outcome(wanted.unique_values, deadline)
        is_made = wanted.is_made(documents, is_unclear=worst is Outcome.UNCLEAR)
        if is_made and wanted.is_new_address:
            await self._set_up.require_indexes(deadline)
        return is_made

    async def get(self, id_: str) -> Customer | None:
        """The customer with this id, or None. Raises `Unavailable`, and what `find` raises."""
        stored = await self.find(id_)
        return None if stored is None else stored.customer

    async def find(self, id_: str) -> StoredCustomer | None:
        """The customer with this id, as `replace` and `remove` take it, or None."""
        try:
            uuid = UUID(id_)
        except ValueError:
            return None
        # `UUID` also reads forms in which no id is given out.
        if str(uuid) != id_:
            return None
        found = await self._finds.outcome([("_id", uuid)], deadline_in(REQUEST_SECONDS))
        return customer_in(found[0]) if found else None

    async def by_email(self, email: str) -> Customer | None:
        """The customer with this email address, or None. Raises what `get` raises."""
        key = email_key_of(email)
        found = [] if key is None else await self._read_by_index((EMAIL_KEY, key))
        stored = customer_in(found[0]) if found else None
        return None if stored is None else stored.customer

    async def page(self, request: PageRequest) -> Page:
        """One page of a list, as a majority has it.

        Raises `Unavailable`, also if the page cannot be found by the deadline, and
        `pymongo.errors.PyMongoError` where a second try would fail as well.
        """
        return await self._list(partial(read_page, request=request, frequent=self._frequent))

    async def count(self, listing: Listing, limit: int) -> int:
        """The number of customers of a list, or the limit if it has more.

        Raises what `page` raises.
        """
        counting = partial(count, listing=listing, limit=limit, frequent=self._frequent)
        return await self._list(counting)

    async def _list(
        self, work: Callable[[AsyncDatabase[dict[str, Any]]], Coroutine[Any, Any, _Found]]
    ) -> _Found:
        """Does work that needs the indexes of lists. Raises `Unavailable` if it was not started."""
        deadline = deadline_in(REQUEST_SECONDS)
        uuid = await self._set_up.collection_uuid(deadline)
        try:
            if self._inserts.are_in_flight:
                await asyncio.sleep(_PAUSE_SECONDS)
            async with _turn(self._lists, deadline):
                return await within_deadline(deadline, partial(self._database.driver.run, work))
        except OperationFailure as error:
            if error.code != _BAD_VALUE:
                raise
            # Each query names its index. MongoDB refuses one that names a missing index.
            self._set_up.invalidate(uuid)
            raise Unavailable from None

    async def used_keys(self, keys: Sequence[str]) -> set[str]:
        """Those of the idempotency keys for which `created_with` is true.

        Raises what `get` raises.
        """
        deadline = deadline_in(REQUEST_SECONDS)
        await self._set_up.collection_uuid(deadline)
        wanted: list[list[UniqueValue]] = [[(IDEMPOTENCY_KEY, key)] for key in keys]
        found = await self._find(wanted, deadline)
        return {key for key, documents in zip(keys, found, strict=True) if documents}

    async def _find(
        self, wanted: list[list[UniqueValue]], deadline: float
    ) -> list[list[dict[str, Any]]]:
        """What `find` finds for one request. It goes on if the request is cancelled."""
        finding = partial(find, self._database.driver, wanted, deadline)
        return await within_deadline(deadline, finding)

    async def created_with(self, key: str) -> bool:
        """Whether the idempotency key created a customer that was not removed over 24 hours ago.

        Raises what `get` raises.
        """
        return bool(await self._read_by_index((IDEMPOTENCY_KEY, key)))

    async def _read_by_index(self, value: UniqueValue) -> list[dict[str, Any]]:
        # Without its index, MongoDB would read every customer.
        await self._set_up.collection_uuid(deadline_in(REQUEST_SECONDS))
        return await self._finds.outcome([value], deadline_in(REQUEST_SECONDS))


@contextlib.asynccontextmanager
async def _turn(semaphore: asyncio.Semaphore, deadline: float) -> AsyncIterator[None]:
    """Waits for a turn. Raises `Unavailable` if too little time is left before the deadline."""
    seconds = deadline - time.monotonic() - LEAST_SECONDS
    if seconds < 0:
        raise Unavailable
    try:
        async with asyncio.timeout(seconds):
            await semaphore.acquire()
    except TimeoutError:
        raise Unavailable from None
    try:
        yield
    finally:
        semaphore.release()

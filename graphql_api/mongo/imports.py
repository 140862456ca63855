"""Many new customers in one insert, for an import."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from bson.raw_bson import RawBSONDocument

from ..customers.import_customers import Existing
from ..customers.store import CustomerRemoved, EmailTaken, StoredCustomer
from ..deadline import PAUSE_SECONDS, deadline_in
from ..faults import Unavailable
from .additions import find_in
from .customer_documents import from_document, to_bson, unique_values
from .customers_collection import NAME
from .database import MongoDatabase
from .find import find
from .write import Outcome, insert

# How long one step may take, and for how long steps are tried again.
_STEP_SECONDS = 30.0
_PATIENCE_SECONDS = 60.0

# This many customers are encoded before other tasks run.
_UNINTERRUPTED = 50


class MongoImports:
    """The customers' collection as a `customers.import_customers.Imports`."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._set_up = database.customers_set_up
        self._collection = database.collection(NAME)
        # If most customers of the last call were stored already, as when an import is repeated,
        # the next ones probably are. To find them takes less time than to insert them in vain.
        # In the form for sharding, no index refuses a second customer with the same key.
        self._finds_first = self._set_up.is_sharded

    async def add_new(self, new: Sequence[StoredCustomer]) -> Sequence[Existing | None]:
        """Stores each customer, unless one of its unique values is stored already.

        Repeats what fails for a minute. A repeated insert is safe, because its documents have the
        same ids. Raises `Unavailable`, and `pymongo.errors.PyMongoError` if MongoDB refuses a
        customer for a reason of its own.
        """
        give_up = time.monotonic() + _PATIENCE_SECONDS
        # What is known of each customer, by its place.
        existing: dict[int, Existing | None] = {}
        inserts = not self._finds_first
        while left := [number for number in range(len(new)) if number not in existing]:
            try:
                if inserts:
                    await self._insert(new, left, existing)
                await self._find(new, left, existing)
            except Unavailable:
                if time.monotonic() > give_up:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
            inserts = True
        stored_before = sum(one is not None for one in existing.values())
        self._finds_first = self._set_up.is_sharded or stored_before * 2 > len(new)
        return [existing[number] for number in range(len(new))]

    async def find_existing(self, new: Sequence[StoredCustomer]) -> Sequence[Existing | None]:
        """What `add_new` would return for each customer that nothing precedes. Stores nothing.

        The collection need not be set up. Raises what `add_new` raises.
        """
        values = [unique_values(one) for one in new]
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                found = await find(self._database.driver, values, deadline_in(_STEP_SECONDS))
            except Unavailable:
                if time.monotonic() > give_up:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                pairs = zip(found, new, strict=True)
                return [_existing(documents, one) for documents, one in pairs]

    async def _insert(
        self,
        new: Sequence[StoredCustomer],
        numbers: Sequence[int],
        existing: dict[int, Existing | None],
    ) -> None:
        """Inserts these customers once, and notes those that are stored."""
        documents: list[RawBSONDocument] = []
        for number in numbers:
            documents.append(to_bson(new[number], self._collection.codec_options))
            if not len(documents) % _UNINTERRUPTED:
                await asyncio.sleep(0)
        deadline = deadline_in(_STEP_SECONDS)
        uuid = await self._set_up.collection_uuid(deadline)
        written = await insert(
            self._database.driver, uuid, documents, deadline, self._set_up.unique_indexes
        )
        if not written.is_set_up:
            self._set_up.invalidate(uuid)
        for number, outcome in zip(numbers, written.outcomes, strict=True):
            if isinstance(outcome, Exception):
                raise outcome
            if outcome is Outcome.STORED:
                existing[number] = None
        if Outcome.UNCLEAR in written.outcomes:
            await self._set_up.require_indexes(deadline)

    async def _find(
        self,
        new: Sequence[StoredCustomer],
        numbers: Sequence[int],
        existing: dict[int, Existing | None],
    ) -> None:
        """Notes those of these customers about which a read tells something."""
        numbers = [number for number in numbers if number not in existing]
        if not numbers:
            return
        deadline = deadline_in(_STEP_SECONDS)
        # Without their indexes, MongoDB would read every customer.
        await self._set_up.collection_uuid(deadline)
        values = [unique_values(new[number]) for number in numbers]
        found = await find(self._database.driver, values, deadline)
        for number, documents in zip(numbers, found, strict=True):
            if documents:
                existing[number] = _existing(documents, new[number])


def _existing(documents: list[dict[str, Any]], new: StoredCustomer) -> Existing | None:
    """What was stored before a new customer, if these documents have one of its unique values.

    None if there are none, or if the customer itself is stored.
    """
    try:
        found = find_in(documents, new)
    except CustomerRemoved as removed:
        return removed
    except EmailTaken:
        return from_document(documents[0])
    return None if found is not None and found.customer.id == new.customer.id else found

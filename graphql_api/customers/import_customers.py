"""The use case: import customers in batches, each row once, however often it is imported."""

import asyncio
import json
import sqlite3
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from operator import attrgetter
from typing import Protocol

from .create_customer import fingerprint, new_customer
from .fields import FIELDS, Customer, Field
from .identity import email_key
from .judge import Value, judge
from .problems import Rejected
from .store import Attempt, CustomerRemoved, StoredCustomer
from .versions import now

# This many rows are judged before other tasks run.
_UNINTERRUPTED = 50

# After this many seconds, another millisecond has begun, even if the clock is being corrected.
_NEXT_MILLISECOND = 0.002

# A row is identified by its customer, not by its place in a file, because people correct and merge
# files. No client can send this key, because it has a line break. This many digits of a fingerprint
# make it unique, and keep the index small.
_KEY = "import\n"
_KEY_DIGITS = 32

# What was stored before a row: the customer that has its key or its email address, or what is left
# of the customer that it created.
Existing = StoredCustomer | CustomerRemoved


class Imports(Protocol):
    """A store of customers, as an import needs it."""

    async def add_new(self, new: Sequence[StoredCustomer]) -> Sequence[Existing | None]:
        """Stores each customer, unless one of its unique values is stored already.

        Returns what was stored before; None for each customer that is stored now. Of customers
        with the same email address, the first one is stored. Raises `Unavailable` if the store
        cannot be reached for a minute: then some may be stored, and the rows can be imported again.
        """


class DryRun:
    """Takes the place of `imports`, to find out what an import would do. Stores nothing there.

    `find_existing` returns what was stored before each customer.
    """

    def __init__(
        self,
        find_existing: Callable[[Sequence[StoredCustomer]], Awaitable[Sequence[Existing | None]]],
    ) -> None:
        self._find_existing = find_existing
        # What earlier rows would have stored, by the email key. It is a temporary file, because an
        # import has any number of rows.
        self._rows = sqlite3.connect("")
        self._rows.execute("CREATE TABLE row (email TEXT PRIMARY KEY, fields TEXT) WITHOUT ROWID")

    async def add_new(self, new: Sequence[StoredCustomer]) -> Sequence[Existing | None]:
        """What `Imports.add_new` would return."""
        existing = list(await self._find_existing(new))
        for number, row in enumerate(new):
            if existing[number] is None:
                existing[number] = self._earlier(row)
            if not number % _UNINTERRUPTED:
                await asyncio.sleep(0)
        return existing

    def _earlier(self, new: StoredCustomer) -> StoredCustomer | None:
        """The customer of an earlier row with the same email address. Notes this one otherwise."""
        email = email_key(new.customer.email)
        fields = json.dumps({field.name: getattr(new.customer, field.name) for field in FIELDS})
        inserted = self._rows.execute("INSERT OR IGNORE INTO row VALUES (?, ?)", (email, fields))
        if inserted.rowcount:
            return None
        [[fields]] = self._rows.execute("SELECT fields FROM row WHERE email = ?", (email,))
        earlier = replace(new.customer, **json.loads(fields))
        return StoredCustomer(earlier, Attempt(_KEY, fingerprint=""))

    def close(self) -> None:
        """Deletes the temporary file."""
        self._rows.close()


class Accepted(Enum):
    """A valid row. Its customer is stored."""

    CREATED = auto()
    ALREADY_THERE = auto()


@dataclass(frozen=True)
class Differs:
    """A customer with the row's email address exists, and has other values in these fields.

    `is_earlier_row`: an import has created it since this one began, so it is from the same file,
    except if somebody imports a second file at the same time.
    """

    fields: tuple[Field, ...]
    is_earlier_row: bool

    @property
    def message(self) -> str:
        if self.is_earlier_row:
            return "An earlier row has the same email address, with other values."
        return "A customer with this email address already exists, with other values."


@dataclass(frozen=True)
class WasDeleted:
    """An earlier import of this row created a customer, which was deleted not long ago."""

    message: str = (
        "The customer of this row was deleted in the last 24 hours. Import the row again later."
    )


Outcome = Accepted | Rejected | Differs | WasDeleted
_Row = Mapping[str, Value]


async def import_customers(
    imports: Imports, batches: AsyncIterable[Sequence[_Row]], *, in_flight_at_once: int = 2
) -> AsyncGenerator[list[Outcome], None]:
    """Judges the rows, and stores the customers of those that are valid and new.

    Each row has the form that `judge` takes. Yields the outcomes of each batch, in the order of its
    rows, while later batches are already being stored: the database works on up to
    `in_flight_at_once` batches while the next one is judged. Raises `Unavailable`: then the rows of
    all batches without outcomes can be imported again.

    Lists by the time of creation have the customers in the order of the rows.
    """
    judged_at = began = now()
    in_flight: deque[tuple[asyncio.Task[list[Outcome]], set[str]]] = deque()
    try:
        async for rows in batches:
            # `_order` orders the rows of one batch only, so no two batches share a millisecond.
            if now() == judged_at:
                await asyncio.sleep(_NEXT_MILLISECOND)
            judged = await _judged(rows)
            judged_at = now()
            emails = {email_key(r.customer.email) for r in judged if isinstance(r, StoredCustomer)}
            # Of two rows with the same email address, the first one must be stored first.
            while len(in_flight) == in_flight_at_once or not all(
                emails.isdisjoint(earlier) for _, earlier in in_flight
            ):
                yield await in_flight.popleft()[0]
            in_flight.append((asyncio.create_task(_store(imports, judged, began)), emails))
        while in_flight:
            yield await in_flight.popleft()[0]
    finally:
        given_up = [task for task, _ in in_flight]
        for task in given_up:
            task.cancel()
        # Their errors say no more than the one that is raised.
        await asyncio.gather(*given_up, return_exceptions=True)


async def _judged(rows: Sequence[_Row]) -> list[StoredCustomer | Rejected]:
    result: list[StoredCustomer | Rejected] = []
    for row in rows:
        judged = judge(row)
        if isinstance(judged, Rejected):
            result.append(judged)
        else:
            print_ = fingerprint(judged)
            attempt = Attempt(f"{_KEY}{print_[:_KEY_DIGITS]}", print_)
            result.append(StoredCustomer(new_customer(judged, None).customer, attempt))
        if not len(result) % _UNINTERRUPTED:
            # The batches in flight continue.
            await asyncio.sleep(0)
    _order([one.customer for one in result if isinstance(one, StoredCustomer)])
    return result


def _order(customers: Sequence[Customer]) -> None:
    """Gives the ids of new customers to them in ascending order.

    Lists order customers of the same millisecond by their ids.
    """
    ids = sorted((customer.id for customer in customers), key=attrgetter("int"))
    for customer, id_ in zip(customers, ids, strict=True):
        customer.id = id_


async def _store(
    imports: Imports, judged: Sequence[StoredCustomer | Rejected], began: datetime
) -> list[Outcome]:
    new = [row for row in judged if isinstance(row, StoredCustomer)]
    existing = iter(await imports.add_new(new) if new else ())
    return [
        row if isinstance(row, Rejected) else _outcome(row, next(existing), began) for row in judged
    ]


def _outcome(new: StoredCustomer, existing: Existing | None, began: datetime) -> Outcome:
    if existing is None:
        return Accepted.CREATED
    if isinstance(existing, CustomerRemoved):
        return WasDeleted()
    if existing.attempt == new.attempt:
        # It may have been changed since.
        return Accepted.ALREADY_THERE
    fields = tuple(
        field
        for field in FIELDS
        if getattr(existing.customer, field.name) != getattr(new.customer, field.name)
    )
    if not fields:
        return Accepted.ALREADY_THERE
    # To remember the email addresses of all rows would take memory without a bound.
    is_imported = existing.attempt is not None and existing.attempt.key.startswith(_KEY)
    return Differs(fields, is_imported and existing.customer.created_at >= began)

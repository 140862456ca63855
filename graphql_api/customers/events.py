"""Events: what happened to customers, in the order in which it was stored."""

import base64
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NewType, Protocol
from uuid import UUID

from .fields import Customer, Field

# A place in the history of all customers: an earlier moment is smaller. Only the store knows more.
Moment = NewType("Moment", bytes)

# At most this many events are read from the store and sent to a subscriber at once, so that other
# requests run in between.
EVENTS_AT_ONCE = 20

_CHECKSUM_BYTES = 8
# No moment of the store is longer than a few hundred bytes.
_LONGEST_CURSOR = 2048


class InvalidCursor(Exception):
    """The text is not a cursor of an event. The message says what to do."""

    def __init__(self) -> None:
        super().__init__(
            "This cursor does not belong to an event. Send the cursor of an event, as it was "
            "returned."
        )


class HistoryLost(Exception):
    """The store no longer has, or does not tell, what happened since a moment."""


@dataclass(frozen=True)
class CustomerCreated:
    """A customer was created."""

    customer: Customer


@dataclass(frozen=True)
class CustomerUpdated:
    """A customer was changed. `customer` has this version or a later one.

    `fields` are those that this change set or removed, in the order of the declaration.
    """

    customer: Customer
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class CustomerDeleted:
    """A customer was deleted."""

    id: UUID


@dataclass(frozen=True)
class EventsMissed:
    """Events before this one are lost to the subscriber."""

    message: str = "Earlier events are lost. Read the list again; the events after this one follow."


What = CustomerCreated | CustomerUpdated | CustomerDeleted | EventsMissed


@dataclass(frozen=True, eq=False, slots=True)
class Event:
    """An event, and its moment."""

    moment: Moment
    what: What

    @property
    def cursor(self) -> str:
        """The cursor of its moment."""
        return cursor_of(self.moment)


@dataclass(frozen=True)
class Batch:
    """All events until `moment` that follow the batch before.

    `is_gap`: some events before this batch are lost.
    """

    events: Sequence[Event]
    moment: Moment
    is_gap: bool = False


class History(Protocol):
    """The history of all customers, as a majority of the store has it."""

    def live(self) -> AsyncGenerator[Batch, None]:
        """The events from now on, until the generator is closed.

        The first batch is empty: its moment is now. While the store cannot be reached, there is no
        batch, and nothing is lost. The generator has a buffer of limited size.
        """

    async def since(self, moment: Moment) -> Batch:
        """The first of the events after this moment.

        Raises `InvalidCursor` for a moment that the store does not have, `HistoryLost`, and
        `Unavailable`.
        """


def cursor_of(moment: Moment) -> str:
    """The moment as an opaque text, with a checksum."""
    return base64.urlsafe_b64encode(moment + _checksum(moment)).rstrip(b"=").decode()


def moment_of(cursor: str) -> Moment:
    """The moment of an event's cursor. Raises `InvalidCursor` for any other text."""
    try:
        padding = "=" * (-len(cursor) % 4)
        data = base64.b64decode(cursor[:_LONGEST_CURSOR] + padding, altchars=b"-_", validate=True)
    except ValueError:
        raise InvalidCursor from None
    moment, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    # A client can make up a cursor with the right checksum. The store rejects it.
    if not moment or checksum != _checksum(moment):
        raise InvalidCursor
    return Moment(moment)


def _checksum(moment: bytes) -> bytes:
    return blake2b(moment, digest_size=_CHECKSUM_BYTES, person=b"customer event").digest()

"""The use case: list customers in pages, find some of them, and count them."""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta

from .cursors import position_at
from .listings import (
    NEWEST_FIRST,
    Count,
    Filter,
    InvalidList,
    Listing,
    Order,
    Page,
    PageRequest,
    TimeRange,
)
from .search import folded, longest, search_words
from .store import Customers

DEFAULT_SIZE = 50
LARGEST_SIZE = 100
DEFAULT_LIMIT = 10_000
LARGEST_LIMIT = 100_000

MOST_WORDS = 8
MOST_CHARACTERS = 100

# The most values in one list of a filter, and the most characters in each. No stored value is
# longer, even if a client sends each of its characters as several.
MOST_VALUES = 50
MOST_CHARACTERS_OF_A_VALUE = 200


@dataclass(frozen=True, kw_only=True)
class Part:
    """Which part of a list a client asks for, as it sends it: cursors and numbers of customers."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


def listing(
    search: str | None = None, filter_: Filter | None = None, order: Order = NEWEST_FIRST
) -> Listing:
    """The listing that a client asks for. Raises `InvalidList`.

    Reads the filter's values as clients send them: places in any form, times with any offset.
    """
    return Listing(order, _words(search or ""), _filter(filter_ or Filter()))


async def list_customers(customers: Customers, listing: Listing, part: Part) -> Page:
    """One page of the list. Without numbers, the first 50 customers of the part.

    Raises `InvalidList` before it reads anything, and `Unavailable` if the store cannot be reached.
    """
    if part.first is not None and part.last is not None:
        raise InvalidList("Send `first` or `last`, not both.")
    _require_within("first", part.first, LARGEST_SIZE)
    _require_within("last", part.last, LARGEST_SIZE)
    request = PageRequest(
        listing=listing,
        size=part.first or part.last or DEFAULT_SIZE,
        is_last=part.last is not None,
        after=None if part.after is None else position_at(part.after, listing),
        before=None if part.before is None else position_at(part.before, listing),
    )
    return await customers.page(request)


async def count_customers(
    customers: Customers, listing: Listing, limit: int = DEFAULT_LIMIT
) -> Count:
    """How many customers the list has; counts to the limit and no further.

    Raises `InvalidList` before it reads anything, and `Unavailable` if the store cannot be reached.
    """
    _require_within("limit", limit, LARGEST_LIMIT)
    found = await customers.count(listing, limit + 1)
    return Count(min(found, limit), is_exact=found <= limit)


def _require_within(name: str, number: int | None, largest: int) -> None:
    if number is not None and not 1 <= number <= largest:
        raise InvalidList(f"Send a number from 1 to {largest:,} as `{name}`.")


def _words(search: str) -> tuple[str, ...]:
    if len(search) > MOST_CHARACTERS:
        raise InvalidList(
            f"Search for at most {MOST_CHARACTERS} characters ({len(search)} entered)."
        )
    words = search_words(search)
    if len(words) > MOST_WORDS:
        raise InvalidList(f"Search for at most {MOST_WORDS} words ({len(words)} entered).")
    # A customer that has the longer word also has the shorter one.
    return tuple(longest(words))


def _filter(sent: Filter) -> Filter:
    for field in fields(sent):
        value = getattr(sent, field.name)
        if isinstance(value, tuple) and not 1 <= len(value) <= MOST_VALUES:
            raise InvalidList(f"Send 1 to {MOST_VALUES} values in each list of the `filter`.")
    return replace(
        sent,
        created_at=_range(sent.created_at),
        updated_at=_range(sent.updated_at),
        country=_places(sent.country),
        state=_places(sent.state),
        city=_places(sent.city),
        has=_unique(sent.has),
        has_not=_unique(sent.has_not),
    )


def _places(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if values is None:
        return None
    if max(map(len, values)) > MOST_CHARACTERS_OF_A_VALUE:
        raise InvalidList(
            f"Send at most {MOST_CHARACTERS_OF_A_VALUE} characters in each value of the `filter`."
        )
    # Lone surrogates, which no customer has, become `?`.
    texts = (folded(value.encode("utf-8", "replace").decode()) for value in values)
    return _unique([" ".join(text.split()) for text in texts])


def _unique(values: Collection[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(sorted(set(values)))


def _range(sent: TimeRange | None) -> TimeRange | None:
    if sent is None:
        return None
    try:
        start, before = _in_milliseconds(sent.start), _in_milliseconds(sent.before)
    except OverflowError:
        raise InvalidList("Send times of the years 1 to 9999 in UTC.") from None
    if start is not None and before is not None and before < start:
        raise InvalidList("Send a `before` that is not earlier than `from`.")
    return TimeRange(start, before)


def _in_milliseconds(time: datetime | None) -> datetime | None:
    """The first whole millisecond, in UTC, that is not earlier: stored times have no fractions."""
    if time is None:
        return None
    utc = time.astimezone(UTC)
    return utc + timedelta(microseconds=-utc.microsecond % 1000)

"""Lists of customers: what clients may ask for, and the cursors that they get."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import cast
from uuid import UUID

import pytest

from graphql_api.customers import cursors
from graphql_api.customers.cursors import cursor_of, position_at
from graphql_api.customers.fields import Customer
from graphql_api.customers.list_customers import Part, count_customers, list_customers, listing
from graphql_api.customers.listings import (
    NEWEST_FIRST,
    Count,
    Filter,
    InvalidList,
    Listing,
    Order,
    OrderField,
    Page,
    PageRequest,
    TimeRange,
    position_of,
)
from graphql_api.customers.store import Customers

NOW = datetime(2026, 11, 26, 8, 59, 51, 42000, UTC)
JOSE = Customer(
    id=UUID("00000000-0000-4000-8000-000000000001"),
    version=1,
    name="José",
    email="José@Example.com",
    created_at=NOW,
    updated_at=NOW + timedelta(milliseconds=1),
)
ORDERS = [Order(field, is_descending) for field in OrderField for is_descending in (False, True)]


class FakeCustomers:
    """A store that notes what it is asked for, and has 20 customers."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    async def page(self, request: PageRequest) -> Page:
        self.asked.append(request)
        return Page([], has_next=False, has_previous=False)

    async def count(self, listing: Listing, limit: int) -> int:
        self.asked.append((listing, limit))
        return min(20, limit)


def fake() -> tuple[FakeCustomers, Customers]:
    customers = FakeCustomers()
    return customers, cast(Customers, customers)


@pytest.mark.parametrize(
    ("part", "size"),
    [
        (Part(), 50),
        (Part(first=1), 1),
        (Part(first=100), 100),
        (Part(last=1), 1),
        (Part(last=100), 100),
    ],
)
async def test_a_page_has_50_customers_or_as_many_as_are_asked_for(part: Part, size: int) -> None:
    noted, customers = fake()

    await list_customers(customers, listing(), part)

    is_last = part.last is not None
    assert noted.asked == [PageRequest(listing=Listing(), size=size, is_last=is_last)]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (Part(first=0), "Send a number from 1 to 100 as `first`."),
        (Part(first=101), "Send a number from 1 to 100 as `first`."),
        (Part(last=0), "Send a number from 1 to 100 as `last`."),
        (Part(last=-1), "Send a number from 1 to 100 as `last`."),
        (Part(first=1, last=1), "Send `first` or `last`, not both."),
    ],
)
async def test_a_wrong_number_of_customers_is_an_error(part: Part, message: str) -> None:
    noted, customers = fake()

    with pytest.raises(InvalidList) as error:
        await list_customers(customers, listing(), part)

    assert str(error.value) == message
    assert noted.asked == []


@pytest.mark.parametrize("order", ORDERS)
async def test_a_cursor_is_the_position_of_its_customer(order: Order) -> None:
    noted, customers = fake()
    found = listing("jo", None, order)
    cursor = cursor_of(JOSE, found)

    await list_customers(customers, found, Part(after=cursor, before=cursor))

    position = position_of(JOSE, order)
    assert noted.asked == [PageRequest(listing=found, size=50, after=position, before=position)]


def test_positions_have_what_the_order_compares() -> None:
    keys = {field: position_of(JOSE, Order(field)).key for field in OrderField}

    assert keys == {
        OrderField.CREATED_AT: JOSE.created_at,
        OrderField.UPDATED_AT: JOSE.updated_at,
        OrderField.NAME: "jose",
        OrderField.EMAIL: "jose@example.com",
    }


NO_CURSORS: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "cut at the end": lambda cursor: cursor[:-1],
    "cut at the beginning": lambda cursor: cursor[1:],
    "changed": lambda cursor: cursor.swapcase(),
    "doubled": lambda cursor: cursor * 2,
    "with white space": lambda cursor: f" {cursor}",
    "not base64": lambda _: "!",
    "not ASCII": lambda _: "é",
    "a number": lambda _: "50",
    "long": lambda _: "a" * 1_000_000,
    "an id": lambda _: str(JOSE.id),
}


@pytest.mark.parametrize("change", NO_CURSORS.values(), ids=NO_CURSORS)
async def test_a_text_that_is_no_cursor_is_an_error(change: Callable[[str], str]) -> None:
    noted, customers = fake()
    text = change(cursor_of(JOSE, listing()))

    for part in (Part(after=text), Part(before=text)):
        with pytest.raises(InvalidList, match=r"^This cursor does not belong to this list\."):
            await list_customers(customers, listing(), part)

    assert noted.asked == []


LISTINGS = [
    *[listing(order=order) for order in ORDERS],
    listing("jo"),
    listing("jos"),
    listing("jo x"),
    listing(filter_=Filter(country=("US",))),
    listing(filter_=Filter(state=("US",))),
    listing(filter_=Filter(country=("US", "DE"))),
    listing(filter_=Filter(has=("name",))),
    listing(filter_=Filter(has_not=("name",))),
    listing(filter_=Filter(created_at=TimeRange(NOW))),
    listing(filter_=Filter(created_at=TimeRange(None, NOW))),
    listing(filter_=Filter(updated_at=TimeRange(NOW))),
]


def test_a_cursor_of_another_list_is_an_error() -> None:
    for one in LISTINGS:
        for other in LISTINGS:
            if one is not other:
                with pytest.raises(InvalidList):
                    position_at(cursor_of(JOSE, one), other)


@pytest.mark.parametrize(
    "body", [b"", b"1", JOSE.id.bytes, JOSE.id.bytes + b"9" * 30, b"\xff" * 17]
)
def test_a_made_up_cursor_with_a_right_checksum_is_an_error(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(cursors, "_checksum", lambda _body, _listing: bytes(8))

    with pytest.raises(InvalidList):
        position_at(base64.urlsafe_b64encode(body + bytes(8)).decode(), listing())


@pytest.mark.parametrize(
    "same",
    [
        (listing("José"), listing(" jose ")),
        (listing("john smith"), listing("Smith JOHN")),
        (listing("john"), listing("jo john")),
        (listing(None), listing(" \t")),
        (
            listing(filter_=Filter(country=("US", "Österreich"))),
            listing(filter_=Filter(country=("osterreich", "us", "us"))),
        ),
        (
            listing(filter_=Filter(city=("New York",))),
            listing(filter_=Filter(city=(" new  york",))),
        ),
        (
            listing(filter_=Filter(has=("name", "city"), has_not=("state",))),
            listing(filter_=Filter(has=("city", "name", "city"), has_not=("state",))),
        ),
        (
            listing(filter_=Filter(created_at=TimeRange(NOW))),
            listing(
                filter_=Filter(
                    created_at=TimeRange(
                        (NOW - timedelta(microseconds=999)).astimezone(timezone(timedelta(hours=5)))
                    )
                )
            ),
        ),
    ],
)
def test_requests_with_the_same_meaning_have_equal_listings(same: tuple[Listing, Listing]) -> None:
    one, other = same

    assert one == other
    assert position_at(cursor_of(JOSE, one), other) == position_of(JOSE, NEWEST_FIRST)


FAR = timezone(timedelta(hours=14))

INVALID = [
    ("a" * 101, None, "Search for at most 100 characters (101 entered)."),
    ("a" * 10_000, None, "Search for at most 100 characters (10000 entered)."),
    ("a b c d e f g h i", None, "Search for at most 8 words (9 entered)."),
    ("a a a a a a a a a", None, "Search for at most 8 words (9 entered)."),
    *[
        (None, filter_, "Send 1 to 50 values in each list of the `filter`.")
        for filter_ in (
            Filter(country=()),
            Filter(state=()),
            Filter(city=()),
            Filter(has=()),
            Filter(has_not=()),
            Filter(city=("a",) * 51),
        )
    ],
    (
        None,
        Filter(state=("NY", "a" * 201)),
        "Send at most 200 characters in each value of the `filter`.",
    ),
    (
        None,
        Filter(created_at=TimeRange(NOW, NOW - timedelta(milliseconds=1))),
        "Send a `before` that is not earlier than `from`.",
    ),
    (
        None,
        Filter(updated_at=TimeRange(datetime.min.replace(tzinfo=FAR))),
        "Send times of the years 1 to 9999 in UTC.",
    ),
    (
        None,
        Filter(updated_at=TimeRange(None, datetime.max.replace(tzinfo=UTC))),
        "Send times of the years 1 to 9999 in UTC.",
    ),
]


@pytest.mark.parametrize(("search", "filter_", "message"), INVALID)
def test_an_invalid_search_or_filter_is_an_error(
    search: str | None, filter_: Filter | None, message: str
) -> None:
    with pytest.raises(InvalidList) as error:
        listing(search, filter_)

    assert str(error.value) == message


def test_the_largest_search_and_filter_are_valid() -> None:
    words = ["a", "b", "c", "d", "e", "f", "g", "h"]

    assert set(listing(" ".join(words)).words) == set(words)
    assert listing("a" * 100).words == ("a" * 100,)
    assert listing(filter_=Filter(city=("a" * 200, "\ud800"))).filter.city == ("?", "a" * 200)
    same = TimeRange(NOW, NOW)
    assert listing(filter_=Filter(created_at=same)).filter.created_at == same


@pytest.mark.parametrize(
    ("limit", "count"),
    [
        (1, Count(1, is_exact=False)),
        (19, Count(19, is_exact=False)),
        (20, Count(20, is_exact=True)),
    ],
)
async def test_a_count_says_whether_it_is_exact(limit: int, count: Count) -> None:
    noted, customers = fake()

    assert await count_customers(customers, listing("jo"), limit) == count
    assert noted.asked == [(listing("jo"), limit + 1)]


@pytest.mark.parametrize("limit", [0, 100_001])
async def test_a_limit_outside_of_1_to_100000_is_an_error(limit: int) -> None:
    noted, customers = fake()

    with pytest.raises(InvalidList, match=r"^Send a number from 1 to 100,000 as `limit`\.$"):
        await count_customers(customers, listing(), limit)

    assert noted.asked == []

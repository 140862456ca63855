"""What a list of customers is: which customers it has, their order, and its pages."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import assert_never
from uuid import UUID

from .fields import Customer
from .search import folded


class InvalidList(Exception):
    """A list cannot be read as it was asked for. The message is a sentence for the client."""


class OrderField(Enum):
    """What a list is ordered by. Customers that are equal in it are ordered by their ids.

    Names and email addresses are compared as `search.folded` texts, by code points. A missing name
    counts as an empty one.
    """

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    NAME = "name"
    EMAIL = "email"


@dataclass(frozen=True)
class Order:
    """The order of a list. The ids of equal customers have the same direction."""

    field: OrderField
    is_descending: bool = False


NEWEST_FIRST = Order(OrderField.CREATED_AT, is_descending=True)


@dataclass(frozen=True)
class TimeRange:
    """Times in UTC from `start`, included, to `before`, excluded. None is no limit."""

    start: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What each customer of a list must fulfil.

    A customer has one of the values of each tuple of places. `has` and `has_not` are the Python
    names of fields in which it has a value, or has none. None is no condition.
    """

    created_at: TimeRange | None = None
    updated_at: TimeRange | None = None
    country: tuple[str, ...] | None = None
    state: tuple[str, ...] | None = None
    city: tuple[str, ...] | None = None
    has: tuple[str, ...] | None = None
    has_not: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Listing:
    """Which customers a list has, and their order.

    A customer has a word that begins with each of the folded `words`, and fulfils the filter.
    `list_customers.listing` makes valid listings. Requests with the same meaning get equal ones.
    """

    order: Order = NEWEST_FIRST
    words: tuple[str, ...] = ()
    filter: Filter = field(default_factory=Filter)


@dataclass(frozen=True)
class Position:
    """The place of a customer in a list, which may have been changed or removed meanwhile.

    `key` is what the list is ordered by: a time in UTC, or a folded text.
    """

    key: datetime | str
    id: UUID


def position_of(customer: Customer, order: Order) -> Position:
    """The customer's place in every list of this order."""
    match order.field:
        case OrderField.CREATED_AT:
            return Position(customer.created_at, customer.id)
        case OrderField.UPDATED_AT:
            return Position(customer.updated_at, customer.id)
        case OrderField.NAME:
            return Position(folded(customer.name or ""), customer.id)
        case OrderField.EMAIL:
            return Position(folded(customer.email), customer.id)
        case _:
            assert_never(order.field)


@dataclass(frozen=True, kw_only=True)
class PageRequest:
    """A part of a list: `size` customers between two positions, both excluded.

    They are the first ones there, or the last ones if `is_last`. None in place of a position is the
    beginning or the end of the list.
    """

    listing: Listing
    size: int
    is_last: bool = False
    after: Position | None = None
    before: Position | None = None


@dataclass(frozen=True)
class Page:
    """Customers in the order of the list, and whether the list has more of them on each side."""

    customers: list[Customer]
    has_next: bool
    has_previous: bool


@dataclass(frozen=True)
class Count:
    """The number of customers of a list, or a number that it has at least."""

    count: int
    is_exact: bool

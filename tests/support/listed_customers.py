"""Customers to list, and a plain reading of the specification of lists."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from graphql_api.customers.fields import Customer, PhoneNumber, ZipCode
from graphql_api.customers.listings import (
    Listing,
    Order,
    OrderField,
    position_of,
)
from graphql_api.customers.search import folded, words_of

START = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS = [Order(field, is_descending) for field in OrderField for is_descending in (False, True)]
BY_CREATION = [order for order in ORDERS if order.field is OrderField.CREATED_AT]
# A probe counts to this number here.
FEW = 20


def customer(number: int, random: Random) -> Customer:
    """A customer with many equals: half of the names are absent, and times and words are shared."""
    created_at = START + timedelta(milliseconds=number // 3)
    optional: dict[str, Any] = {
        "description": random.choice(["Alpha beta", "alphabet 5", "gamma"]),
        "country": random.choice(["US", "Österreich"]),
        "city": random.choice(["New York", "Wien", "Wiener Neustadt"]),
        "state": random.choice(["NY", "Wien"]),
        "zip_code": ZipCode(str(random.randrange(10_000, 10_050))),
        "phone_number": PhoneNumber(str(random.randrange(5_000_000, 5_000_050))),
    }
    given = {name: value for name, value in optional.items() if random.random() < 0.5}
    if random.random() < 0.5:
        given["name"] = random.choice(["Jose", "José", "josé", "Ann Smith", "Zoë Smithson"])
    return Customer(
        email=f"{random.choice(['Ann', 'bob', 'Zoë'])}.{number}@example.com",
        id=UUID(int=random.getrandbits(128), version=4),
        version=1,
        created_at=created_at,
        updated_at=created_at + timedelta(milliseconds=random.choice([0, 0, 5])),
        **given,
    )


ALL = [customer(number, Random(number)) for number in range(200)]  # noqa: S311  # no secrets
RARE = Customer(
    name="Rare Customer",
    email="rare.customer@rare.example",
    country="Nauru",
    id=UUID(int=1, version=4),
    version=1,
    created_at=START + timedelta(milliseconds=30),
    updated_at=START + timedelta(milliseconds=35),
)
ALL.append(RARE)


def expected(found: Listing, customers: list[Customer]) -> list[Customer]:
    """The customers of a listing, by a plain reading of the specification."""
    listed = [each for each in customers if _is_in(each, found)]
    listed.sort(
        key=lambda each: (position_of(each, found.order).key, each.id),
        reverse=found.order.is_descending,
    )
    return listed


def _is_in(each: Customer, found: Listing) -> bool:
    words, filter_ = words_of(each), found.filter
    places = (
        (filter_.country, each.country),
        (filter_.state, each.state),
        (filter_.city, each.city),
    )
    ranges = ((filter_.created_at, each.created_at), (filter_.updated_at, each.updated_at))
    return (
        all(any(word.startswith(sought) for word in words) for sought in found.words)
        and all(sought is None or folded(place or "") in sought for sought, place in places)
        and all(
            range_ is None
            or ((range_.start or time) <= time and (range_.before is None or time < range_.before))
            for range_, time in ranges
        )
        and all(getattr(each, name) is not None for name in filter_.has or ())
        and all(getattr(each, name) is None for name in filter_.has_not or ())
    )

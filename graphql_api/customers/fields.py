"""The twelve fields of a customer, each declared once.

Validation and its messages, the descriptions and `@constraint` directives in the GraphQL schema,
and MongoDB's validator all read this declaration.
"""

import typing
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from typing import Annotated, NewType
from uuid import UUID

from .formats import (
    ALPHABETIC,
    ALPHABETIC_AND_WHITE_SPACE,
    ALPHANUMERIC,
    EMAIL,
    NUMERIC,
    NUMERIC_AND_HYPHEN,
    PRINTABLE,
    Format,
)

ZipCode = NewType("ZipCode", str)
PhoneNumber = NewType("PhoneNumber", str)


@dataclass(frozen=True)
class Rule:
    """What one field is and what it may hold; lengths count Unicode code points."""

    description: str
    format: Format
    min_length: int | None
    max_length: int
    example: str


@dataclass(frozen=True, kw_only=True)
class NewCustomer:
    """What is known of a customer before it is kept; only `email` is required."""

    name: Annotated[
        str | None,
        Rule("The full name of the customer.", ALPHABETIC_AND_WHITE_SPACE, 3, 50, "John Smith"),
    ] = None
    email: Annotated[
        str,
        Rule(
            "The email address of the customer. This is displayed next to the customer in the "
            "dashboard and can be used for searching and tracking.",
            EMAIL,
            None,
            40,
            "john.smith@example.com",
        ),
    ]
    description: Annotated[
        str | None,
        Rule(
            "An arbitrary string that you can attach to a customer. It is displayed next to the "
            "customer in the dashboard.",
            PRINTABLE,
            5,
            50,
            "A1 Company",
        ),
    ] = None
    send_email_address: Annotated[
        str | None,
        Rule(
            "The email address where invoices will be sent.",
            EMAIL,
            5,
            40,
            "invoices@example.com",
        ),
    ] = None
    cc_email_address: Annotated[
        str | None,
        Rule(
            "An additional email address where copies of invoices will be sent.",
            EMAIL,
            5,
            40,
            "copies@example.com",
        ),
    ] = None
    country: Annotated[
        str | None, Rule("The name of the customer's country.", ALPHABETIC, 2, 50, "US")
    ] = None
    address_line1: Annotated[
        str | None,
        Rule("The first line of the customer's address.", ALPHANUMERIC, 5, 50, "103 Mason Street"),
    ] = None
    address_line2: Annotated[
        str | None,
        Rule("The second line of the customer's address.", ALPHANUMERIC, 5, 50, "2nd Floor"),
    ] = None
    city: Annotated[
        str | None,
        Rule(
            "The customer's city name. This can represent a City, District, Suburb, Town, or "
            "Village.",
            ALPHABETIC_AND_WHITE_SPACE,
            2,
            50,
            "New York",
        ),
    ] = None
    state: Annotated[
        str | None,
        Rule(
            "The state name where the customer resides. This can include State, County, "
            "Province, or Region.",
            ALPHABETIC_AND_WHITE_SPACE,
            2,
            50,
            "NY",
        ),
    ] = None
    zip_code: Annotated[
        ZipCode | None,
        Rule(
            "The customer's ZIP code. To group numbers, use a hyphen symbol. No other symbols or "
            "characters are allowed.",
            NUMERIC_AND_HYPHEN,
            None,
            10,
            "10469-2345",
        ),
    ] = None
    phone_number: Annotated[
        PhoneNumber | None, Rule("The customer's phone number.", NUMERIC, 2, 11, "5417543010")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Customer(NewCustomer):
    """A customer that is kept; times are UTC, to the millisecond."""

    id: UUID
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, eq=False)  # each is declared once, and is itself alone
class Field:
    """One field of a customer: its Python name, the name the world knows, and its rule."""

    name: str
    public_name: str
    required: bool
    rule: Rule

    @property
    def rule_in_words(self) -> str:
        """What the field may hold, as one sentence."""
        allowed = self.rule.format.allowed
        low, high = self.rule.min_length, self.rule.max_length
        length = f"at most {high}" if low is None else f"{low} to {high}"
        return f"{allowed[0].upper()}{allowed[1:]}; {length} characters."


def _public_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _fields() -> tuple[Field, ...]:
    hints = typing.get_type_hints(NewCustomer, include_extras=True)
    return tuple(
        Field(
            name=field.name,
            public_name=_public_name(field.name),
            required=field.default is MISSING,
            rule=hints[field.name].__metadata__[0],
        )
        for field in fields(NewCustomer)
    )


FIELDS = _fields()

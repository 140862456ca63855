"""The fields of a customer. Each field is declared once, here.

Everything else reads this declaration: validation and its messages, the descriptions and the
`@constraint` directives in the GraphQL schema, the rules that clients can query, the JSON Schema,
MongoDB's validator, the examples in GraphiQL, the benchmarks and the tests' table of values.
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


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The words and the limits of one field.

    Lengths count the Unicode code points of the normalised text. Without `min_length` there is no
    minimum, but a required field is never empty. `label` is the title that people read. `example`
    is a normalised, valid value; the rule rejects `counterexample`.
    """

    label: str
    description: str
    format: Format
    min_length: int | None = None
    max_length: int
    example: str
    counterexample: str


# Only an import changes a customer: it replaces the id, and nothing has the customer's hash before
# that. To make a frozen one would take three times as long.
@dataclass(kw_only=True, unsafe_hash=True)
class NewCustomer:
    """A valid customer that is not stored yet. Only `email` is required."""

    name: Annotated[
        str | None,
        Rule(
            label="Name",
            description="The full name of the customer.",
            format=ALPHABETIC_AND_WHITE_SPACE,
            min_length=3,
            max_length=50,
            example="John Smith",
            counterexample="J0",
        ),
    ] = None
    email: Annotated[
        str,
        Rule(
            label="Email",
            description=(
                "The email address of the customer. This is displayed next to the customer in the "
                "dashboard and can be used for searching and tracking."
            ),
            format=EMAIL,
            max_length=40,
            example="john.smith@example.com",
            counterexample="john.smith",
        ),
    ]
    description: Annotated[
        str | None,
        Rule(
            label="Description",
            description=(
                "An arbitrary string that you can attach to a customer. It is displayed next to "
                "the customer in the dashboard."
            ),
            format=PRINTABLE,
            min_length=5,
            max_length=50,
            example="A1 Company",
            counterexample="A1",
        ),
    ] = None
    send_email_address: Annotated[
        str | None,
        Rule(
            label="Send Email Address",
            description="The email address where invoices will be sent.",
            format=EMAIL,
            min_length=5,
            max_length=40,
            example="invoices@example.com",
            counterexample="a@b",
        ),
    ] = None
    cc_email_address: Annotated[
        str | None,
        Rule(
            label="CC Email Address",
            description="An additional email address where copies of invoices will be sent.",
            format=EMAIL,
            min_length=5,
            max_length=40,
            example="copies@example.com",
            counterexample="copies.of.all.invoices.of.john.smith.example.com",
        ),
    ] = None
    country: Annotated[
        str | None,
        Rule(
            label="Country",
            description="The name of the customer's country.",
            format=ALPHABETIC,
            min_length=2,
            max_length=50,
            example="US",
            counterexample="United States",
        ),
    ] = None
    address_line1: Annotated[
        str | None,
        Rule(
            label="Address Line 1",
            description="The first line of the customer's address.",
            format=ALPHANUMERIC,
            min_length=5,
            max_length=50,
            example="103 Mason Street",
            counterexample="1 St.",
        ),
    ] = None
    address_line2: Annotated[
        str | None,
        Rule(
            label="Address Line 2",
            description="The second line of the customer's address.",
            format=ALPHANUMERIC,
            min_length=5,
            max_length=50,
            example="2nd Floor",
            counterexample="#2",
        ),
    ] = None
    city: Annotated[
        str | None,
        Rule(
            label="City",
            description=(
                "The customer's city name. This can represent a City, District, Suburb, Town, or "
                "Village."
            ),
            format=ALPHABETIC_AND_WHITE_SPACE,
            min_length=2,
            max_length=50,
            example="New York",
            counterexample="4",
        ),
    ] = None
    state: Annotated[
        str | None,
        Rule(
            label="State",
            description=(
                "The state name where the customer resides. This can include State, County, "
                "Province, or Region."
            ),
            format=ALPHABETIC_AND_WHITE_SPACE,
            min_length=2,
            max_length=50,
            example="NY",
            counterexample="N.Y.",
        ),
    ] = None
    zip_code: Annotated[
        ZipCode | None,
        Rule(
            label="ZIP Code",
            description=(
                "The customer's ZIP code. To group numbers, use a hyphen symbol. No other symbols "
                "or characters are allowed."
            ),
            format=NUMERIC_AND_HYPHEN,
            max_length=10,
            example="10469-2345",
            counterexample="10469-",
        ),
    ] = None
    phone_number: Annotated[
        PhoneNumber | None,
        Rule(
            label="Phone Number",
            description="The customer's phone number.",
            format=NUMERIC,
            min_length=2,
            max_length=11,
            example="5417543010",
            counterexample="+1 541 754 3010",
        ),
    ] = None


@dataclass(kw_only=True, unsafe_hash=True)
class Customer(NewCustomer):
    """A stored customer. Times are in UTC and have whole milliseconds.

    `version` is 1 when the customer is created, and one more with each change.
    """

    id: UUID
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, eq=False)  # each field is declared once, so identity is equality
class Field:
    """One field of a customer: its Python name, its name in GraphQL and MongoDB, and its rule."""

    name: str
    public_name: str
    required: bool
    rule: Rule

    @property
    def rule_in_words(self) -> str:
        """The format and the lengths as one sentence, such as `Letters; 2 to 50 characters.`"""
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

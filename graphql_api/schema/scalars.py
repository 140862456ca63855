"""The custom scalars. They accept every value, so that the rules can judge it at its field."""

import re
from datetime import UTC, datetime

import orjson
import strawberry
from graphql import FloatValueNode, GraphQLError, IntValueNode, StringValueNode, ValueNode
from strawberry.types.scalar import ScalarDefinition

from ..customers.fields import PhoneNumber, ZipCode
from ..customers.judge import NOT_TEXT, NotText
from .directives import constraint, description, field_named

# A number as JSON and GraphQL write it.
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?)0*+([0-9]{0,9}))?")
# Without this limit, a few characters such as 1E999999999 would become a text of gigabytes.
_MOST_ZEROS_OF_AN_EXPONENT = 1000


def _admit(value: object) -> str | NotText:
    """A text as it is, a whole number as its digits, and `NOT_TEXT` for any other value.

    A scalar that raises ends the request, hides the problems of the other fields, and repeats the
    value in its message.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _digits(str(value)) if isinstance(value, float) else NOT_TEXT


def _admit_literal(node: ValueNode, _variables: object = None) -> str | NotText:
    if isinstance(node, StringValueNode):
        return node.value
    return _digits(node.value) if isinstance(node, IntValueNode | FloatValueNode) else NOT_TEXT


def _digits(number: str) -> str | NotText:
    """The digits of a whole number in any notation, with its sign: `-1e3` becomes `-1000`."""
    if (parts := _NUMBER.fullmatch(number)) is None:
        return NOT_TEXT
    sign, whole, fraction, exponent_sign, exponent = parts.groups("")
    digits = (whole + fraction).lstrip("0")
    zeros = int(f"{exponent_sign}{exponent or 0}") - len(fraction)
    if not digits:
        return f"{sign}0"
    if zeros < 0:
        digits, remainder = digits[:zeros], digits[zeros:]
        return NOT_TEXT if remainder.strip("0") else sign + digits
    return NOT_TEXT if zeros > _MOST_ZEROS_OF_AN_EXPONENT else sign + digits + "0" * zeros


def _text_or_integer(name: str, field_name: str, url: str) -> ScalarDefinition:
    field = field_named(field_name)
    return strawberry.scalar(
        name=name,
        description=f"{description(field)}\n\nAccepts a string or an integer, and returns a "
        "string.",
        specified_by_url=url,
        serialize=str,
        parse_value=_admit,
        parse_literal=_admit_literal,
        directives=[constraint(field)],
    )


def _time(value: object) -> datetime:
    """The time of a text in ISO 8601. It must have an offset: no time zone is assumed."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise GraphQLError("Send a time with its offset, such as 2026-11-22T08:59:51.042Z.")
    return time


def _instant(value: datetime) -> str:
    # orjson takes a third of the time of `isoformat`, but leaves out a fraction that is zero.
    seconds = orjson.dumps(value.astimezone(UTC))[1:20].decode()
    return f"{seconds}.{value.microsecond // 1000:03}Z"


SCALARS: dict[object, ScalarDefinition] = {
    ZipCode: _text_or_integer("ZipCode", "zip_code", "https://schema.org/postalCode"),
    PhoneNumber: _text_or_integer("PhoneNumber", "phone_number", "https://schema.org/telephone"),
    datetime: strawberry.scalar(
        name="DateTime",
        description=(
            "A time in UTC with milliseconds, such as `2026-11-22T08:59:51.042Z`. An argument may "
            "have another offset."
        ),
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
        serialize=_instant,
        parse_value=_time,
    ),
}

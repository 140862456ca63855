"""The custom scalars. They admit every value, so that the rules can judge it at its field."""

from datetime import UTC, datetime

import strawberry
from graphql import IntValueNode, StringValueNode, ValueNode
from strawberry.types.scalar import ScalarDefinition

from ..customers.fields import PhoneNumber, ZipCode
from ..customers.judge import NOT_TEXT, NotText
from .directives import constraint, description, field_named


def _admit(value: object) -> str | NotText:
    """Text as it is, an integer as its decimal digits, and a mark for the rule in place of others.

    A scalar that raised would end the request, hide the other fields' problems, and repeat the
    value in its message.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return NOT_TEXT


def _admit_literal(node: ValueNode, _variables: object = None) -> str | NotText:
    return node.value if isinstance(node, StringValueNode | IntValueNode) else NOT_TEXT


def _text_or_integer(name: str, field_name: str, url: str) -> ScalarDefinition:
    field = field_named(field_name)
    return strawberry.scalar(
        name=name,
        description=f"{description(field)}\n\nGoes in as a string or an integer, comes out as a "
        "string.",
        specified_by_url=url,
        serialize=str,
        parse_value=_admit,
        parse_literal=_admit_literal,
        directives=[constraint(field)],
    )


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


SCALARS: dict[object, ScalarDefinition] = {
    ZipCode: _text_or_integer("ZipCode", "zip_code", "https://schema.org/postalCode"),
    PhoneNumber: _text_or_integer("PhoneNumber", "phone_number", "https://schema.org/telephone"),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment in UTC, to the millisecond, such as `2026-11-22T08:59:51.042Z`.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
        serialize=_instant,
        parse_value=datetime.fromisoformat,
    ),
}

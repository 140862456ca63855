"""Optional arguments, which have no default in the schema."""

from typing import TypeVar

import strawberry

_Value = TypeVar("_Value")


def none_if_unset(value: _Value | None) -> _Value | None:
    """The value of an argument or input field; None if the client did not send it."""
    return None if value is strawberry.UNSET else value

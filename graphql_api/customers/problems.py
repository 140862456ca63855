"""The kinds of problems that a field can have. Each has a message to show next to the field."""

from dataclasses import dataclass

from .fields import FIELDS, Field


@dataclass(frozen=True)
class Missing:
    """A required field is missing or empty."""

    field: Field

    @property
    def message(self) -> str:
        return f"Enter {self.field.rule.format.allowed}."


@dataclass(frozen=True)
class WrongType:
    """The value is neither a string nor an integer."""

    field: Field
    expected: str = "a string or an integer"

    @property
    def message(self) -> str:
        return f"Send {self.expected}."


@dataclass(frozen=True)
class TooShort:
    """Lengths count the Unicode code points of the normalised text."""

    field: Field
    min_length: int
    actual_length: int

    @property
    def message(self) -> str:
        return f"Enter at least {self.min_length} characters ({self.actual_length} entered)."


@dataclass(frozen=True)
class TooLong:
    """Lengths count the Unicode code points of the normalised text."""

    field: Field
    max_length: int
    actual_length: int

    @property
    def message(self) -> str:
        return f"Enter at most {self.max_length} characters ({self.actual_length} entered)."


@dataclass(frozen=True)
class InvalidFormat:
    """The text contains something that its format does not allow."""

    field: Field

    @property
    def allowed(self) -> str:
        return self.field.rule.format.allowed

    @property
    def example(self) -> str:
        return self.field.rule.example

    @property
    def message(self) -> str:
        return f"{self.field.rule.format.instruction}, for example {self.example}."


@dataclass(frozen=True)
class Taken:
    """Another customer has this email address."""

    field: Field

    @property
    def message(self) -> str:
        return "A customer with this email address already exists. Use a different one."


@dataclass(frozen=True)
class DuplicateInList:
    """A valid customer earlier in the same list has this email address.

    `first_index` is the place of the first such customer, counted from 0.
    """

    field: Field
    first_index: int

    @property
    def message(self) -> str:
        return "This email address occurs earlier in the list. Use a different one."


Problem = Missing | WrongType | TooShort | TooLong | InvalidFormat | Taken | DuplicateInList


EMAIL = next(field for field in FIELDS if field.name == "email")
EMAIL_IS_TAKEN = Taken(EMAIL)


@dataclass(frozen=True)
class Rejected:
    """The input is invalid. `problems` has every reason, in the order of the fields."""

    problems: tuple[Problem, ...]

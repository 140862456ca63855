"""What can be wrong with a field, each kind with a message to show at it, which says what to do."""

from dataclasses import dataclass

from .fields import Field


@dataclass(frozen=True)
class Missing:
    """A required field was left empty."""

    field: Field

    @property
    def message(self) -> str:
        return f"Enter {self.field.rule.format.allowed}."


@dataclass(frozen=True)
class WrongType:
    """Neither a string nor an integer was sent for a scalar that takes both."""

    field: Field
    expected: str = "a string or an integer"

    @property
    def message(self) -> str:
        return f"Send {self.expected}."


@dataclass(frozen=True)
class TooShort:
    """Lengths are in Unicode code points of the normalised text."""

    field: Field
    min_length: int
    actual_length: int

    @property
    def message(self) -> str:
        return f"Enter at least {self.min_length} characters ({self.actual_length} entered)."


@dataclass(frozen=True)
class TooLong:
    """Lengths are in Unicode code points of the normalised text."""

    field: Field
    max_length: int
    actual_length: int

    @property
    def message(self) -> str:
        return f"Enter at most {self.max_length} characters ({self.actual_length} entered)."


@dataclass(frozen=True)
class InvalidFormat:
    """The text holds something that its format does not allow."""

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


Problem = Missing | WrongType | TooShort | TooLong | InvalidFormat | Taken


@dataclass(frozen=True)
class Rejected:
    """A customer that cannot be created as it is, and every reason why."""

    problems: tuple[Problem, ...]

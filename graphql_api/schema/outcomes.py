"""Turns the outcomes of the use cases into their GraphQL types."""

from collections.abc import Iterable
from functools import lru_cache
from typing import TypedDict, assert_never

from ..customers import fields as domain
from ..customers.create_customer import Conflict, Created
from ..customers.problems import (
    InvalidFormat,
    Missing,
    Problem,
    Rejected,
    Taken,
    TooLong,
    TooShort,
    WrongType,
)
from .types import (
    CreateCustomerFailure,
    CreateCustomerResult,
    CreateCustomerSuccess,
    Customer,
    CustomerField,
    CustomerFieldError,
    EmailTakenError,
    FieldError,
    IdempotencyConflict,
    InvalidFormatError,
    RequiredFieldError,
    TooLongError,
    TooShortError,
    WrongTypeError,
)

# The types of objects that never change: each error is made once, for all customers.
IMMUTABLE = (FieldError,)


def customer_result(outcome: Created | Rejected | Conflict) -> CreateCustomerResult:
    match outcome:
        case Created():
            return CreateCustomerSuccess(
                customer=customer(outcome.customer), replayed=outcome.replayed
            )
        case Rejected():
            return CreateCustomerFailure(errors=field_errors(outcome.problems))
        case Conflict():
            return IdempotencyConflict(message=outcome.message)
        case _:
            assert_never(outcome)


def field_errors(problems: Iterable[Problem]) -> list[CustomerFieldError]:
    return [_field_error(problem) for problem in problems]


def customer(stored: domain.Customer) -> Customer:
    # `declared` has checked that both types have the same names.
    return Customer(**{**vars(stored), "id": str(stored.id)})


class _FieldError(TypedDict):
    """The fields that all errors have."""

    field: CustomerField
    path: list[str]
    message: str


# A problem has no more than its field and a length, so the same problems occur many times.
@lru_cache(maxsize=1024)
def _field_error(problem: Problem) -> CustomerFieldError:
    at: _FieldError = {
        "field": CustomerField(problem.field.name),
        "path": ["input", problem.field.public_name],
        "message": problem.message,
    }
    match problem:
        case Missing():
            return RequiredFieldError(**at)
        case TooShort():
            return TooShortError(
                **at, min_length=problem.min_length, actual_length=problem.actual_length
            )
        case TooLong():
            return TooLongError(
                **at, max_length=problem.max_length, actual_length=problem.actual_length
            )
        case InvalidFormat():
            return InvalidFormatError(**at, allowed=problem.allowed, example=problem.example)
        case WrongType():
            return WrongTypeError(**at, expected=problem.expected)
        case Taken():
            return EmailTakenError(**at)
        case _:
            assert_never(problem)

"""Turns what the use case says into the GraphQL types that say the same."""

from functools import lru_cache
from typing import Any, assert_never

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
            return CreateCustomerFailure(errors=[_field_error(p) for p in outcome.problems])
        case Conflict():
            return IdempotencyConflict(message=outcome.message)
        case _:
            assert_never(outcome)


def customer(kept: domain.Customer) -> Customer:
    values: dict[str, Any] = {**vars(kept), "id": str(kept.id)}
    return Customer(**values)


# A problem says no more than its field and a length, so the same ones come again.
@lru_cache(maxsize=1024)
def _field_error(problem: Problem) -> CustomerFieldError:
    at: dict[str, Any] = {
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

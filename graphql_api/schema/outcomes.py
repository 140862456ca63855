"""Turns the outcomes of the use cases into their GraphQL types."""

from collections.abc import Iterable
from functools import lru_cache
from typing import TypedDict, assert_never

import strawberry

from ..customers import fields as domain
from ..customers.create_customer import Conflict, Created
from ..customers.delete_customer import Deleted
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
from ..customers.update_customer import Updated
from ..customers.versions import Changed, NotFound
from .types import (
    CreateCustomerFailure,
    CreateCustomerResult,
    CreateCustomerSuccess,
    Customer,
    CustomerChanged,
    CustomerField,
    CustomerFieldError,
    CustomerNotFound,
    DeleteCustomerResult,
    DeleteCustomerSuccess,
    EmailTakenError,
    FieldError,
    IdempotencyConflict,
    InvalidFormatError,
    RequiredFieldError,
    TooLongError,
    TooShortError,
    UpdateCustomerFailure,
    UpdateCustomerResult,
    UpdateCustomerSuccess,
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


def update_result(outcome: Updated | Rejected | NotFound | Changed) -> UpdateCustomerResult:
    match outcome:
        case Updated():
            return UpdateCustomerSuccess(
                customer=customer(outcome.customer), changed=outcome.changed
            )
        case Rejected():
            return UpdateCustomerFailure(errors=field_errors(outcome.problems))
        case NotFound():
            return CustomerNotFound(message=outcome.message)
        case Changed():
            return _changed(outcome)
        case _:
            assert_never(outcome)


def delete_result(outcome: Deleted | NotFound | Changed) -> DeleteCustomerResult:
    match outcome:
        case Deleted():
            return DeleteCustomerSuccess(id=strawberry.ID(str(outcome.id)))
        case NotFound():
            return CustomerNotFound(message=outcome.message)
        case Changed():
            return _changed(outcome)
        case _:
            assert_never(outcome)


def _changed(outcome: Changed) -> CustomerChanged:
    return CustomerChanged(
        message=outcome.message,
        current=customer(outcome.current),
        changed_fields=[CustomerField(field.name) for field in outcome.fields],
    )


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

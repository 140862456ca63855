"""Turns the outcomes of use cases into their GraphQL types, and tells the context of failures."""

from collections.abc import Iterable, Sequence
from typing import TypedDict, assert_never

import strawberry

from ..customers import events
from ..customers import fields as domain
from ..customers.create_customer import Conflict, Created
from ..customers.delete_customer import Deleted
from ..customers.events import Event
from ..customers.problems import (
    DuplicateInList,
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
from .context import Context
from .types import (
    CreateCustomerFailure,
    CreateCustomerResult,
    CreateCustomersResult,
    CreateCustomerSuccess,
    Customer,
    CustomerChanged,
    CustomerCreated,
    CustomerDeleted,
    CustomerEvent,
    CustomerField,
    CustomerFieldError,
    CustomerNotFound,
    CustomerUpdated,
    DeleteCustomerResult,
    DeleteCustomerSuccess,
    DuplicateInListError,
    EmailTakenError,
    EventsMissed,
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

# The types of objects that never change. The errors of single customers are made once, for all.
IMMUTABLE = (FieldError,)


def customer_result(
    outcome: Created | Rejected | Conflict, context: Context
) -> CreateCustomerResult:
    match outcome:
        case Created():
            return CreateCustomerSuccess(
                customer=customer(outcome.customer), replayed=outcome.replayed
            )
        case Rejected():
            errors = field_errors(outcome.problems)
            context.rejected(errors)
            return CreateCustomerFailure(errors=errors)
        case Conflict():
            context.rejected()
            return IdempotencyConflict(message=outcome.message)
        case _:
            assert_never(outcome)


def customers_result(
    outcomes: Sequence[Created | Rejected | Conflict], context: Context
) -> CreateCustomersResult:
    replayed = [outcome.replayed for outcome in outcomes if isinstance(outcome, Created)]
    return CreateCustomersResult(
        results=[
            _rejected_in_list(outcome, number, context)
            if isinstance(outcome, Rejected)
            else customer_result(outcome, context)
            for number, outcome in enumerate(outcomes)
        ],
        created_count=replayed.count(False),
        replayed_count=replayed.count(True),
        failed_count=len(outcomes) - len(replayed),
    )


def _rejected_in_list(outcome: Rejected, number: int, context: Context) -> CreateCustomerFailure:
    """The failure of the input with this place in the list."""
    path = ("inputs", str(number))
    errors = [_new_field_error(problem, path) for problem in outcome.problems]
    context.rejected(errors)
    return CreateCustomerFailure(errors=errors)


def update_result(
    outcome: Updated | Rejected | NotFound | Changed, context: Context
) -> UpdateCustomerResult:
    match outcome:
        case Updated():
            return UpdateCustomerSuccess(
                customer=customer(outcome.customer), changed=outcome.changed
            )
        case Rejected():
            errors = field_errors(outcome.problems)
            context.rejected(errors)
            return UpdateCustomerFailure(errors=errors)
        case NotFound():
            return _not_found(outcome, context)
        case Changed():
            return _changed(outcome, context)
        case _:
            assert_never(outcome)


def delete_result(outcome: Deleted | NotFound | Changed, context: Context) -> DeleteCustomerResult:
    match outcome:
        case Deleted():
            return DeleteCustomerSuccess(id=strawberry.ID(str(outcome.id)))
        case NotFound():
            return _not_found(outcome, context)
        case Changed():
            return _changed(outcome, context)
        case _:
            assert_never(outcome)


def _not_found(outcome: NotFound, context: Context) -> CustomerNotFound:
    context.rejected()
    return CustomerNotFound(message=outcome.message)


def _changed(outcome: Changed, context: Context) -> CustomerChanged:
    context.rejected()
    return CustomerChanged(
        message=outcome.message,
        current=customer(outcome.current),
        changed_fields=[CustomerField(field.name) for field in outcome.fields],
    )


def field_errors(problems: Iterable[Problem]) -> list[CustomerFieldError]:
    return [
        known[1] if (known := _known.get(id(problem))) else _field_error(problem)
        for problem in problems
    ]


def customer_event(event: Event) -> CustomerEvent:
    what = event.what
    match what:
        case events.CustomerCreated():
            return CustomerCreated(cursor=event.cursor, customer=customer(what.customer))
        case events.CustomerUpdated():
            return CustomerUpdated(
                cursor=event.cursor,
                customer=customer(what.customer),
                changed_fields=[CustomerField(field.name) for field in what.fields],
            )
        case events.CustomerDeleted():
            return CustomerDeleted(cursor=event.cursor, id=strawberry.ID(str(what.id)))
        case events.EventsMissed():
            return EventsMissed(cursor=event.cursor, message=what.message)
        case _:
            assert_never(what)


def customer(stored: domain.Customer) -> Customer:
    # `declared` has checked that both types have the same names.
    return Customer(**{**vars(stored), "id": str(stored.id)})


class _FieldError(TypedDict):
    """The fields that all errors have."""

    field: CustomerField
    path: list[str]
    message: str


# A problem and its error, by the `id` of the problem: `judge` makes each problem once. To hash a
# problem takes longer than all other work here.
_known: dict[int, tuple[Problem, CustomerFieldError]] = {}
_MOST_KNOWN = 1024


def _field_error(problem: Problem) -> CustomerFieldError:
    if len(_known) == _MOST_KNOWN:
        _known.clear()
    error = _new_field_error(problem, ("input",))
    _known[id(problem)] = problem, error
    return error


def _new_field_error(  # noqa: PLR0911  # one for each kind
    problem: Problem, path: Iterable[str]
) -> CustomerFieldError:
    """`path` is that of the input."""
    at: _FieldError = {
        "field": CustomerField(problem.field.name),
        "path": [*path, problem.field.public_name],
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
        case DuplicateInList():
            return DuplicateInListError(**at, first_index=problem.first_index)
        case _:
            assert_never(problem)

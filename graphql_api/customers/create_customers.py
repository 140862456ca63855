"""The use case: create a list of customers, each at most once for each idempotency key."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import assert_never

from .create_customer import Conflict, Created, created, new_customer
from .identity import email_key
from .judge import Value, judge
from .problems import EMAIL, EMAIL_IS_TAKEN, DuplicateInList, Rejected
from .store import AddOutcome, CustomerRemoved, Customers, EmailTaken, StoredCustomer

# The most customers of one list.
MAX_CUSTOMERS = 1000

_Outcome = Created | Rejected | Conflict


class ErrorPolicy(Enum):
    """What is created if some customers of a list cannot be created."""

    # All the others.
    CREATE_VALID = auto()
    # Nothing.
    CREATE_NONE = auto()


async def create_customers(
    customers: Customers,
    inputs: Iterable[Mapping[str, Value]],
    policy: ErrorPolicy,
    idempotency_key: str | None,
) -> list[_Outcome]:
    """Judges each input and stores the customers. Each input has the form that `judge` takes.

    The outcomes are in the order of the inputs, and each is the one that `create_customer` would
    return. If the policy prevents the creation of a valid customer, its outcome is a `Rejected`
    without problems. A list that is sent again with its key has the same outcomes, but its
    customers are replayed. Raises `Unavailable`, and `ListUnknown`.
    """
    rows = await _judged(inputs, idempotency_key)
    outcomes: dict[int, _Outcome] = {
        number: row for number, row in enumerate(rows) if isinstance(row, Rejected)
    }
    valid = {number: row for number, row in enumerate(rows) if isinstance(row, StoredCustomer)}
    if outcomes and idempotency_key is not None:
        keys = {_row_key(idempotency_key, number): number for number in outcomes}
        # As in `create_customer`: a known key was used with different input.
        for key in await customers.used_keys(list(keys)):
            outcomes[keys[key]] = Conflict()

    new = list(valid.values())
    if policy is ErrorPolicy.CREATE_VALID:
        added: Sequence[AddOutcome | None] = await customers.add_each(new)
    elif outcomes:
        added = await customers.find_added(new)
    else:
        added = await customers.add_all(new)
    for (number, row), outcome in zip(valid.items(), added, strict=True):
        outcomes[number] = _outcome(row, outcome)
    return [outcomes[number] for number in range(len(rows))]


async def _judged(
    inputs: Iterable[Mapping[str, Value]], idempotency_key: str | None
) -> list[StoredCustomer | Rejected]:
    rows: list[StoredCustomer | Rejected] = []
    # The first place of each email address in the list, by its key.
    first_index: dict[str, int] = {}
    for number, values in enumerate(inputs):
        judged = judge(values)
        if isinstance(judged, Rejected):
            rows.append(judged)
        elif (first := first_index.setdefault(email_key(judged.email), number)) != number:
            rows.append(Rejected((DuplicateInList(EMAIL, first),)))
        else:
            key = None if idempotency_key is None else _row_key(idempotency_key, number)
            rows.append(new_customer(judged, key))
        # Other requests run between two customers.
        await asyncio.sleep(0)
    return rows


def _row_key(idempotency_key: str, number: int) -> str:
    """The key of one customer of a list. No client can send it, because it has a line break."""
    return f"{idempotency_key}\n{number}"


def _outcome(new: StoredCustomer, outcome: AddOutcome | None) -> _Outcome:
    match outcome:
        case StoredCustomer():
            return created(new, outcome)
        case EmailTaken():
            return Rejected((EMAIL_IS_TAKEN,))
        case CustomerRemoved():
            return Conflict()
        case None:
            return Rejected(())
        case _:
            assert_never(outcome)

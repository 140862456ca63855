"""The use case: create a customer, at most once for each idempotency key."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from .fields import Customer, NewCustomer
from .judge import Value, judge
from .problems import EMAIL_IS_TAKEN, Problem, Rejected, TooLong
from .store import Attempt, CustomerRemoved, Customers, EmailTaken, StoredCustomer
from .versions import now

# To make an encoder takes as long as to use it.
_JSON = json.JSONEncoder(sort_keys=True)


@dataclass(frozen=True)
class Created:
    """The customer is stored. `replayed`: an earlier request with the same key created it."""

    customer: Customer
    replayed: bool


@dataclass(frozen=True)
class Conflict:
    """The idempotency key was already used with different input, or its customer was deleted."""

    message: str = "This idempotency key was already used with different input. Use a new key."


async def create_customer(
    customers: Customers, values: Mapping[str, Value], idempotency_key: str | None
) -> Created | Rejected | Conflict:
    """Judges the input and stores the customer. `values` has the form that `judge` takes.

    Raises `Unavailable` if the store cannot be reached, and `OutcomeUnknown`.
    """
    judged = judge(values)
    if isinstance(judged, Rejected):
        if any(map(_took_long, judged.problems)):
            # Other requests run before this document's next creation.
            await asyncio.sleep(0)
        # Every stored customer was valid, so a known key was used with different input.
        if idempotency_key is not None and await customers.created_with(idempotency_key):
            return Conflict()
        return judged

    new = new_customer(judged, idempotency_key)
    try:
        stored = await customers.add(new)
    except EmailTaken:
        return Rejected((EMAIL_IS_TAKEN,))
    except CustomerRemoved:
        return Conflict()
    return created(new, stored)


def _took_long(problem: Problem) -> bool:
    """Whether the problem is a long text, which takes time to judge."""
    return isinstance(problem, TooLong) and problem.actual_length > 2 * problem.max_length


def new_customer(judged: NewCustomer, idempotency_key: str | None) -> StoredCustomer:
    """A valid customer with a new id, as the store takes it."""
    attempt = None if idempotency_key is None else Attempt(idempotency_key, fingerprint(judged))
    time = now()
    customer = Customer(**vars(judged), id=uuid4(), version=1, created_at=time, updated_at=time)
    return StoredCustomer(customer, attempt)


def created(new: StoredCustomer, stored: StoredCustomer) -> Created | Conflict:
    """The outcome of a creation, from the customer that the store has for it."""
    if stored.attempt != new.attempt:
        return Conflict()
    return Created(stored.customer, replayed=stored.customer.id != new.customer.id)


def fingerprint(new: NewCustomer) -> str:
    """SHA-256 of the given fields alone, so that a field that is added later does not change it."""
    given = {name: value for name, value in vars(new).items() if value is not None}
    return hashlib.sha256(_JSON.encode(given).encode()).hexdigest()

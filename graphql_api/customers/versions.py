"""The versions of a customer: when one is made, and what a request for another one finds."""

from dataclasses import dataclass
from datetime import UTC, datetime

from .fields import FIELDS, Customer, Field
from .store import StoredCustomer


@dataclass(frozen=True)
class NotFound:
    """No customer has this id."""

    message: str = "No customer has this id. It may have been deleted."


@dataclass(frozen=True)
class Changed:
    """The customer does not have the version that the request expects. Nothing was changed.

    `fields` differ between the two versions, as far as is known, in the order of the declaration.
    """

    current: Customer
    fields: tuple[Field, ...]
    message: str = (
        "The customer was changed in the meantime. Check its current values, and send the request "
        "again with its current version."
    )


def changed_since(stored: StoredCustomer, version: int) -> tuple[Field, ...]:
    """The fields that changed after the customer had this version."""
    changed_in = dict(stored.changed_in)
    return tuple(field for field in FIELDS if changed_in.get(field.name, version) > version)


def now() -> datetime:
    """The time in UTC, to the millisecond, as MongoDB stores it."""
    time = datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)

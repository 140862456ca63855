"""What creating and reading customers needs of the place where they are kept."""

from dataclasses import dataclass
from typing import Protocol

from .fields import Customer


class EmailTaken(Exception):
    """Another customer has this e-mail address, compared without regard to case."""


@dataclass(frozen=True)
class Attempt:
    """One creation as its client names it: a key, and a fingerprint of the input."""

    key: str
    fingerprint: str


@dataclass(frozen=True)
class StoredCustomer:
    """A customer as it is kept, and the attempt that created it, where it had a key."""

    customer: Customer
    attempt: Attempt | None


class Customers(Protocol):
    """All customers that are kept. Every method raises `Unavailable`."""

    async def ready(self) -> None:
        """Returns when customers can be created and read."""

    async def add(self, new: StoredCustomer) -> StoredCustomer:
        """Keep a new customer, or give the one that the same key created before.

        Returns only after a majority acknowledged the write, journaled. Raises
        `EmailTaken` and `OutcomeUnknown`.
        """

    async def get(self, id_: str) -> Customer | None:
        """The customer with this id; None also for what is no id as it was given out."""

    async def created_with(self, key: str) -> StoredCustomer | None:
        """The customer that was created with this idempotency key."""

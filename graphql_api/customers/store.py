"""What creating and reading customers needs of the place where they are kept."""

from dataclasses import dataclass
from typing import Protocol

from .fields import Customer


class EmailTaken(Exception):
    """Another customer has this e-mail address, compared without regard to case."""


class Unavailable(Exception):
    """The place where customers are kept did not answer in time; nothing was stored, for sure."""


class SettingUp(Unavailable):
    """The place is being made ready for customers, which may take long."""

    def __init__(self, progress: str) -> None:
        super().__init__(progress)
        self.progress = progress


class OutcomeUnknown(Exception):
    """A customer was sent to where customers are kept, and no answer says what became of it.

    It may be kept, or may still come to be. Sent again with its idempotency key, it is kept once.
    """


@dataclass(frozen=True)
class Attempt:
    """One creation as its client names it: a key, and a fingerprint of the input."""

    key: str
    fingerprint: str


@dataclass(frozen=True)
class Kept:
    """A customer as it is kept, and the attempt that created it, where it had a key."""

    customer: Customer
    attempt: Attempt | None


class Customers(Protocol):
    """All customers that are kept. Every method raises `Unavailable`."""

    async def ready(self) -> None:
        """Returns when customers can be created and read."""

    async def add(self, new: Kept) -> Kept:
        """Keep a new customer, or give the one that the same key created before.

        Returns only after a majority acknowledged the write, journaled. Raises
        `EmailTaken` and `OutcomeUnknown`.
        """

    async def get(self, id_: str) -> Customer | None:
        """The customer with this id; None also for what is no id as it was given out."""

    async def created_with(self, key: str) -> Kept | None:
        """The customer that was created with this idempotency key."""

"""The interface of a store of customers, as the use cases need it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .fields import Customer
from .listings import Listing, Page, PageRequest


class EmailTaken(Exception):
    """Another customer has this email address, compared without regard to case."""


class CustomerRemoved(Exception):
    """The customer that this idempotency key created was removed in the last 24 hours."""


class CustomerInvalid(Exception):
    """The store's own rules refuse the customer, such as for a value that is stored already."""


@dataclass(frozen=True)
class Attempt:
    """One creation that its client names: the idempotency key, and a fingerprint of the input.

    The fingerprint is the SHA-256 of the normalised input, in hexadecimal digits.
    """

    key: str
    fingerprint: str


@dataclass(frozen=True)
class StoredCustomer:
    """A customer, and the attempt that created it if the request had an idempotency key.

    `changed_in` has the Python name of each field that was changed, and the version in which it
    was changed last.
    """

    customer: Customer
    attempt: Attempt | None
    changed_in: tuple[tuple[str, int], ...] = ()


# What `Customers.add` returns or raises for one customer.
AddOutcome = StoredCustomer | EmailTaken | CustomerRemoved


class Customers(Protocol):
    """All stored customers. Each method raises `Unavailable` if the store cannot be reached."""

    async def add(self, new: StoredCustomer) -> StoredCustomer:
        """Stores a new customer, or returns the one that the same key created before.

        Returns only after a majority has the write in its journal. Raises `EmailTaken`,
        `CustomerRemoved`, and `OutcomeUnknown` if the customer may or may not be stored.
        """

    async def add_each(self, new: Sequence[StoredCustomer]) -> Sequence[AddOutcome]:
        """Does the same as `add` for each of these customers, which have different addresses.

        Raises `Unavailable` only if no customer was stored, and otherwise `ListUnknown`.
        """

    async def add_all(self, new: Sequence[StoredCustomer]) -> Sequence[AddOutcome | None]:
        """Stores these customers, except those that their keys created before, or stores nothing.

        They have different addresses. If one of them cannot be stored, the outcome of those that
        could be stored is None. Raises `Unavailable`, and `ListUnknown`.
        """

    async def find_added(self, new: Sequence[StoredCustomer]) -> Sequence[AddOutcome | None]:
        """The outcomes of `add_all` for a list of which nothing is to be stored."""

    async def used_keys(self, keys: Sequence[str]) -> set[str]:
        """Those of the idempotency keys for which `created_with` is true."""

    async def get(self, id_: str) -> Customer | None:
        """The customer with this id, or None. An id is valid only as it was given out."""

    async def by_email(self, email: str) -> Customer | None:
        """The customer with this email address, or None.

        The address is normalised, and compared without regard to case. A text that is not a valid
        address belongs to no customer.
        """

    async def page(self, request: PageRequest) -> Page:
        """One page of a list that contains every customer stored before the request."""

    async def count(self, listing: Listing, limit: int) -> int:
        """The number of customers of a list, or the limit if it has more."""

    async def created_with(self, key: str) -> bool:
        """Whether the idempotency key created a customer that was not removed over 24 hours ago."""

    async def find(self, id_: str) -> StoredCustomer | None:
        """The customer with this id, as `replace` and `remove` take it, or None."""

    async def replace(self, old: StoredCustomer, new: StoredCustomer) -> bool:
        """Stores the next version of a customer if its version is still that of `old`.

        False if another change was first. Returns True only after a majority has the write in its
        journal. Raises `EmailTaken`, `CustomerInvalid`, and `ChangeUnknown` if the change may or
        may not be made.
        """

    async def remove(self, old: StoredCustomer) -> bool:
        """Removes a customer if its version is still that of `old`.

        Its email address can be used again at once, its idempotency key after 24 hours. False if
        another change was first. Returns True only after a majority has the write in its journal.
        Raises `ChangeUnknown` if the customer may or may not be removed.
        """

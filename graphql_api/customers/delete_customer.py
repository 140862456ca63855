"""The use case: delete a customer, whose email address can then be used again."""

from dataclasses import dataclass
from uuid import UUID

from .store import Customers
from .versions import Changed, NotFound, changed_since


@dataclass(frozen=True)
class Deleted:
    """This request has deleted the customer with this id."""

    id: UUID


async def delete_customer(
    customers: Customers, id_: str, if_version: int | None
) -> Deleted | NotFound | Changed:
    """Deletes the customer; with `if_version`, only that version of it.

    A request that is repeated after a lost answer gets `NotFound`. Raises `Unavailable` if the
    store cannot be reached, and `ChangeUnknown`.
    """
    # Ends: if another change was first, that change is made.
    while (stored := await customers.find(id_)) is not None:
        if if_version is not None and if_version != stored.customer.version:
            return Changed(stored.customer, changed_since(stored, if_version))
        if await customers.remove(stored):
            return Deleted(stored.customer.id)
    return NotFound()

"""The use case: find a customer by its email address."""

from .fields import Customer
from .formats import EMAIL
from .store import Customers


async def find_by_email(customers: Customers, email: str) -> Customer | None:
    """The customer with this email address in any case, or None.

    White space around the address is ignored. Raises `Unavailable` if the store cannot be reached.
    """
    address, is_valid = EMAIL.read(email)
    # No stored address is invalid.
    return await customers.get_by_email(address) if is_valid else None

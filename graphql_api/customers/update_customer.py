"""The use case: change a customer, once for each request."""

from collections.abc import Mapping
from dataclasses import dataclass

from .fields import FIELDS, Customer, NewCustomer
from .judge import Value, judge
from .problems import EMAIL_IS_TAKEN, Rejected
from .store import CustomerInvalid, Customers, EmailTaken, StoredCustomer
from .versions import Changed, NotFound, changed_since, now


@dataclass(frozen=True)
class Updated:
    """The customer has the values that were sent. `changed`: this request has changed it."""

    customer: Customer
    changed: bool


async def update_customer(  # noqa: PLR0911  # one for each outcome
    customers: Customers, id_: str, values: Mapping[str, Value], if_version: int | None
) -> Updated | Rejected | NotFound | Changed:
    """Judges what was sent, and changes the customer.

    `values` has the form that `judge` takes: an absent field stays as it is, None removes it. With
    `if_version`, only that version is changed; without it, the last of several changes wins.
    Raises `Unavailable` if the store cannot be reached, and `ChangeUnknown`.
    """
    # Ends: if another change was first, that change is made.
    while (stored := await customers.find(id_)) is not None:
        judged = judge(values, stored.customer)
        if isinstance(judged, Rejected):
            return judged
        new = _changed(stored, judged)
        if if_version is not None and if_version != stored.customer.version:
            fields = changed_since(stored, if_version)
            if new is not None or not any(field.name in values for field in fields):
                return Changed(stored.customer, fields)
            # The request is repeated after a lost answer, and finds its own change.
        if new is None:
            return Updated(stored.customer, changed=False)
        try:
            if await customers.replace(stored, new):
                return Updated(new.customer, changed=True)
        except EmailTaken:
            return Rejected((EMAIL_IS_TAKEN,))
        except CustomerInvalid:
            # A value that stays as it is breaks a rule that is newer than the value.
            whole = judge(vars(judged))
            if isinstance(whole, Rejected):
                return whole
            raise
    return NotFound()


def _changed(stored: StoredCustomer, judged: NewCustomer) -> StoredCustomer | None:
    """The next version of the customer, with these values; None if it has them already."""
    old, old_values, values = stored.customer, vars(stored.customer), vars(judged)
    names = [field.name for field in FIELDS if values[field.name] != old_values[field.name]]
    if not names:
        return None
    version = old.version + 1
    customer = Customer(
        **values,
        id=old.id,
        created_at=old.created_at,
        # Clocks of servers differ.
        updated_at=max(now(), old.updated_at),
        version=version,
    )
    changed_in = dict(stored.changed_in) | dict.fromkeys(names, version)
    return StoredCustomer(customer, stored.attempt, tuple(changed_in.items()))

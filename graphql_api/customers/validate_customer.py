"""The use case: find the problems of a customer's input, and store nothing."""

from collections.abc import Mapping

from .judge import Value, judge
from .problems import EMAIL_IS_TAKEN, Problem, Rejected
from .store import Customers


async def validate_customer(
    customers: Customers, values: Mapping[str, Value], id_: str | None
) -> tuple[Problem, ...]:
    """Every problem that `create_customer` would find in the input; empty if it is valid.

    With the id of a customer, the input is a change of that customer, whose own email address is
    not taken. `values` has the form that `judge` takes. Raises `Unavailable` if the store cannot be
    reached.
    """
    judged = judge(values)
    if isinstance(judged, Rejected):
        return judged.problems
    holder = await customers.by_email(judged.email)
    return () if holder is None or str(holder.id) == id_ else (EMAIL_IS_TAKEN,)

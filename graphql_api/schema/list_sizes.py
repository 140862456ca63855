"""Which arguments say how much an operation reads or writes, for the limit of cost."""

from ..customers.create_customers import MAX_CUSTOMERS
from ..customers.list_customers import (
    DEFAULT_LIMIT,
    DEFAULT_SIZE,
    LARGEST_LIMIT,
    LARGEST_SIZE,
)
from ..execution.list_sizes import ListSize

# The only operation that may have a large body.
CREATE_CUSTOMERS = "createCustomers"

LIST_SIZES = {
    # Alone, a list of any length has the cost of a usual list.
    f"Mutation.{CREATE_CUSTOMERS}": ListSize(
        ("inputs",),
        ("results",),
        assumed_size=1,
        maximum=MAX_CUSTOMERS,
        size_if_alone=10,
        cost_of_an_item=1.0,
    ),
    "Query.customers": ListSize(
        ("first", "last"), ("edges", "nodes"), assumed_size=DEFAULT_SIZE, maximum=LARGEST_SIZE
    ),
    # To count a hundred customers takes MongoDB longer than to read one.
    "CustomerConnection.totalCount": ListSize(
        ("limit",), (), assumed_size=DEFAULT_LIMIT, maximum=LARGEST_LIMIT, cost_of_an_item=0.01
    ),
}

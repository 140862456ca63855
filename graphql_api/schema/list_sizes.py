"""Which arguments say how long the lists in a result are, for the limit of cost."""

from ..customers.create_customers import MAX_CUSTOMERS
from ..customers.list_customers import DEFAULT_SIZE, LARGEST_SIZE
from ..execution.list_sizes import ListSize

# The only operation that may have a large body.
CREATE_CUSTOMERS = "createCustomers"

# Alone, a list of any length has the cost of a usual list.
LIST_SIZES = {
    f"Mutation.{CREATE_CUSTOMERS}": ListSize(
        ("inputs",), ("results",), assumed_size=1, maximum=MAX_CUSTOMERS, size_if_alone=10
    ),
    "Query.customers": ListSize(
        ("first", "last"), ("edges", "nodes"), assumed_size=DEFAULT_SIZE, maximum=LARGEST_SIZE
    ),
}

"""The table of contents: each operation with its description and its resolver."""

import strawberry

from .create_customer import resolve_create_customer
from .customer import resolve_customer
from .types import CreateCustomerResult, Customer


@strawberry.type(description="The operations that write data.")
class Mutation:
    create_customer: CreateCustomerResult | None = strawberry.mutation(
        resolver=resolve_create_customer,
        description=(
            "Creates a customer. Returns the customer, or every problem of every field at once. "
            "The email address identifies a customer: no two customers have the same one. If the "
            "result is `null`, `errors` says why; other fields keep their results."
        ),
    )


@strawberry.type(description="The operations that read data.")
class Query:
    customer: Customer | None = strawberry.field(
        resolver=resolve_customer,
        description="The customer with this `id`, or `null` if it does not exist.",
    )

"""The table of contents: each operation with its description and its resolver."""

import strawberry

from ..execution.prepared import TakeGiven
from .create_customer import resolve_create_customer
from .customer import resolve_customer
from .delete_customer import resolve_delete_customer
from .types import CreateCustomerResult, Customer, DeleteCustomerResult, UpdateCustomerResult
from .update_customer import resolve_update_customer


@strawberry.type(description="The operations that write data.")
class Mutation:
    create_customer: CreateCustomerResult | None = strawberry.mutation(
        resolver=resolve_create_customer,
        extensions=[TakeGiven()],
        description=(
            "Creates a customer. Returns the customer, or every problem of every field at once. "
            "The email address identifies a customer: no two customers have the same one. If the "
            "result is `null`, `errors` says why; other fields keep their results."
        ),
    )
    update_customer: UpdateCustomerResult | None = strawberry.mutation(
        resolver=resolve_update_customer,
        extensions=[TakeGiven()],
        description=(
            "Changes a customer. The rules are those of `createCustomer`. A request that is sent "
            "again does not change the customer twice."
        ),
    )
    delete_customer: DeleteCustomerResult | None = strawberry.mutation(
        resolver=resolve_delete_customer,
        extensions=[TakeGiven()],
        description=(
            "Deletes a customer. An idempotency key that created the customer stays used for 24 "
            "hours."
        ),
    )


@strawberry.type(description="The operations that read data.")
class Query:
    customer: Customer | None = strawberry.field(
        resolver=resolve_customer,
        extensions=[TakeGiven()],
        description="The customer with this `id`, or `null` if there is none.",
    )

"""The table of contents: each operation with its description and its resolver."""

from collections.abc import AsyncIterator

import strawberry

from .create_customer import resolve_create_customer
from .create_customers import resolve_create_customers
from .customer import resolve_customer
from .customer_by_email import resolve_customer_by_email
from .customer_events import resolve_customer_events
from .customer_field_rules import resolve_customer_field_rules
from .customers import resolve_customers
from .delete_customer import resolve_delete_customer
from .node import resolve_node
from .types import (
    CreateCustomerResult,
    CreateCustomersResult,
    Customer,
    CustomerConnection,
    CustomerEvent,
    CustomerFieldError,
    CustomerFieldRule,
    DeleteCustomerResult,
    Node,
    UpdateCustomerResult,
)
from .update_customer import resolve_update_customer
from .validate_customer import resolve_validate_customer


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
    create_customers: CreateCustomersResult | None = strawberry.mutation(
        resolver=resolve_create_customers,
        description=(
            "Creates up to 1,000 customers. The rules are those of `createCustomer`, and each "
            "customer has a result of its own. An email address can occur only once in the list."
        ),
    )
    update_customer: UpdateCustomerResult | None = strawberry.mutation(
        resolver=resolve_update_customer,
        description=(
            "Changes a customer. The rules are those of `createCustomer`. A request that is sent "
            "again does not change the customer twice."
        ),
    )
    delete_customer: DeleteCustomerResult | None = strawberry.mutation(
        resolver=resolve_delete_customer,
        description=(
            "Deletes a customer. An idempotency key that created the customer stays used for 24 "
            "hours."
        ),
    )


@strawberry.type(description="The operations that read data.")
class Query:
    node: Node | None = strawberry.field(
        resolver=resolve_node,
        description="The object with this `id`, or `null` if it does not exist.",
    )
    customer: Customer | None = strawberry.field(
        resolver=resolve_customer,
        description="The customer with this `id`, or `null` if it does not exist.",
    )
    customer_by_email: Customer | None = strawberry.field(
        resolver=resolve_customer_by_email,
        description=(
            "The customer with this email address, compared without regard to case, or `null` if "
            "it does not exist."
        ),
    )
    customers: CustomerConnection | None = strawberry.field(
        resolver=resolve_customers,
        description=(
            "One page of a list of customers. A list contains every customer that was stored "
            "before the request. While others create, change and remove customers, the pages of a "
            "list neither repeat nor miss a customer that stays as it is."
        ),
    )
    customer_field_rules: list[CustomerFieldRule] | None = strawberry.field(
        resolver=resolve_customer_field_rules,
        description=(
            "The rule of each field of a customer, in the order of the fields. This requires no "
            "scope."
        ),
    )
    validate_customer: list[CustomerFieldError] | None = strawberry.field(
        resolver=resolve_validate_customer,
        description=(
            "The errors with which `createCustomer` would reject this input, a taken email address "
            "included. The list is empty if the input is valid. Nothing is stored."
        ),
    )


@strawberry.type(description="The operations that send events as they happen.")
class Subscription:
    customer_events: AsyncIterator[CustomerEvent] = strawberry.subscription(
        resolver=resolve_customer_events,
        description=(
            "Everything that happens to customers, in the order in which it was stored. A "
            "subscriber that sends the cursor of its last event as `after` neither loses nor "
            "repeats an event. This requires the scope `customers:read`."
        ),
    )

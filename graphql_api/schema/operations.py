"""The table of contents: each operation with its description and its resolver."""

import strawberry

from ..execution.prepared import TakeGiven
from .create_customer import resolve_create_customer
from .customer import resolve_customer
from .customer_by_email import resolve_customer_by_email
from .customer_field_rules import resolve_customer_field_rules
from .node import resolve_node
from .types import CreateCustomerResult, Customer, CustomerFieldError, CustomerFieldRule, Node
from .validate_customer import resolve_validate_customer


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


@strawberry.type(description="The operations that read data.")
class Query:
    node: Node | None = strawberry.field(
        resolver=resolve_node,
        extensions=[TakeGiven()],
        description="The object with this `id`, or `null` if there is none.",
    )
    customer: Customer | None = strawberry.field(
        resolver=resolve_customer,
        extensions=[TakeGiven()],
        description="The customer with this `id`, or `null` if there is none.",
    )
    customer_by_email: Customer | None = strawberry.field(
        resolver=resolve_customer_by_email,
        extensions=[TakeGiven()],
        description=(
            "The customer with this email address, compared without regard to case, or `null` if "
            "there is none."
        ),
    )
    customer_field_rules: list[CustomerFieldRule] | None = strawberry.field(
        resolver=resolve_customer_field_rules,
        extensions=[TakeGiven()],
        description=(
            "The rule of each field of a customer, in the order of the fields. This requires no "
            "scope."
        ),
    )
    validate_customer: list[CustomerFieldError] | None = strawberry.field(
        resolver=resolve_validate_customer,
        extensions=[TakeGiven()],
        description=(
            "The errors with which `createCustomer` would reject this input, a taken email address "
            "included. The list is empty if the input is valid. Nothing is stored."
        ),
    )

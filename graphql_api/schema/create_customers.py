"""The mutation `createCustomers`: what it accepts, and the call of the use case."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from ..access.principal import Scope
from ..customers.create_customers import MAX_CUSTOMERS, ErrorPolicy, create_customers
from .context import Context, require_scope
from .create_customer import given, key_of
from .errors import bad_user_input
from .outcomes import customers_result
from .types import BulkErrorPolicy, CreateCustomerInput, CreateCustomersResult


async def resolve_create_customers(
    info: Info[Context, None],
    inputs: Annotated[
        list[CreateCustomerInput],
        strawberry.argument(description="The customers to create: at most 1,000."),
    ],
    on_error: Annotated[
        BulkErrorPolicy,
        strawberry.argument(
            description="Which customers are created if some of them cannot be created."
        ),
    ] = BulkErrorPolicy.CREATE_VALID,
    idempotency_key: Annotated[
        str | None,
        strawberry.argument(
            description=(
                "1 to 255 printable ASCII characters that the client chooses, new for each list. "
                "A list that is sent again with the same key never creates a customer twice. Also "
                "accepted as the HTTP header `Idempotency-Key`."
            )
        ),
    ] = strawberry.UNSET,
) -> CreateCustomersResult:
    require_scope(Scope.CUSTOMERS_WRITE, info.context)
    key = key_of(idempotency_key, info.context.idempotency_key)
    if len(inputs) > MAX_CUSTOMERS:
        raise bad_user_input(f"`inputs` has more than {MAX_CUSTOMERS:,} customers. Send fewer.")
    outcomes = await create_customers(
        info.context.customers, map(given, inputs), ErrorPolicy[on_error.name], key
    )
    return customers_result(outcomes, info.context)

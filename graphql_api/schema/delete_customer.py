"""The mutation `deleteCustomer`: what it accepts, and the call of the use case."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from ..access.principal import Scope
from ..customers.delete_customer import delete_customer
from .arguments import none_if_unset
from .context import Context, require_scope
from .outcomes import delete_result
from .types import DeleteCustomerResult


async def resolve_delete_customer(
    info: Info[Context, None],
    id: Annotated[  # noqa: A002  # GraphQL's name
        strawberry.ID, strawberry.argument(description="The `id` of the customer.")
    ],
    if_version: Annotated[
        int | None,
        strawberry.argument(
            description=(
                "The `version` that the client knows. If the customer has another one, it is not "
                "deleted."
            )
        ),
    ] = strawberry.UNSET,
) -> DeleteCustomerResult:
    require_scope(Scope.CUSTOMERS_WRITE, info.context)
    expected = none_if_unset(if_version)
    outcome = await delete_customer(info.context.customers, id, expected)
    return delete_result(outcome, info.context)

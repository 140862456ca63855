"""The mutation `updateCustomer`: what it accepts, and the call of the use case."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from ..access.principal import Scope
from ..customers.judge import Value
from ..customers.update_customer import update_customer
from .arguments import none_if_unset
from .context import Context, require_scope
from .outcomes import update_result
from .types import UpdateCustomerInput, UpdateCustomerResult


async def resolve_update_customer(
    info: Info[Context, None],
    id: Annotated[  # noqa: A002  # GraphQL's name
        strawberry.ID, strawberry.argument(description="The `id` of the customer.")
    ],
    input: Annotated[  # noqa: A002  # the specification's name
        UpdateCustomerInput, strawberry.argument(description="The fields to change.")
    ],
    if_version: Annotated[
        int | None,
        strawberry.argument(
            description=(
                "The `version` that the client knows. If the customer has another one, nothing is "
                "changed. Without it, the last of several changes wins."
            )
        ),
    ] = strawberry.UNSET,
) -> UpdateCustomerResult:
    require_scope(Scope.CUSTOMERS_WRITE, info.context)
    expected = none_if_unset(if_version)
    outcome = await update_customer(info.context.customers, id, _sent(input), expected)
    return update_result(outcome, info.context)


def _sent(input: UpdateCustomerInput) -> dict[str, Value]:  # noqa: A002  # as above
    return {name: sent.value for name, sent in vars(input).items() if sent is not None}

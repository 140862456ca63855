"""The query `validateCustomer`: what it accepts, and the call of the use case."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from ..access.principal import Scope
from ..customers.validate_customer import validate_customer
from .context import Context, require_scope
from .create_customer import given
from .outcomes import field_errors
from .types import CreateCustomerInput, CustomerFieldError


async def resolve_validate_customer(
    info: Info[Context, None],
    input: Annotated[  # noqa: A002  # the specification's name
        CreateCustomerInput, strawberry.argument(description="The customer to validate.")
    ],
    id: Annotated[  # noqa: A002  # the specification's name
        strawberry.ID | None,
        strawberry.argument(
            description=(
                "The `id` of the customer to change; its own email address is not taken. Omit it "
                "for a new customer."
            )
        ),
    ] = strawberry.UNSET,
) -> list[CustomerFieldError] | None:
    # Otherwise a client without this scope could find out which email addresses are taken.
    require_scope(Scope.CUSTOMERS_WRITE, info.context)
    problems = await validate_customer(info.context.customers, given(input), id or None)
    return field_errors(problems)

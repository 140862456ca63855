"""The query `customer`."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from ..access.principal import Scope
from .context import Context, require_scope
from .outcomes import customer
from .types import Customer


async def resolve_customer(
    info: Info[Context, None],
    id: Annotated[  # noqa: A002  # GraphQL's name
        strawberry.ID, strawberry.argument(description="The `id` of the customer.")
    ],
) -> Customer | None:
    require_scope(Scope.CUSTOMERS_READ, info.context)
    found = await info.context.customers.get(id)
    return None if found is None else customer(found)

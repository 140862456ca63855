"""The query `customerByEmail`."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from ..access.principal import Scope
from .context import Context, require_scope
from .outcomes import customer
from .types import Customer


async def resolve_customer_by_email(
    info: Info[Context, None],
    email: Annotated[
        str, strawberry.argument(description="The whole email address. Case makes no difference.")
    ],
) -> Customer | None:
    require_scope(Scope.CUSTOMERS_READ, info.context)
    found = await info.context.customers.by_email(email)
    return None if found is None else customer(found)

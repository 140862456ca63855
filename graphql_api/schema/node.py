"""The query `node`."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from .context import Context
from .customer import resolve_customer
from .types import Node


async def resolve_node(
    info: Info[Context, None],
    id: Annotated[  # noqa: A002  # GraphQL's name
        strawberry.ID, strawberry.argument(description="The `id` of the object.")
    ],
) -> Node | None:
    # Customers are the only objects that have an id.
    return await resolve_customer(info, id)

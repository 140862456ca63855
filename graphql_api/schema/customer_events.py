"""The subscription `customerEvents`."""

from collections.abc import AsyncIterator
from typing import Annotated, cast

import strawberry
from strawberry.types import Info

from ..access.principal import Scope
from ..customers.events import InvalidCursor
from .context import SubscriptionContext, require_scope
from .errors import bad_user_input
from .types import CustomerEvent


async def resolve_customer_events(
    info: Info[SubscriptionContext, None],
    after: Annotated[
        str | None,
        strawberry.argument(
            description=(
                "The `cursor` of an event: the events that follow it are sent first. Without it, "
                "only events from now on are sent. The header `Last-Event-ID` replaces it."
            )
        ),
    ] = strawberry.UNSET,
) -> AsyncIterator[CustomerEvent]:
    """A subscriber of the feed. Its events become GraphQL types when they are answered."""
    require_scope(Scope.CUSTOMERS_READ, info.context)
    cursor = info.context.last_event_id or (None if after is strawberry.UNSET else after)
    try:
        follower = await info.context.events.follow(cursor)
    except InvalidCursor as error:
        raise bad_user_input(str(error)) from None
    return cast("AsyncIterator[CustomerEvent]", follower)

"""The query `customers`: what it accepts, and the calls of the use cases."""

from functools import partial
from typing import Annotated

import strawberry
from strawberry.types import Info

from ..access.principal import Scope
from ..customers import listings as domain
from ..customers.cursors import cursor_of
from ..customers.list_customers import (
    DEFAULT_SIZE,
    LARGEST_SIZE,
    MOST_CHARACTERS,
    MOST_WORDS,
    Part,
    count_customers,
    list_customers,
    listing,
)
from ..customers.store import Customers
from .arguments import none_if_unset
from .context import Context, require_scope
from .errors import bad_user_input
from .outcomes import customer
from .types import (
    Count,
    CountPrecision,
    CustomerConnection,
    CustomerEdge,
    CustomerField,
    CustomerFilter,
    CustomerOrder,
    CustomerOrderField,
    DateTimeRange,
    OrderDirection,
    PageInfo,
)

_SIZE = f"1 to {LARGEST_SIZE}. Without `first` and `last`, a page has {DEFAULT_SIZE}."
_NEWEST_FIRST = CustomerOrder(field=CustomerOrderField.CREATED_AT, direction=OrderDirection.DESC)


async def resolve_customers(  # noqa: PLR0913, PLR0917  # the specification's arguments
    info: Info[Context, None],
    first: Annotated[
        int | None,
        strawberry.argument(description=f"The number of customers at the beginning: {_SIZE}"),
    ] = strawberry.UNSET,
    after: Annotated[
        str | None, strawberry.argument(description="A cursor: only customers after it are listed.")
    ] = strawberry.UNSET,
    last: Annotated[
        int | None, strawberry.argument(description=f"The number of customers at the end: {_SIZE}")
    ] = strawberry.UNSET,
    before: Annotated[
        str | None,
        strawberry.argument(description="A cursor: only customers before it are listed."),
    ] = strawberry.UNSET,
    search: Annotated[
        str | None,
        strawberry.argument(
            description=(
                f"Up to {MOST_WORDS} words and {MOST_CHARACTERS} characters. Each word must be the "
                "beginning of a word of the name or of the description, of the email address or a "
                "part of it, of the phone number or of the ZIP code. Case, width and accents make "
                "no difference."
            )
        ),
    ] = strawberry.UNSET,
    filter: Annotated[  # noqa: A002  # the specification's name
        CustomerFilter | None, strawberry.argument(description="Which customers are listed.")
    ] = strawberry.UNSET,
    order_by: Annotated[
        CustomerOrder, strawberry.argument(description="The order of the list.")
    ] = _NEWEST_FIRST,
) -> CustomerConnection:
    require_scope(Scope.CUSTOMERS_READ, info.context)
    customers = info.context.customers
    order = domain.Order(
        domain.OrderField(order_by.field.value), order_by.direction is OrderDirection.DESC
    )
    part = Part(
        first=none_if_unset(first),
        after=none_if_unset(after),
        last=none_if_unset(last),
        before=none_if_unset(before),
    )
    try:
        asked = listing(none_if_unset(search), filter_of(none_if_unset(filter)), order)
        page = await list_customers(customers, asked, part)
    except domain.InvalidList as error:
        raise bad_user_input(str(error)) from None
    return _connection(customers, asked, page)


def filter_of(sent: CustomerFilter | None) -> domain.Filter | None:
    """The filter that a client sends, before any of its values are read."""
    if sent is None:
        return None
    return domain.Filter(
        created_at=_range(none_if_unset(sent.created_at)),
        updated_at=_range(none_if_unset(sent.updated_at)),
        country=_values(sent.country),
        state=_values(sent.state),
        city=_values(sent.city),
        has=_names(sent.has),
        has_not=_names(sent.has_not),
    )


def _range(sent: DateTimeRange | None) -> domain.TimeRange | None:
    if sent is None:
        return None
    return domain.TimeRange(none_if_unset(sent.from_), none_if_unset(sent.before))


def _values(sent: list[str] | None) -> tuple[str, ...] | None:
    values = none_if_unset(sent)
    return None if values is None else tuple(values)


def _names(sent: list[CustomerField] | None) -> tuple[str, ...] | None:
    fields = none_if_unset(sent)
    return None if fields is None else tuple(field.value for field in fields)


def _connection(
    customers: Customers, asked: domain.Listing, page: domain.Page
) -> CustomerConnection:
    nodes = [customer(stored) for stored in page.customers]

    def make_edges() -> list[CustomerEdge]:
        return [
            CustomerEdge(cursor=cursor_of(stored, asked), node=node)
            for stored, node in zip(page.customers, nodes, strict=True)
        ]

    return CustomerConnection(
        nodes=nodes,
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=cursor_of(page.customers[0], asked) if nodes else None,
            end_cursor=cursor_of(page.customers[-1], asked) if nodes else None,
        ),
        make_edges=make_edges,
        count=partial(_count, customers, asked),
    )


async def _count(customers: Customers, asked: domain.Listing, limit: int) -> Count:
    try:
        counted = await count_customers(customers, asked, limit)
    except domain.InvalidList as error:
        raise bad_user_input(str(error)) from None
    precision = CountPrecision.EXACT if counted.is_exact else CountPrecision.AT_LEAST
    return Count(count=counted.count, precision=precision)

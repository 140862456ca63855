"""The context that every resolver receives, and the check of its principal's scopes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from graphql import GraphQLError

from ..access.principal import Principal, Scope
from ..customers.event_feed import EventFeed
from ..customers.store import Customers
from .types import CustomerFieldError


class Rejected(Protocol):
    """Is told of each mutation that answers with a typed failure."""

    def __call__(self, errors: Sequence[CustomerFieldError] = ()) -> None:
        """`errors` are those of fields."""


def _nobody(errors: Sequence[CustomerFieldError] = ()) -> None:  # the protocol's name
    """Is told, and does nothing."""


@dataclass(frozen=True)
class Context:
    """One request: where customers are stored, its principal, and its header `Idempotency-Key`."""

    customers: Customers
    principal: Principal
    idempotency_key: str | None = None
    rejected: Rejected = _nobody


@dataclass(frozen=True)
class SubscriptionContext(Context):
    """The context of a subscription: also the events, and the header `Last-Event-ID`."""

    events: EventFeed = field(kw_only=True)
    last_event_id: str | None = None


def require_scope(scope: Scope, context: Context) -> None:
    """Raises a `GraphQLError` with the code `FORBIDDEN` if the principal lacks the scope."""
    if scope not in context.principal.scopes:
        raise GraphQLError(
            f"The token lacks the scope {scope}. Send a token that has it.",
            extensions={"code": "FORBIDDEN"},
        )

"""Endpoints: the URLs of other programs that get events, and their places."""

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from .messages import CUSTOMER_TYPES, new_secret

_ID = re.compile("[0-9a-f]{12}")


@dataclass(frozen=True)
class Failure:
    """The attempts that failed since the last delivery, and the reason of the last one.

    Without a next attempt, the endpoint is paused. All times are in UTC.
    """

    attempts: int
    reason: str
    at: datetime
    next_attempt_at: datetime | None


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as it is stored. All times are in UTC.

    `types` are the types of messages that it gets, beside those that every endpoint gets. `cursor`
    is its place: it has got all messages until there. `revision` grows when an operator changes
    something, so that a process that still works with the older revision stops.
    """

    id: str
    url: str
    types: frozenset[str]
    allows_private: bool
    secret: bytes = field(repr=False)
    created_at: datetime
    cursor: str
    revision: int = 1
    delivered_at: datetime | None = None
    failure: Failure | None = None

    @property
    def is_paused(self) -> bool:
        """Whether it gets nothing until an operator resumes it."""
        return self.failure is not None and self.failure.next_attempt_at is None


class Endpoints(Protocol):
    """All endpoints, and which process delivers. Every method raises `faults.Unavailable`."""

    async def add(self, new: Endpoint) -> None:
        """Stores a new endpoint."""

    async def get(self, id_: str) -> Endpoint | None:
        """The endpoint with this id; None without one."""

    async def all(self) -> list[Endpoint]:
        """Every endpoint, in the order of their creation."""

    async def save(self, endpoint: Endpoint) -> bool:
        """Stores the place, the last delivery and the failure of an endpoint.

        Returns False, and stores nothing, if an operator has changed or removed the endpoint.
        """

    async def resume(self, id_: str, cursor: str | None) -> bool:
        """Forgets the failure of an endpoint, and moves its place to a cursor if there is one.

        Returns whether the endpoint exists.
        """

    async def remove(self, id_: str) -> bool:
        """Removes an endpoint. Returns whether it existed."""

    async def take_lease(self, holder: str, seconds: float) -> bool:
        """Lets this process alone deliver for some seconds, unless another one may.

        Returns whether this process may. The one that may can take the lease again at any time.
        """

    async def release_lease(self, holder: str) -> None:
        """Ends the lease of this process, if it has the lease."""


def new_endpoint(
    url: str, cursor: str, types: Collection[str] | None, *, allows_private: bool
) -> Endpoint:
    """A new endpoint with a secret of its own, which gets the events after the cursor.

    Without `types` it gets all of them.
    """
    return Endpoint(
        id=secrets.token_hex(6),
        url=url,
        types=frozenset(CUSTOMER_TYPES if types is None else types),
        allows_private=allows_private,
        secret=new_secret(),
        created_at=datetime.now(UTC),
        cursor=cursor,
    )


def is_endpoint_id(text: str) -> bool:
    """Whether this text has the form of an endpoint's id."""
    return _ID.fullmatch(text) is not None

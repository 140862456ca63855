"""Principals: the clients that send requests, and the scopes that they have."""

from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """A group of operations that a token can allow."""

    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"


def known_scopes(names: Container[object]) -> frozenset[Scope]:
    """The scopes among these names; unknown names are ignored."""
    return frozenset(scope for scope in Scope if scope in names)


@dataclass(frozen=True)
class Principal:
    """The client that a token belongs to.

    The `id` has nothing secret and nothing personal. `expires_at` is the token's end in seconds
    since 1970.
    """

    id: str
    scopes: frozenset[Scope]
    expires_at: float | None = None


# The principal of every request to an open server.
ANYBODY = Principal("anonymous", frozenset(Scope))

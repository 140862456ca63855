"""Who a request is from, and what they may do."""

from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a token can allow."""

    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"


def known_scopes(names: Container[object]) -> frozenset[Scope]:
    """The scopes among these names, which may name others, too."""
    return frozenset(scope for scope in Scope if scope in names)


@dataclass(frozen=True)
class Principal:
    """The holder of a token, until it expires (in seconds since 1970).

    The `id` holds nothing secret and nothing personal.
    """

    id: str
    scopes: frozenset[Scope]
    expires_at: float | None = None


# Who sends requests to an open server.
ANYBODY = Principal("anonymous", frozenset(Scope))

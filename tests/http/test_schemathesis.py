"""Schemathesis: operations of every shape that the schema allows get an answer, and never a 5xx."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.graphql import nodes

from ..support.paths import ROOT

_CASES = 60
# For each operation. Random generation may find fewer different cases than `_CASES`.
_LEAST_CASES = 20

# The scalars take any value, so each kind of literal is tried.
_ANY_LITERAL = st.one_of(
    st.text(max_size=15).map(nodes.String),
    st.integers().map(nodes.Int),
    st.booleans().map(nodes.Boolean),
    st.floats(allow_nan=False, allow_infinity=False).map(nodes.Float),
)
schemathesis.graphql.scalar("ZipCode", _ANY_LITERAL)
schemathesis.graphql.scalar("PhoneNumber", _ANY_LITERAL)
schemathesis.graphql.scalar("DateTime", st.just(nodes.String("2026-11-22T00:00:00Z")))

schema = schemathesis.graphql.from_path(ROOT / "schema.graphql")


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=20) as client:
        yield client


@pytest.fixture
def answered() -> Iterator[list[object]]:
    """The queries of one operation that have an answer, of which there must be enough."""
    answered: list[object] = []
    yield answered
    assert len(answered) >= _LEAST_CASES


@pytest.mark.patient
@pytest.mark.unmeasured
@schema.parametrize()
@settings(
    max_examples=_CASES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_case_is_answered_without_a_fault(
    case: schemathesis.Case[Any], server_url: str, http: httpx.Client, answered: list[object]
) -> None:
    response = http.post(f"{server_url}/graphql", json={"query": case.body})

    assert response.status_code < 500, response.text
    codes = {e.get("extensions", {}).get("code") for e in response.json().get("errors", ())}
    assert not codes & {"INTERNAL_SERVER_ERROR", "TIMEOUT"}, response.text
    answered.append(case.body)

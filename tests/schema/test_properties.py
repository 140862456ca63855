"""Properties: every request gets a success, or an error that never repeats a sent value."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from graphql_api.customers.fields import FIELDS, NewCustomer
from graphql_api.customers.judge import judge

from ..support.clients import CREATE_CUSTOMER, execute, read_customer
from ..support.tracers import unmeasured
from ..support.values import GOOD, public_name

NAMES = [field.name for field in FIELDS]
PUBLIC_NAMES = [field.public_name for field in FIELDS]

TEXTS = st.one_of(
    st.text(),
    st.text(min_size=2, max_size=50),
    st.text("0123456789-", max_size=12),
    st.text("abc XYZ\t\n é", max_size=60),
    st.emails(),
    st.builds("{}@{}.{}".format, st.text(max_size=20), st.text(max_size=15), st.text(max_size=5)),
)
TEXTS_WITH_SURROGATES = TEXTS | st.text(st.characters(exclude_categories=()), max_size=60)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS_WITH_SURROGATES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS_WITH_SURROGATES, inner, max_size=3)
    ),
    max_leaves=6,
)


EMAILS = st.uuids().map("{!s:.20}@example.com".format)
FIELD_TEXTS = st.fixed_dictionaries(
    {"email": EMAILS | TEXTS_WITH_SURROGATES},
    optional={field: TEXTS_WITH_SURROGATES for field in NAMES if field != "email"},
)
FIELD_VALUES = st.fixed_dictionaries(
    {"email": EMAILS | EMAILS | JSON},
    optional={
        public_name(field): JSON | st.sampled_from([g.stored for g in GOOD if g.field == field])
        for field in NAMES
        if field != "email"
    },
)


@unmeasured
@settings(max_examples=200, deadline=None)
@given(FIELD_TEXTS)
def test_a_rule_accepts_its_own_normalised_text_unchanged(values: dict[str, str]) -> None:
    judged = judge(values)

    if isinstance(judged, NewCustomer):
        assert judge(vars(judged)) == judged
    else:
        assert judged.problems


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=FIELD_VALUES)
async def test_any_json_in_any_field_gets_a_success_or_an_error_that_says_so(
    client: httpx.AsyncClient, values: dict[str, Any]
) -> None:
    answer = await execute(client, CREATE_CUSTOMER, {"input": values})

    result = answer["data"]["createCustomer"] if "data" in answer else answer
    if "customer" not in result:
        assert result["errors"]
    else:
        customer = result["customer"]
        assert await read_customer(client, customer["id"]) == customer
        stored = {name: customer[public_name(name)] for name in NAMES}
        assert judge(stored) == NewCustomer(**stored)


MARK = "s3cr3t"
PLACES = st.sampled_from(
    [
        MARK,
        f"{MARK}@",
        [MARK],
        {"$gt": MARK},
        {MARK: MARK},
        [[{"a": MARK}]],
        f"{MARK}\u0000",
        f'"{MARK}',
        f"value: {MARK}",
        f", found: {MARK}",
        MARK * 1000,
    ]
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.dictionaries(st.sampled_from([*PUBLIC_NAMES, "unknown"]), PLACES, min_size=1))
async def test_no_error_repeats_a_value(
    client: httpx.AsyncClient, values: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    for variables in ({"input": values}, {"input": [values]}, {"input": MARK}):
        with capture_logs() as logged:
            response = await client.post(
                "/graphql", json={"query": CREATE_CUSTOMER, "variables": variables}
            )

        errors = response.json().get("errors") or response.json()["data"]["createCustomer"].get(
            "errors", []
        )
        assert MARK not in json.dumps([errors, logged])
    assert MARK not in caplog.text

"""The loads of the benchmarks: what each peer must answer, and the message if it does not."""

import json
from typing import Any

import pytest

from benchmarks.loads import INVALID, LOADS, VALID
from benchmarks.rules import rules_as_json
from graphql_api.customers.fields import FIELDS
from graphql_api.customers.formats import PRINTABLE
from graphql_api.customers.list_customers import DEFAULT_SIZE

CREATED = {
    "__typename": "CreateCustomerSuccess",
    "customer": {**VALID, "id": "1", "createdAt": "now", "updatedAt": "now"},
}
REJECTED = {
    "__typename": "CreateCustomerFailure",
    "errors": [{"path": ["input", name], "message": "Wrong."} for name in INVALID],
}


@pytest.mark.parametrize(
    ("load", "data"),
    [
        ("create", {"createCustomer": CREATED}),
        ("invalid", {"createCustomer": REJECTED}),
        ("read", {"customer": CREATED["customer"]}),
        ("list", {"customers": {"nodes": [CREATED["customer"]] * DEFAULT_SIZE}}),
    ],
)
def test_an_expected_answer_passes(load: str, data: dict[str, Any]) -> None:
    LOADS[load].check({"data": data})


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize(
    "answer",
    [
        {"errors": [{"message": "Field 'companyName' is not defined."}]},
        {"data": None, "errors": [{"message": "Failed."}]},
        {"data": {"createCustomer": None}, "errors": [{"message": "Failed."}]},
        {"data": {"customer": None}},
    ],
    ids=str,
)
def test_an_answer_without_data_is_an_error_with_a_message(
    load: str, answer: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"^has no data$"):
        LOADS[load].check(answer)


@pytest.mark.parametrize(
    ("load", "data"),
    [
        ("create", {"createCustomer": REJECTED}),
        ("create", {"createCustomer": {**CREATED, "customer": {**VALID, "id": None}}}),
        ("invalid", {"createCustomer": CREATED}),
        ("invalid", {"createCustomer": {**REJECTED, "errors": REJECTED["errors"][1:]}}),
        ("read", {"customer": {"email": ""}}),
        ("list", {"customers": {"nodes": []}}),
    ],
)
def test_another_answer_is_an_error(load: str, data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^is not the expected answer$"):
        LOADS[load].check({"data": data})


def test_the_rules_for_other_languages_are_the_declaration() -> None:
    rules = json.loads(rules_as_json())

    assert [rule["name"] for rule in rules] == [field.public_name for field in FIELDS]
    assert [rule["example"] for rule in rules] == [field.rule.example for field in FIELDS]
    assert [rule.get("minLength") for rule in rules] == [field.rule.min_length for field in FIELDS]
    assert [rule["hasLines"] for rule in rules] == [
        field.rule.format is PRINTABLE for field in FIELDS
    ]

"""The JSON Schema of the input says what the declaration of each field says."""

import json

import pytest

from graphql_api.__main__ import main
from graphql_api.customers.fields import FIELDS
from graphql_api.schema.directives import constraint
from graphql_api.schema.json_schema import json_schema


def test_the_command_line_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--format", "json-schema"]) == 0

    assert json.loads(capsys.readouterr().out) == json_schema()


def test_it_is_an_object_with_the_fields_in_their_order() -> None:
    schema = json_schema()

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "CreateCustomerInput"
    assert "null" in schema["description"]
    assert [*schema["properties"]] == [field.public_name for field in FIELDS]
    assert schema["required"] == ["email"]
    assert schema["additionalProperties"] is False


def test_each_field_has_its_label_description_limits_pattern_and_example() -> None:
    properties = json_schema()["properties"]

    for field in FIELDS:
        rule, schema = field.rule, properties[field.public_name]
        assert schema["title"] == rule.label
        assert schema["description"].startswith(rule.description)
        assert schema.get("minLength") == rule.min_length
        assert schema["maxLength"] == rule.max_length
        assert schema["pattern"] == constraint(field).pattern
        assert schema["examples"] == [rule.example]


def test_the_types_are_those_that_the_server_accepts() -> None:
    types = {name: schema["type"] for name, schema in json_schema()["properties"].items()}

    assert types.pop("email") == "string"
    assert types.pop("zipCode") == types.pop("phoneNumber") == ["string", "integer", "null"]
    assert [*types.values()] == [["string", "null"]] * (len(FIELDS) - 3)


def test_an_integer_has_as_many_digits_as_a_text() -> None:
    properties = json_schema()["properties"]

    limits = {
        name: (schema["minimum"], schema["maximum"])
        for name, schema in properties.items()
        if "minimum" in schema
    }

    assert limits == {"zipCode": (0, 9_999_999_999), "phoneNumber": (10, 99_999_999_999)}

"""The query `customerFieldRules` answers with what the declaration of each field says."""

from typing import Any

import httpx
import pytest

from graphql_api.access.principal import Scope
from graphql_api.customers.fields import FIELDS
from graphql_api.schema.directives import constraint

from ..support.clients import connected, execute
from ..support.tokens import api_key, bearer

RULES = """
query {
  customerFieldRules {
    field name label description required minLength maxLength pattern format allowed example
  }
}
"""


async def rules(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await execute(client, RULES)
    assert "errors" not in answer, answer
    listed: list[dict[str, Any]] = answer["data"]["customerFieldRules"]
    return listed


async def test_each_field_has_the_words_and_the_limits_of_its_declaration(
    client: httpx.AsyncClient,
) -> None:
    listed = await rules(client)

    assert listed == [
        {
            "field": field.name.upper(),
            "name": field.public_name,
            "label": field.rule.label,
            "description": field.rule.description,
            "required": field.required,
            "minLength": field.rule.min_length,
            "maxLength": field.rule.max_length,
            "pattern": constraint(field).pattern,
            "format": field.rule.format.directive_format,
            "allowed": field.rule.format.allowed,
            "example": field.rule.example,
        }
        for field in FIELDS
    ]


async def test_a_rule_has_null_for_a_limit_and_a_format_that_its_field_lacks(
    client: httpx.AsyncClient,
) -> None:
    by_name = {rule["name"]: rule for rule in await rules(client)}

    assert (by_name["email"]["minLength"], by_name["email"]["format"]) == (None, "email")
    assert (by_name["city"]["minLength"], by_name["city"]["format"]) == (2, None)
    assert by_name["zipCode"]["label"] == "ZIP Code"
    assert [name for name, rule in by_name.items() if rule["required"]] == ["email"]


@pytest.mark.parametrize("scope", [*Scope])
async def test_every_token_allows_the_rules(scope: Scope, database_uri: str) -> None:
    key = await api_key(database_uri, scope)

    async with connected(database_uri, keys=True) as client:
        client.headers.update(bearer(key))

        assert len(await rules(client)) == len(FIELDS)

"""The dashboard's form in Chromium: what it says about fields, and about creations that fail."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphql_api.customers.create_customer import Conflict
from graphql_api.customers.fields import FIELDS

from ..support.clients import CREATE_CUSTOMER
from ..support.node import needs_chromium, run_script
from ..support.replica_sets import ReplicaSet
from ..support.servers import serving


@pytest.fixture
def url(database_uri: str, tmp_path: Path) -> Iterator[str]:
    """The address of a server that shows the dashboard."""
    with serving(
        errors=tmp_path / "stderr",
        GRAPHQL_API_MONGODB_URI=database_uri,
        GRAPHQL_API_DASHBOARD="true",
    ) as server:
        yield server.url


def play(story: str, url: str, *arguments: str) -> Any:  # pragma: no cover  # as in node.py
    """The result of a story of `form.mjs` with that server."""
    return run_script("clients/browser/form.mjs", story, url, *arguments)


@needs_chromium
def test_every_field_has_the_label_and_the_hint_of_its_declaration(url: str) -> None:
    told = play("hints", url)

    shown = {field.pop("name"): field for field in told["fields"]}
    assert shown == {
        field.public_name: {
            "label": field.rule.label + " (required)" * field.required,
            "required": field.required,
            "hint": f"{field.rule_in_words} Example: {field.rule.example}.",
        }
        for field in FIELDS
    }
    assert told["faults"] == []


@needs_chromium
def test_the_button_reacts_when_the_press_leaves_an_invalid_field(url: str) -> None:
    told = play("press", url)

    assert told == {"invalid": ["ccEmailAddress"], "focus": "ccEmailAddress", "faults": []}


@needs_chromium
def test_after_a_conflict_of_keys_the_form_shows_the_message_of_the_server(url: str) -> None:
    variables = {"input": {"email": "conflict@example.com"}, "idempotencyKey": "taken-by-a-test"}
    request = {"query": CREATE_CUSTOMER, "variables": variables}
    httpx.post(f"{url}/graphql", json=request).raise_for_status()

    told = play("refused", url, "other@example.com", "taken-by-a-test")

    assert told == {"alert": Conflict().message, "email": "other@example.com", "faults": []}


@needs_chromium
def test_after_a_request_error_the_form_shows_the_message_of_the_server(url: str) -> None:
    invalid_key = "é"

    told = play("refused", url, "ada@example.com", invalid_key)

    assert told["alert"].startswith("The idempotency key is invalid.")
    assert told["email"] == "ada@example.com"


@needs_chromium
@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("createIndexes", "Nothing was stored"),
        ("insert", "The server did not finish this in time."),
    ],
)
def test_after_a_fault_of_the_database_the_same_customer_is_sent_again_with_its_key(
    command: str, reason: str, failing_set: ReplicaSet, tmp_path: Path
) -> None:
    uri = failing_set.database_uri()

    with (
        failing_set.primary().failing(command, closeConnection=True),
        serving(
            errors=tmp_path / "stderr",
            GRAPHQL_API_MONGODB_URI=uri,
            GRAPHQL_API_DASHBOARD="true",
        ) as server,
    ):
        told = play("failed", server.url, "ada@example.com")

    assert reason in told["alert"]
    assert told["hint"] == "You can send this again: the customer is created only once."
    # The page itself repeats the request three times.
    assert len(told["sent"]) == 4
    assert len({*told["sent"]}) == 1
    # Changed input gets a new key.
    assert {*told["changed"]}.isdisjoint(told["sent"])
    assert len(told["changed"]) == 1

"""The dashboard's form in Chromium: what it says about fields, and about creations that fail."""

import contextlib
from pathlib import Path
from typing import Any

import httpx

from graphql_api.customers.create_customer import Conflict
from graphql_api.customers.fields import FIELDS
from graphql_api.customers.problems import EMAIL, EMAIL_IS_TAKEN, Missing

from ..support.clients import CREATE_CUSTOMER
from ..support.node import needs_chromium
from ..support.replica_sets import ReplicaSet
from ..support.servers import serving, until
from .stories import Browser, clean, create, customers, execute


@needs_chromium
async def test_every_field_has_the_label_and_the_hint_of_its_declaration(
    browser: Browser, url: str
) -> None:
    told = await browser.play("hints", url)

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
async def test_the_button_reacts_when_the_press_leaves_an_invalid_field(
    browser: Browser, url: str
) -> None:
    told = await browser.play("press", url)

    assert told == {"invalid": ["ccEmailAddress"], "focus": "ccEmailAddress", "faults": []}


@needs_chromium
async def test_each_error_is_at_its_field_and_the_same_input_creates_one_customer(
    browser: Browser, url: str
) -> None:
    await create(url, email="taken@example.com")
    altered: list[dict[str, Any]] = [
        {"email": "", "name": "A", "description": "x" * 51, "state": "N1", "zipCode": True},
        {"email": "Taken@Example.com"},
    ]
    email = "lost@example.com"

    told = await browser.play(
        "wrong", url, given={"taken": "TAKEN@example.com", "altered": altered, "email": email}
    )

    assert told["found"] == clean("errors", "unanswered")
    assert told["empty"] == {"errors": {"email": Missing(EMAIL).message}, "focus": "email"}
    # The server has seen the taken address before the form was sent.
    assert told["left"]["email"] == EMAIL_IS_TAKEN.message
    assert told["left"].keys() == {"email", "phoneNumber"}
    assert told["results"] == [await _messages(url, input_) for input_ in altered]
    assert told["results"][0].keys() == {"email", "name", "description", "state", "zipCode"}
    assert told["kept"] == {"email": email}
    assert len(told["keys"]) == 5
    assert len(set(told["keys"])) == 1
    assert sorted(node["email"] for node in await customers(url)) == [email, "taken@example.com"]
    assert told["faults"] == ["Failed to load resource: net::ERR_FAILED"] * 4


@needs_chromium
async def test_the_form_shows_what_the_server_says_about_the_whole_request(
    browser: Browser, url: str
) -> None:
    variables = {"input": {"email": "conflict@example.com"}, "idempotencyKey": "taken-by-a-test"}
    await execute(url, CREATE_CUSTOMER, variables)
    invalid_key = "é"

    told = await browser.play(
        "refused",
        url,
        given={"email": "other@example.com", "keys": ["taken-by-a-test", invalid_key]},
    )

    conflict, invalid = told["alerts"]
    assert conflict == Conflict().message
    assert invalid.startswith("The idempotency key is invalid.")
    assert told["email"] == "other@example.com"


@needs_chromium
async def test_after_a_fault_of_the_database_the_same_customer_is_sent_again_with_its_key(
    browser: Browser, failing_set: ReplicaSet, tmp_path: Path
) -> None:
    primary, given = failing_set.primary(), {"email": "ada@example.com"}
    with contextlib.ExitStack() as faults:
        # The server cannot prepare the database, and is not ready.
        faults.enter_context(primary.failing("createIndexes", closeConnection=True))
        with serving(
            errors=tmp_path / "stderr",
            GRAPHQL_API_MONGODB_URI=failing_set.database_uri(),
            GRAPHQL_API_DASHBOARD="true",
        ) as server:
            nothing_stored = await browser.play("failed", server.url, given=given)
            faults.close()
            until(
                lambda: httpx.get(f"{server.url}/readyz", timeout=20).is_success,
                "the server is ready",
            )
            with primary.failing("insert", closeConnection=True):
                unknown = await browser.play("failed", server.url, given=given)

    assert "Nothing was stored" in nothing_stored["alert"]
    assert "The server did not finish this in time." in unknown["alert"]
    for told in nothing_stored, unknown:
        assert told["hint"] == "You can send this again: the customer is created only once."
        # The page itself repeats the request three times.
        assert len(told["sent"]) == 4
        assert len({*told["sent"]}) == 1
        # Changed input gets a new key.
        assert {*told["changed"]}.isdisjoint(told["sent"])
        assert len(told["changed"]) == 1


async def _messages(
    url: str, input_: dict[str, Any]
) -> dict[str, str]:  # pragma: no cover  # as in node.py
    """The server's messages for an invalid customer, by the field."""
    result = await execute(url, CREATE_CUSTOMER, {"input": input_})
    return {error["path"][-1]: error["message"] for error in result["errors"]}

"""GraphiQL in Chromium, which reaches nothing but the server."""

import os
from pathlib import Path
from typing import Any

import pytest

from graphql_api.customers.fields import FIELDS

from .node import needs_chromium, run_script
from .servers import serving
from .tokens import api_key, bearer


def graphiql(story: str, origin: str, *arguments: str) -> Any:  # pragma: no cover  # as in node.py
    """What a story in GraphiQL comes to, where nothing may go wrong."""
    seen = run_script("browser/graphiql.mjs", story, origin, *arguments)
    assert seen.pop("faults") == []
    return seen


@needs_chromium
def test_each_tab_gets_the_answer_that_it_is_there_for(server_url: str) -> None:
    seen = graphiql("tabs", server_url)

    assert seen["titles"] == [
        "CreateCustomer",
        "EveryErrorAtOnce",
        "IdempotentReplay",
        "ReadCustomer",
    ]
    created, taken = [
        answer["data"]["createCustomer"] for answer in seen["answers"]["CreateCustomer"]
    ]
    assert created["__typename"] == "CreateCustomerSuccess"
    assert [error["__typename"] for error in taken["errors"]] == ["EmailTakenError"]
    errors = seen["answers"]["EveryErrorAtOnce"][0]["data"]["createCustomer"]["errors"]
    assert len(errors) == len(FIELDS) == 12
    first, again = [
        answer["data"]["createCustomer"] for answer in seen["answers"]["IdempotentReplay"]
    ]
    assert (first["replayed"], again["replayed"]) == (False, True)
    # The one that was created last, whose id nobody typed.
    read = seen["answers"]["ReadCustomer"][0]["data"]["customer"]
    assert read["id"] == first["customer"]["id"] == again["customer"]["id"]


@needs_chromium
def test_there_are_an_explorer_the_documentation_and_an_editor_for_headers(server_url: str) -> None:
    seen = graphiql("panes", server_url)

    assert "sendEmailAddress" in seen["explorer"]
    assert "CreateCustomerResult" in seen["docs"]
    assert '"Authorization": "Bearer ..."' in seen["headers"]


@needs_chromium
async def test_a_token_is_entered_once_and_not_stored(database_uri: str, tmp_path: Path) -> None:
    token = bearer(await api_key(database_uri))["Authorization"]
    with serving(
        errors=tmp_path / "stderr",
        GRAPHQL_API_MONGODB_URI=database_uri,
        GRAPHQL_API_KEYS="true",
        GRAPHQL_API_INTROSPECTION="true",
    ) as server:
        seen = run_script("browser/graphiql.mjs", "token", server.url, token)

    assert seen["refused"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert seen["created"]["data"]["createCustomer"]["__typename"] == "CreateCustomerSuccess"
    assert seen["read"]["data"]["customer"]["name"] == "John Smith"
    assert "CreateCustomerResult" in seen["docs"]
    assert "ReadCustomer" in seen["stored"]
    assert token.split()[1] not in seen["stored"]
    # What the server refused, and nothing else.
    assert {"401 (Unauthorized)" in fault for fault in seen["faults"]} == {True}


@needs_chromium
def test_without_introspection_there_is_no_documentation_and_all_else_works(
    database_uri: str, tmp_path: Path
) -> None:
    with serving(
        errors=tmp_path / "stderr",
        GRAPHQL_API_MONGODB_URI=database_uri,
        GRAPHQL_API_GRAPHIQL="true",
    ) as server:
        seen = graphiql("undocumented", server.url)

    assert seen["created"]["data"]["createCustomer"]["__typename"] == "CreateCustomerSuccess"
    assert "No GraphQL schema available" in seen["docs"]


@needs_chromium
def test_a_page_that_is_opened_again_keeps_the_tabs_and_creates_another_customer(
    server_url: str,
) -> None:
    seen = graphiql("again", server_url)

    assert seen["kept"] == ["CreateCustomer", "EveryErrorAtOnce", "Mine", "ReadCustomer"]
    assert [answer["data"]["createCustomer"]["__typename"] for answer in seen["created"]] == [
        "CreateCustomerSuccess",
        "CreateCustomerSuccess",
    ]


@needs_chromium
@pytest.mark.parametrize(
    ("scheme", "background", "editor"),
    [("light", "rgb(255, 255, 255)", "vs"), ("dark", "rgb(33, 42, 59)", "vs-dark")],
)
def test_a_picture_is_as_light_or_dark_as_the_system(
    server_url: str, tmp_path: Path, scheme: str, background: str, editor: str
) -> None:
    # `make images` says where pictures are to be kept.
    picture = Path(os.environ.get("IMAGES", tmp_path), f"graphiql-{scheme}.png")

    seen = graphiql("picture", server_url, scheme, str(picture))

    assert seen["background"] == background
    assert seen["editor"].split()[-1] == editor
    assert 50_000 < picture.stat().st_size < 300_000


@needs_chromium
def test_these_tests_see_what_is_against_the_policy_and_who_asks_elsewhere(server_url: str) -> None:
    seen = run_script("browser/graphiql.mjs", "foul", server_url)

    assert "A request to https://cdn.example/script.js" in seen["faults"]
    for broken in ("script-src 'self'", "connect-src 'self'", "worker-src 'self'"):
        assert any(broken in fault for fault in seen["faults"]), seen["faults"]

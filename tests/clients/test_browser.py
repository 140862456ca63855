"""GraphiQL in Chromium, which can connect only to the server."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from graphql_api.customers.fields import FIELDS
from graphql_api.http.graphiql_from_cdn import page_from_cdn
from graphql_api.schema.examples import EXAMPLES

from ..support.node import needs_chromium, run_script
from ..support.servers import Server, serving, until
from ..support.tokens import api_key, bearer

TITLES = [
    *("Create", "AllErrors", "Replay", "Read", "List"),
    *("Search", "Update", "CreateMany", "Delete", "Events"),
]


def graphiql(story: str, origin: str, *arguments: str) -> Any:  # pragma: no cover  # as in node.py
    """The result of a story in GraphiQL. Fails if the browser reports a fault."""
    seen = run_script("clients/browser/graphiql.mjs", story, origin, *arguments)
    assert seen.pop("faults") == []
    return seen


@needs_chromium
def test_each_tab_gets_the_answer_that_it_shows(server: Server) -> None:
    seen = graphiql("tabs", server.url)

    assert seen["titles"] == TITLES
    created, taken = [answer["data"]["createCustomer"] for answer in seen["answers"]["Create"]]
    assert created["__typename"] == "CreateCustomerSuccess"
    assert [error["__typename"] for error in taken["errors"]] == ["EmailTakenError"]
    errors = seen["answers"]["AllErrors"][0]["data"]["createCustomer"]["errors"]
    assert {error["field"] for error in errors} == {field.name.upper() for field in FIELDS}
    first, again = [answer["data"]["createCustomer"] for answer in seen["answers"]["Replay"]]
    assert (first["replayed"], again["replayed"]) == (False, True)
    # The page fills in the id of the newest customer.
    read = seen["answers"]["Read"][0]["data"]["customer"]
    assert read["id"] == first["customer"]["id"] == again["customer"]["id"]
    listed = seen["answers"]["List"][0]["data"]["customers"]
    assert listed["nodes"][0]["id"] == read["id"]
    found = seen["answers"]["Search"][0]["data"]["customers"]
    assert created["customer"]["id"] in [node["id"] for node in found["nodes"]]
    changed, unchanged = [answer["data"]["updateCustomer"] for answer in seen["answers"]["Update"]]
    assert (changed["changed"], unchanged["changed"]) == (True, False)
    assert changed["customer"]["id"] == read["id"]
    many, replayed = [answer["data"]["createCustomers"] for answer in seen["answers"]["CreateMany"]]
    assert [many[name] for name in ("createdCount", "failedCount")] == [2, 1]
    assert [replayed[name] for name in ("replayedCount", "failedCount")] == [2, 1]
    deleted, missing = [answer["data"]["deleteCustomer"] for answer in seen["answers"]["Delete"]]
    assert deleted["id"] == read["id"]
    assert missing["__typename"] == "CustomerNotFound"
    heard, stopped = seen["answers"]["Events"]
    assert heard["data"]["customerEvents"]["customer"]["email"] == "heard@example.com"
    # Stop ends the subscription for the server, too.
    assert stopped == heard
    until(lambda: ended(server, "Events"), "the server has ended the subscription")


def ended(server: Server, operation: str) -> bool:  # pragma: no cover  # as in node.py
    """Whether a client has ended this operation."""
    return any(
        (line.get("operation"), line.get("outcome")) == (operation, "disconnected")
        for line in server.log()
    )


@needs_chromium
def test_the_page_has_an_explorer_the_documentation_and_an_editor_for_headers(
    server_url: str,
) -> None:
    seen = graphiql("panes", server_url)

    assert "sendEmailAddress" in seen["explorer"]
    assert "CreateCustomerResult" in seen["docs"]
    assert '"Authorization": "Bearer ..."' in seen["headers"]


@needs_chromium
async def test_a_person_enters_a_token_once_and_the_browser_does_not_store_it(
    database_uri: str, tmp_path: Path
) -> None:
    token = bearer(await api_key(database_uri))["Authorization"]
    with serving(
        errors=tmp_path / "stderr",
        GRAPHQL_API_MONGODB_URI=database_uri,
        GRAPHQL_API_KEYS="true",
        GRAPHQL_API_INTROSPECTION="true",
    ) as server:
        seen = run_script("clients/browser/graphiql.mjs", "token", server.url, token)

    assert seen["refused"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert seen["created"]["data"]["createCustomer"]["__typename"] == "CreateCustomerSuccess"
    assert seen["read"]["data"]["customer"]["name"] == "John Smith"
    assert "CreateCustomerResult" in seen["docs"]
    assert "Read" in seen["stored"]
    assert token.split()[1] not in seen["stored"]
    # The rejected requests are the only faults.
    assert {"401 (Unauthorized)" in fault for fault in seen["faults"]} == {True}


@needs_chromium
async def test_the_other_tabs_get_the_token_in_every_order_of_events(
    database_uri: str, tmp_path: Path
) -> None:
    right, other = [bearer(await api_key(database_uri))["Authorization"] for _ in range(2)]
    with serving(
        errors=tmp_path / "stderr",
        GRAPHQL_API_MONGODB_URI=database_uri,
        GRAPHQL_API_KEYS="true",
        GRAPHQL_API_GRAPHIQL="true",
    ) as server:
        seen = run_script(
            "clients/browser/graphiql.mjs", "tokens", server.url, "Bearer no", right, other
        )

    assert seen["refused"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert seen["created"]["data"]["createCustomer"]["__typename"] == "CreateCustomerSuccess"
    assert {moment: came for moment, came in seen.items() if came is False} == {}


@needs_chromium
def test_an_operation_in_the_address_opens_in_its_own_tab(server: Server) -> None:
    document = "query First { __typename }\n\nquery Linked($id: ID!) { customer(id: $id) { id } }"
    search = urlencode({"query": document, "variables": '{"id":"secret+1"}'})
    other = urlencode({"query": "{ __typename }", "variables": "{"}, quote_via=quote)

    seen = graphiql(
        "linked", server.url, f"?{search}&operationName=Linked", f"?{other}&operationName=Nothing"
    )

    assert seen["first"] == seen["again"]
    assert seen["answer"]["data"] == {"customer": None}
    assert seen["first"]["title"] == "Linked"
    assert seen["first"]["query"] == document
    assert json.loads(seen["first"]["variables"]) == {"id": "secret+1"}
    assert seen["first"]["titles"][1:] == TITLES
    assert seen["other"]["query"] == "{ __typename }"
    assert seen["other"]["variables"] == "{"
    assert seen["other"]["titles"] == [*seen["first"]["titles"], "<untitled>"]
    assert "Variables" in json.dumps(seen["otherAnswer"])
    assert "secret" not in server.errors.read_text("utf-8")


@needs_chromium
def test_the_page_works_in_a_browser_that_stores_nothing(server_url: str) -> None:
    seen = graphiql("forgetful", server_url)

    created = seen["created"]["data"]["createCustomer"]
    assert seen["read"]["data"]["customer"] == created["customer"]
    assert seen["again"]["title"] == "Create"
    assert seen["again"]["titles"] == TITLES


@needs_chromium
def test_a_phone_shows_the_panes_one_below_the_other(server_url: str, tmp_path: Path) -> None:
    width, height = 390, 844

    seen = graphiql("phone", server_url, os.environ.get("PHONE", str(tmp_path / "phone.png")))

    query, variables, answer = seen["panes"]
    assert query["bottom"] <= variables["top"] < variables["bottom"] <= answer["top"]
    for box in (*seen["panes"], *seen["docs"]):
        assert 0 <= box["left"] < box["right"] <= width
        assert box["right"] - box["left"] > 0.8 * width
    assert min(box["bottom"] - box["top"] for box in seen["panes"]) > 100
    assert len(seen["tabs"]) == len(TITLES)
    for box in seen["tabs"]:
        assert 0 <= box["left"] < box["right"] <= width
        assert 0 <= box["top"] < box["bottom"] <= query["top"] < height
    assert seen["back"] == seen["panes"]


@needs_chromium
def test_without_a_build_and_the_internet_the_page_says_what_to_do(
    server_url: str, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    page.write_text(page_from_cdn(), "utf-8")
    search = urlencode({"query": "{ __typename }", "operationName": "A+B"})

    seen = run_script("clients/browser/graphiql.mjs", "cdn", server_url, str(page), f"?{search}")

    assert "Loading" not in seen["said"]
    assert "cannot reach" in seen["said"]
    assert "make run" in seen["said"]
    assert seen["example"]["q"] == EXAMPLES[0].document
    # The link does not bring the example's variables.
    assert seen["linked"] == {"q": "{ __typename }", "operationName": "A+B"}
    assert any("unpkg.com" in fault for fault in seen["faults"])


@needs_chromium
def test_without_introspection_the_page_works_and_has_no_documentation(
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
def test_a_page_that_is_opened_again_keeps_its_tabs_and_creates_another_customer(
    server_url: str,
) -> None:
    seen = graphiql("again", server_url)

    assert seen["kept"] == [*TITLES[:2], "Mine", *TITLES[3:]]
    assert [answer["data"]["createCustomer"]["__typename"] for answer in seen["created"]] == [
        "CreateCustomerSuccess",
        "CreateCustomerSuccess",
    ]


@needs_chromium
def test_a_page_that_is_opened_again_shows_its_variables(server_url: str) -> None:
    visits = graphiql("visits", server_url)["visits"]

    assert [visit["title"] for visit in visits] == ["Create"] * 3
    assert all('"email"' in visit["variables"] for visit in visits)
    assert [len(visit["titles"]) for visit in visits] == [len(EXAMPLES)] * 3


@needs_chromium
@pytest.mark.parametrize(
    ("scheme", "background", "editor"),
    [("light", "rgb(255, 255, 255)", "vs"), ("dark", "rgb(33, 42, 59)", "vs-dark")],
)
def test_the_picture_of_the_page_is_light_or_dark_like_the_system(
    server_url: str, tmp_path: Path, scheme: str, background: str, editor: str
) -> None:
    # `make images` sets the folder of the pictures.
    picture = Path(os.environ.get("IMAGES", tmp_path), f"graphiql-{scheme}.png")

    seen = graphiql("picture", server_url, scheme, str(picture))

    assert seen["background"] == background
    assert seen["editor"].split()[-1] == editor
    assert seen["fits"]
    assert seen["cut"] == []
    assert 50_000 < picture.stat().st_size < 300_000


@needs_chromium
def test_these_tests_see_what_breaks_the_policy_and_what_asks_another_server(
    server_url: str,
) -> None:
    seen = run_script("clients/browser/graphiql.mjs", "foul", server_url)

    assert "A request to https://cdn.example/script.js" in seen["faults"]
    for broken in ("script-src 'self'", "connect-src 'self'", "worker-src 'self'"):
        assert any(broken in fault for fault in seen["faults"]), seen["faults"]

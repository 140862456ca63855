"""GraphiQL's page and its files, as a server sends them to a browser."""

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from graphql_api.http import graphiql
from graphql_api.schema.examples import CREATED_LAST, EXAMPLES, FRESH

from ..support.builds import COMPRESSED, SCRIPT, write_build
from ..support.clients import connected
from ..support.node import needs_node
from ..support.servers import launched, serving
from ..support.wires import wire


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build of GraphiQL with one script, in the place of the real one."""
    folder = write_build(tmp_path / "graphiql_build", "graphiql")
    monkeypatch.setattr(graphiql, "BUILD", folder)
    return folder


@pytest.fixture
async def browser(
    database_uri: str,
    build: Path,  # noqa: ARG001  # in its place before the server starts
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of a server with that build."""
    async with connected(database_uri, graphiql=True) as client:
        client.headers = httpx.Headers({"Accept": "text/html,*/*;q=0.8"})
        yield client


def known(page: httpx.Response) -> Any:
    """The settings in the page."""
    [text] = re.findall('<script id="server" type="application/json">(.*?)</script>', page.text)
    return json.loads(text)


def policy(page: httpx.Response) -> dict[str, str]:
    directives = page.headers["content-security-policy"].split("; ")
    return dict(directive.split(" ", 1) for directive in directives)


# The page


async def test_a_browser_gets_the_page_of_the_build_with_the_examples_in_it(
    browser: httpx.AsyncClient,
) -> None:
    page = await browser.get("/graphql")

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert page.text.endswith('<script src="./graphiql/page-1a2b.js">')
    assert (known(page)["fresh"], known(page)["createdLast"]) == (FRESH, CREATED_LAST)
    assert [
        (example["query"], json.loads(example["variables"])) for example in known(page)["examples"]
    ] == [(example.document, example.variables) for example in EXAMPLES]


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize(("setting", "known_as"), [(True, True), (False, False), (None, False)])
async def test_the_page_knows_whether_it_may_ask_for_the_schema(
    database_uri: str, setting: object, known_as: object
) -> None:
    async with connected(database_uri, graphiql=True, introspection=setting) as client:
        page = await client.get("/graphql", headers={"Accept": "text/html"})

    assert known(page)["introspection"] is known_as


async def test_the_page_may_load_files_only_from_its_own_server(
    browser: httpx.AsyncClient,
) -> None:
    page = await browser.get("/graphql")

    directives = policy(page)
    assert directives.pop("default-src") == "'none'"
    assert directives.pop("style-src") == "'self' 'unsafe-inline'"
    assert directives.pop("img-src") == "'self' data:"
    assert set(directives.values()) == {"'self'", "'none'"}
    assert directives["script-src"] == directives["connect-src"] == "'self'"


# Its files


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", None),
        ("identity", None),
        ("deflate, zstd", None),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("GZIP;q=0.5, br;q=0", "gzip"),
        ("br;q=0.0, gzip;q=0", None),
    ],
)
async def test_a_file_has_the_best_compression_that_the_browser_accepts(
    browser: httpx.AsyncClient, accepted: str, encoding: str | None
) -> None:
    async with browser.stream(
        "GET", "/graphiql/page-1a2b.js", headers={"Accept-Encoding": accepted}
    ) as answer:
        content = b"".join([chunk async for chunk in answer.aiter_raw()])

    assert answer.status_code == 200
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "javascript" in answer.headers["content-type"]
    assert content == COMPRESSED.get(encoding or "", SCRIPT.encode())


async def test_a_browser_may_store_a_file_for_ever(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.get("/graphiql/page-1a2b.js", headers={"Range": "bytes=0-3"})

    assert answer.status_code == 200
    assert answer.text == SCRIPT
    assert answer.headers.get_list("cache-control") == ["public, max-age=31536000, immutable"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    [
        *("", "page", "index.html", "page-1a2b.js.br", "page-1a2b.js.gz", "page-1a2b.js%00"),
        *("..%2findex.html", "..%5cindex.html", "%2fetc%2fpasswd", "graphiql/page-1a2b.js"),
    ],
)
async def test_no_other_file_is_served(browser: httpx.AsyncClient, name: str) -> None:
    answer = await browser.get(f"/graphiql/{name}")

    assert answer.status_code == 404
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("name", [".", "..", "../index.html", "%2e%2e/index.html", "/etc/passwd"])
async def test_no_path_leads_out_of_the_folder(server_url: str, name: str) -> None:
    async with wire(server_url) as client:
        await client.send(b"GET /graphiql/%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % name.encode())
        answer = await client.answer()

    assert (answer.status, answer.code) == (404, "NOT_FOUND")


async def test_a_file_can_only_be_read(browser: httpx.AsyncClient) -> None:
    head = await browser.head("/graphiql/page-1a2b.js")
    post = await browser.post("/graphiql/page-1a2b.js")

    assert (head.status_code, head.content) == (200, b"")
    assert post.status_code == 405


# Without a build


async def test_without_a_build_the_server_says_so_and_shows_strawberrys_page(
    database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphiql, "BUILD", tmp_path / "nothing")
    with structlog.testing.capture_logs() as log:
        async with connected(database_uri, graphiql=True) as client:
            page = await client.get("/graphql", headers={"Accept": "text/html"})
            file = await client.get("/graphiql/page-1a2b.js")

    [warning] = [line for line in log if "GraphiQL" in line["event"]]
    assert warning["event"] == "GraphiQL is not built: its page loads scripts from a public CDN."
    assert warning["log_level"] == "warning"
    [shown] = re.findall(r"if \(!parameters\.q\) Object\.assign\(parameters, (.*)\);", page.text)
    parameters = json.loads(shown)
    assert parameters["q"] == EXAMPLES[0].document
    assert json.loads(parameters["variables"]) == EXAMPLES[0].variables
    assert file.status_code == 404


async def test_strawberrys_page_may_run_its_own_scripts_and_call_its_own_server_only(
    database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphiql, "BUILD", tmp_path / "nothing")
    async with connected(database_uri, graphiql=True) as client:
        page = await client.get("/graphql", headers={"Accept": "text/html"})

    [script] = re.findall("<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    loaded = re.findall('<script[^>]* src="([^"]+)"', page.text)
    assert policy(page)["default-src"] == "'none'"
    assert policy(page)["script-src"].split() == [f"'sha256-{digest}'", *loaded]
    assert len(loaded) == page.text.count('integrity="') - page.text.count('rel="stylesheet"')
    assert policy(page)["connect-src"] == "'self'"
    assert policy(page)["frame-ancestors"] == "'none'"
    assert not re.search(r"<[^>]+\son\w+=", page.text)


# Without the page


@pytest.mark.parametrize(
    ("settings", "is_shown"),
    [
        ({}, False),
        ({"introspection": False}, False),
        ({"introspection": True, "dashboard": False}, True),
        ({"introspection": True, "graphiql": False, "dashboard": False}, False),
        ({"introspection": False, "graphiql": True}, True),
    ],
)
@pytest.mark.usefixtures("build")
async def test_there_is_a_page_where_there_is_introspection_or_a_setting_says_so(
    database_uri: str, settings: dict[str, Any], is_shown: object
) -> None:
    async with connected(database_uri, **settings) as client:
        page = await client.get("/graphql", headers={"Accept": "text/html,*/*;q=0.8"})
        root = await client.get("/")
        file = await client.get("/graphiql/page-1a2b.js")

    statuses = [page.status_code, root.status_code, file.status_code]
    assert statuses == ([200, 307, 200] if is_shown else [400, 404, 404])
    assert page.headers["content-type"].startswith("text/html" if is_shown else "application/json")


async def test_without_the_page_a_browser_gets_the_same_answers_as_programs(
    database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphiql, "BUILD", tmp_path / "nothing")
    browser = {"Accept": "text/html,*/*;q=0.8"}
    with structlog.testing.capture_logs() as log:
        async with connected(database_uri) as client:
            query = await client.get("/graphql?query={__typename}", headers=browser)
            strict = await client.get("/graphql", headers={"Accept": "text/html"})

    assert query.json() == {"data": {"__typename": "Query"}}
    assert strict.status_code == 406
    assert not [line for line in log if "GraphiQL" in line["event"]]


@pytest.mark.parametrize(
    ("lines", "variables"),
    [
        (["GraphQL: {}/graphql"], {}),
        (
            ["GraphQL: {}/graphql"],
            {
                "GRAPHQL_API_INTROSPECTION": "true",
                "GRAPHQL_API_GRAPHIQL": "false",
                "GRAPHQL_API_DASHBOARD": "false",
            },
        ),
        (["GraphiQL: {}/graphql"], {"GRAPHQL_API_GRAPHIQL": "true"}),
        # The dashboard is built if Node is installed.
        pytest.param(
            ["Dashboard: {}/", "GraphiQL: {}/graphql"],
            {"GRAPHQL_API_INTROSPECTION": "true"},
            marks=needs_node,
        ),
        pytest.param(
            ["Dashboard: {}/", "GraphQL: {}/graphql"],
            {"GRAPHQL_API_DASHBOARD": "true"},
            marks=needs_node,
        ),
    ],
)
def test_the_lines_at_the_start_name_the_pages_that_the_server_shows(
    mongodb_uri: str, tmp_path: Path, lines: list[str], variables: dict[str, str]
) -> None:
    arguments = ("serve", "--port", "0")
    variables = {**variables, "GRAPHQL_API_MONGODB_URI": mongodb_uri}
    with launched(*arguments, errors=tmp_path / "stderr", measured=False, **variables) as process:
        assert process.stdout is not None
        printed = [process.stdout.readline() for _ in lines]

    url = re.escape("http://127.0.0.1:") + r"\d+"
    for line, expected in zip(printed, lines, strict=True):
        assert re.fullmatch(expected.format(url), line.rstrip("\n"))


async def test_with_the_embedded_mongodb_there_is_a_page(data_dir: Path, tmp_path: Path) -> None:
    with serving("--data-dir", str(data_dir), errors=tmp_path / "stderr") as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
            page = await client.get("/graphql", headers={"Accept": "text/html"})
            asked = await client.get("/graphql", params={"query": "{__schema{queryType{name}}}"})

    assert page.status_code == 200
    assert "errors" not in asked.json()


async def test_with_the_embedded_mongodb_there_is_no_page_where_introspection_is_off(
    data_dir: Path, tmp_path: Path
) -> None:
    with serving(
        *("--data-dir", str(data_dir)),
        errors=tmp_path / "stderr",
        GRAPHQL_API_INTROSPECTION="false",
    ) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
            page = await client.get("/graphql", headers={"Accept": "text/html"})
            asked = await client.get("/graphql", params={"query": "{__schema{queryType{name}}}"})

    assert page.status_code == 406
    assert "errors" in asked.json()

"""The dashboard's page, its files and its documents, as a server sends and accepts them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from graphql import DocumentNode

from graphql_api.access.principal import Scope
from graphql_api.app import create_app
from graphql_api.execution import documents as documents_module
from graphql_api.execution.parsing import parse_document
from graphql_api.http import dashboard, document_ids, graphiql
from graphql_api.settings import Settings, SettingsError

from ..support.builds import COMPRESSED, SCRIPT, document_id, write_build, write_dashboard
from ..support.clients import CREATE_CUSTOMER, connected
from ..support.servers import serving
from ..support.tokens import api_key, bearer
from ..support.wires import wire

TYPENAME = "query Own { __typename }"
NOT_OWN = "query NotOwn { __typename }"


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build of the dashboard that sends two documents, in the place of the real one."""
    folder = write_dashboard(tmp_path / "dashboard_build", TYPENAME, CREATE_CUSTOMER)
    monkeypatch.setattr(dashboard, "BUILD", folder)
    return folder


@pytest.fixture
def no_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "BUILD", tmp_path / "nothing")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes applications look for removed documents all the time."""
    monkeypatch.setattr(document_ids, "_REFRESH_SECONDS", 0.01)


@pytest.fixture
async def browser(
    database_uri: str,
    build: Path,  # noqa: ARG001  # in its place before the server starts
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of a server with that build."""
    async with connected(database_uri, dashboard=True) as client:
        client.headers = httpx.Headers({"Accept": "text/html,*/*;q=0.8"})
        yield client


@pytest.fixture
async def strict(
    database_uri: str,
    build: Path,  # noqa: ARG001  # in its place before the server starts
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server with that build that accepts trusted documents only."""
    async with connected(database_uri, dashboard=True, trusted_documents_only=True) as client:
        yield client


def known(page: httpx.Response) -> Any:
    """The settings in the page."""
    [text] = re.findall('<script id="server" type="application/json">(.*?)</script>', page.text)
    return json.loads(text)


# The page


async def test_a_browser_gets_the_page_at_the_root(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/?search=smith")

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.text.endswith('<script src="./dashboard/page-1a2b.js">')


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize("authentication", [True, False])
@pytest.mark.parametrize("explorer", [True, False])
async def test_the_page_knows_whether_it_needs_a_token_and_whether_there_is_a_graphiql(
    database_uri: str, authentication: object, explorer: object
) -> None:
    async with connected(
        database_uri, dashboard=True, keys=authentication, graphiql=explorer
    ) as client:
        page = await client.get("/")

    assert known(page) == {
        "authentication": authentication,
        "graphiql": explorer,
        "maxImportBytes": 100_000_000,
    }


async def test_the_page_allows_no_inline_code_and_no_other_server(
    browser: httpx.AsyncClient,
) -> None:
    page = await browser.get("/")

    assert page.headers["content-security-policy"].split("; ") == [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]


async def test_the_page_can_only_be_read(browser: httpx.AsyncClient) -> None:
    head = await browser.head("/")
    post = await browser.post("/")

    assert (head.status_code, post.status_code) == (200, 405)
    assert head.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.usefixtures("build")
async def test_the_page_needs_no_token_and_does_not_count_as_a_request_of_its_address(
    database_uri: str,
) -> None:
    async with connected(database_uri, dashboard=True, keys=True, rate_limit="1/hour") as client:
        statuses = [(await client.get(path)).status_code for path in ["/", "/"]]
        data = await client.post("/graphql", json={"query": TYPENAME})

    assert statuses == [200, 200]
    assert data.status_code == 401


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize("setting", [True, False])
async def test_graphiql_knows_whether_there_is_a_dashboard(
    database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: object
) -> None:
    monkeypatch.setattr(graphiql, "BUILD", write_build(tmp_path / "graphiql_build", "graphiql"))
    async with connected(database_uri, dashboard=setting, graphiql=True) as client:
        page = await client.get("/graphql", headers={"Accept": "text/html"})

    assert known(page)["dashboard"] is setting


# Its files


@pytest.mark.parametrize(("accepted", "encoding"), [("", None), ("gzip", "gzip"), ("br", "br")])
async def test_a_browser_may_store_a_file_for_ever(
    browser: httpx.AsyncClient, accepted: str, encoding: str | None
) -> None:
    async with browser.stream(
        "GET", "/dashboard/page-1a2b.js", headers={"Accept-Encoding": accepted}
    ) as answer:
        content = b"".join([chunk async for chunk in answer.aiter_raw()])

    assert answer.status_code == 200
    assert answer.headers.get_list("cache-control") == ["public, max-age=31536000, immutable"]
    assert answer.headers.get("content-encoding") == encoding
    assert "javascript" in answer.headers["content-type"]
    assert content == COMPRESSED.get(encoding or "", SCRIPT.encode())


@pytest.mark.parametrize(
    "path",
    [
        *("/dashboard", "/dashboard/", "/dashboard/index.html", "/dashboard/page-1a2b.js.br"),
        *("/documents.json", "/dashboard/documents.json", "/dashboard/..%2fdocuments.json"),
        *("/index.html", "/graphiql/page-1a2b.js"),
    ],
)
async def test_no_other_file_is_served(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)

    assert answer.status_code == 404
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_no_path_leads_out_of_the_folder(server_url: str) -> None:
    async with wire(server_url) as client:
        await client.send(b"GET /dashboard/../documents.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = await client.answer()

    assert (answer.status, answer.code) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        *(("/", "/"), ("/dashboard/page-1a2b.js", "/dashboard/page-1a2b.js")),
        ("/dashboard/jane@example.com", None),
    ],
)
async def test_the_log_has_the_paths_of_the_page_and_its_files_only(
    browser: httpx.AsyncClient, path: str, logged: str | None
) -> None:
    with structlog.testing.capture_logs() as log:
        await browser.get(path)

    assert [line["path"] for line in log if line["event"] == "request"] == [logged]


# Its documents


async def test_where_only_trusted_documents_are_accepted_its_own_need_no_registration(
    strict: httpx.AsyncClient,
) -> None:
    variables = {"input": {"email": "own@example.com"}}
    own = {"documentId": document_id(CREATE_CUSTOMER), "variables": variables}

    created = await strict.post("/graphql", json=own)
    by_id = await strict.post("/graphql", json={"documentId": document_id(TYPENAME)})
    by_get = await strict.get("/graphql", params={"documentId": document_id(TYPENAME)})
    by_text = [await strict.post("/graphql", json={"query": TYPENAME}) for _ in range(3)]

    assert created.json()["data"]["createCustomer"]["customer"]["email"] == "own@example.com"
    assert {answer.text for answer in [by_id, by_get, *by_text]} == {
        '{"data":{"__typename":"Query"}}'
    }


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"query": NOT_OWN}, 403, "TRUSTED_DOCUMENTS_ONLY"),
        ({"query": f"{TYPENAME} "}, 403, "TRUSTED_DOCUMENTS_ONLY"),
        ({"query": document_id(TYPENAME)}, 403, "TRUSTED_DOCUMENTS_ONLY"),
        ({"documentId": document_id(NOT_OWN)}, 200, "DOCUMENT_NOT_FOUND"),
        ({"documentId": TYPENAME}, 200, "DOCUMENT_NOT_FOUND"),
    ],
)
async def test_where_only_trusted_documents_are_accepted_others_are_rejected_as_before(
    strict: httpx.AsyncClient, request_: dict[str, str], status: int, code: str
) -> None:
    answer = await strict.post("/graphql", json=request_)

    [error] = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (status, code)


@pytest.mark.usefixtures("hasty")
async def test_its_documents_are_read_once_while_removed_ones_are_looked_for(
    strict: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def recording(text: str, max_tokens: int) -> DocumentNode:
        read.append(text)
        return parse_document(text, max_tokens)

    monkeypatch.setattr(documents_module, "parse_document", recording)
    answers = []
    for _ in range(2):
        answers.append(await strict.post("/graphql", json={"documentId": document_id(TYPENAME)}))
        # Several times, removed documents are looked for.
        await asyncio.sleep(0.1)

    assert [answer.json() for answer in answers] == [{"data": {"__typename": "Query"}}] * 2
    assert read == [TYPENAME]


@pytest.mark.usefixtures("build")
async def test_its_documents_need_the_scope_of_their_operations(database_uri: str) -> None:
    reader = bearer(await api_key(database_uri, Scope.CUSTOMERS_READ))
    variables = {"input": {"email": "own@example.com"}}
    own = {"documentId": document_id(CREATE_CUSTOMER), "variables": variables}

    async with connected(
        database_uri, dashboard=True, trusted_documents_only=True, keys=True
    ) as client:
        nobody = await client.post("/graphql", json=own)
        refused = await client.post("/graphql", json=own, headers=reader)

    assert nobody.status_code == 401
    assert refused.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize("setting", [False, None])
async def test_its_documents_are_not_trusted_where_it_is_not_shown(
    database_uri: str, setting: object
) -> None:
    async with connected(database_uri, dashboard=setting, trusted_documents_only=True) as client:
        by_id = await client.post("/graphql", json={"documentId": document_id(TYPENAME)})
        by_text = await client.post("/graphql", json={"query": TYPENAME})

    codes = [answer.json()["errors"][0]["extensions"]["code"] for answer in (by_id, by_text)]
    assert codes == ["DOCUMENT_NOT_FOUND", "TRUSTED_DOCUMENTS_ONLY"]


def test_a_server_does_not_start_with_a_document_that_has_the_id_of_another(build: Path) -> None:
    texts = {document_id(TYPENAME): NOT_OWN}
    (build / "documents.json").write_text(json.dumps(texts))

    with pytest.raises(SettingsError, match="the dashboard's build is damaged"):
        create_app(Settings(mongodb_uri="mongodb://localhost", dashboard=True))


# Without the page


@pytest.mark.parametrize(
    ("settings", "is_shown"),
    [
        (Settings(), True),
        (Settings(introspection=False), False),
        (Settings(introspection=False, dashboard=True), True),
        (Settings(mongodb_uri="mongodb://db.example"), False),
        (Settings(mongodb_uri="mongodb://db.example", introspection=True), True),
        (Settings(mongodb_uri="mongodb://db.example", dashboard=True), True),
        (Settings(dashboard=False), False),
        (Settings(trusted_documents_only=True), False),
        (Settings(trusted_documents_only=True, dashboard=True), True),
    ],
    ids=str,
)
def test_there_is_a_dashboard_where_the_schema_is_open_or_a_setting_says_so(
    settings: Settings, is_shown: object
) -> None:
    assert settings.shows_dashboard is is_shown


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize(("explorer", "status"), [(True, 307), (False, 404)])
async def test_without_a_dashboard_the_root_leads_to_graphiql_if_there_is_one(
    database_uri: str, explorer: object, status: int
) -> None:
    async with connected(database_uri, graphiql=explorer) as client:
        root = await client.get("/")
        file = await client.get("/dashboard/page-1a2b.js")

    assert (root.status_code, root.headers.get("location")) == (
        status,
        "/graphql" if explorer else None,
    )
    assert file.status_code == 404


@pytest.mark.usefixtures("no_build")
@pytest.mark.parametrize(("explorer", "status"), [(True, 307), (False, 404)])
async def test_without_a_build_the_server_says_how_to_build_it_and_works_as_before(
    database_uri: str, explorer: object, status: int
) -> None:
    with structlog.testing.capture_logs() as log:
        async with connected(database_uri, dashboard=True, graphiql=explorer) as client:
            root = await client.get("/")

    [warning] = [line for line in log if "dashboard" in line["event"]]
    assert warning["log_level"] == "warning"
    assert "`make run`" in warning["event"]
    assert root.status_code == status


async def test_with_the_embedded_mongodb_there_is_a_page_if_it_is_built(
    data_dir: Path, tmp_path: Path
) -> None:
    with serving("--data-dir", str(data_dir), errors=tmp_path / "stderr") as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
            root = await client.get("/")

    assert (root.status_code == 200) == (dashboard.BUILD / "index.html").exists()

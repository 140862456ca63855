"""Every answer has a request id, security headers, and a line in the log."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from bson.binary import UUID_SUBTYPE, Binary
from pymongo import MongoClient, WriteConcern
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from graphql_api.http import graphiql
from graphql_api.http.edge import SECURITY_HEADERS, Edge

from ..support.clients import CREATE_CUSTOMER, CUSTOMER, Transport, connected
from ..support.servers import Server, until

ID = "00000000-0000-4000-8000-000000000000"
ORIGIN = "https://app.example.com"


@contextmanager
def logged() -> Iterator[list[dict[str, Any]]]:
    """The lines of the log for requests."""
    lines: list[dict[str, Any]] = []
    with capture_logs() as entries:
        yield lines
    lines += [dict(entry) for entry in entries if entry["event"] == "request"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/graphql?query={__typename}", 200),
        ("DELETE", "/graphql", 405),
        ("GET", "/healthz", 200),
        ("POST", "/healthz", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/graphql/", 400),
    ],
)
async def test_every_answer_has_the_headers(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == status
    assert len(answer.headers["x-request-id"]) == 32
    for name, value in SECURITY_HEADERS:
        assert answer.headers.get_list(name.decode()) == [value.decode()]
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "NOT_FOUND"),
        ("POST", "/healthz", 405, "METHOD_NOT_ALLOWED"),
        ("PUT", "/graphql", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/graphql", 400, "BAD_REQUEST"),
        ("POST", "/graphql", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
async def test_a_rejected_request_gets_a_graphql_error(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    [error] = answer.json()["errors"]
    assert error["extensions"] == {"code": code}
    assert answer.json()["extensions"] == {"requestId": answer.headers["x-request-id"]}
    assert ("allow" in answer.headers) is (status == 405)


@pytest.mark.parametrize("id_", ["a", "A-z_0.9", "x" * 128])
async def test_the_request_id_of_the_client_is_used(client: httpx.AsyncClient, id_: str) -> None:
    with logged() as lines:
        answer = await client.get("/graphql", headers={"X-Request-ID": id_})

    assert answer.headers["x-request-id"] == id_
    assert answer.json()["extensions"] == {"requestId": id_}
    assert [line["request_id"] for line in lines] == [id_]


@pytest.mark.parametrize("id_", ["", "a b", 'x"', "x" * 129, "é", "a@example.com"])
async def test_a_request_id_that_could_be_anything_is_replaced(
    client: httpx.AsyncClient, id_: str
) -> None:
    answer = await client.get("/healthz", headers=[(b"X-Request-ID", id_.encode())])

    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_only_answers_with_errors_name_their_request(client: httpx.AsyncClient) -> None:
    right = await client.post("/graphql", json={"query": "{ __typename }"})
    wrong = await client.post("/graphql", json={"query": "{ nothing }"})

    assert "extensions" not in right.json()
    assert wrong.json()["extensions"] == {"requestId": wrong.headers["x-request-id"]}


@pytest.mark.parametrize(
    ("json_", "status", "operation", "outcome"),
    [
        ({"query": "query Known { __typename }"}, 200, "Known", "success"),
        ({"query": "query Unknown { nothing }"}, 200, "Unknown",
         "GRAPHQL_VALIDATION_FAILED"),
        ({"query": CREATE_CUSTOMER, "variables": {"input": {"email": ""}}}, 200,
         "CreateCustomer", "success"),
        ({"query": 1}, 400, None, "BAD_REQUEST"),
    ],
)  # fmt: skip
async def test_the_log_has_one_line_for_each_request(
    client: httpx.AsyncClient,
    json_: dict[str, Any],
    status: int,
    operation: str | None,
    outcome: str,
) -> None:
    with logged() as lines:
        answer = await client.post("/graphql?query=s3cr3t", json=json_)

    [line] = lines
    assert line.pop("duration_ms") > 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "request_id": answer.headers["x-request-id"],
        "method": "POST",
        "path": "/graphql",
        "status": status,
        "operation": operation,
        "outcome": outcome,
        "client": "anonymous",
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/john.smith@example.com", 404),
        ("POST", "/graphiql/jane@example.com", 405),
        ("GET", "/graphiql/jane@example.com", 404),
        ("GET", "/graphql/jane@example.com", 404),
        ("GET", "/healthz/", 404),
        ("OPTIONS", "/jane@example.com", 204),
    ],
)
async def test_an_unknown_path_is_not_logged(
    database_uri: str, method: str, path: str, status: int
) -> None:
    async with connected(database_uri, graphiql=True, cors_origins=(ORIGIN,)) as client:
        with logged() as lines:
            await client.request(method, path, headers=preflight(ORIGIN))

    assert [(line["path"], line["status"]) for line in lines] == [(None, status)]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("POST", "/graphql"),
        ("GET", "/graphql/"),
        ("OPTIONS", "/graphql"),
        ("POST", "/healthz"),
        ("HEAD", "/readyz"),
        ("GET", "/graphiql/page-1a2b.js"),
    ],
)
async def test_a_known_path_is_logged(
    database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    (tmp_path / "graphiql").mkdir()
    (tmp_path / "graphiql/page-1a2b.js").touch()
    monkeypatch.setattr(graphiql, "BUILD", tmp_path)
    async with connected(database_uri, graphiql=True, cors_origins=(ORIGIN,)) as client:
        with logged() as lines:
            await client.request(method, path, headers=preflight(ORIGIN))

    assert [line["path"] for line in lines] == [path]


@pytest.mark.parametrize(
    ("document", "chosen", "name"),
    [
        ("query A { __typename }", None, "A"),
        ("query A { __typename }", "A", "A"),
        ("\ufeff # query X\n\t, query B($v: ID!) { customer(id: $v) { id } }", None, "B"),
        ("query Unknown { nothing }", None, "Unknown"),
        ("subscription C { a }", None, "C"),
        ("{ __typename }", None, None),
        ('{ customer(id: "query Smith") { id } }', None, None),
        ("fragment F on Query { __typename } query A { ...F }", None, "A"),
        (f"query {'A' * 64} {{ __typename }}", None, "A" * 64),
        (f"query {'A' * 65} {{ __typename }}", None, "A" * 64),
        ("query A { a: __typename } query B { b: __typename }", "B", "B"),
        ("query A { a: __typename } query B { b: __typename }", None, None),
        ("query A { __typename }", "B", None),
        ("query A { __typename }", "john.smith@example.com", None),
        ("query A { __typename", None, None),
        ("query A { __typename", "A", None),
        ("# query X" * 600, None, None),
    ],
)
async def test_the_log_has_the_name_that_an_operation_has_in_the_document(
    client: httpx.AsyncClient, document: str, chosen: str | None, name: str | None
) -> None:
    with logged() as lines:
        for _ in range(3):
            await client.post("/graphql", json={"query": document, "operationName": chosen})

    assert [line["operation"] for line in lines] == [name] * 3


async def failing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise KeyError("s3cr3t")


async def test_an_unexpected_failure_is_answered_and_logged() -> None:
    transport = Transport(Edge(failing))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        with capture_logs() as entries:
            answer = await client.get("/")

    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json() == {
        "errors": [
            {
                "message": "The server failed. The request is not the cause.",
                "extensions": {"code": "INTERNAL_SERVER_ERROR"},
            }
        ],
        "extensions": {"requestId": answer.headers["x-request-id"]},
    }
    assert [(entry["event"], entry["log_level"]) for entry in entries] == [
        ("The server failed.", "error"),
        ("request", "info"),
    ]


async def test_a_failure_after_the_head_of_the_answer_sends_nothing_more() -> None:
    async def half(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise KeyError("s3cr3t")

    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError  # pragma: no cover  # the application reads nothing

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "http_version": "1.0", "method": "GET", "path": "/", "headers": []}
    with logged() as lines:
        await Edge(half)(scope, receive, send)

    assert [message["type"] for message in sent] == ["http.response.start"]
    assert [line["outcome"] for line in lines] == ["INTERNAL_SERVER_ERROR"]


# Origins


@pytest.fixture
async def cross_origin(database_uri: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that scripts of one origin may call."""
    async with connected(
        database_uri, cors_origins=(ORIGIN,), cors_headers=("X-Client-Name",)
    ) as client:
        yield client


def preflight(origin: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": (
            "authorization,content-type,idempotency-key,x-request-id"
        ),
    }


async def test_without_listed_origins_no_script_of_another_origin_may_call(
    client: httpx.AsyncClient,
) -> None:
    asked = await client.options("/graphql", headers=preflight(ORIGIN))
    called = await client.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"Origin": ORIGIN}
    )

    assert asked.status_code == 405
    for answer in (asked, called):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_scripts_of_a_listed_origin_may_call(cross_origin: httpx.AsyncClient) -> None:
    asked = await cross_origin.options("/graphql", headers=preflight(ORIGIN))
    called = await cross_origin.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"Origin": ORIGIN}
    )

    assert (asked.status_code, asked.content) == (204, b"")
    assert asked.headers["access-control-allow-origin"] == ORIGIN
    assert asked.headers["access-control-allow-methods"] == "GET, POST"
    allowed = asked.headers["access-control-allow-headers"].lower().split(", ")
    assert {
        *("authorization", "content-type", "idempotency-key", "x-request-id"),
        *("traceparent", "tracestate", "baggage", "sentry-trace"),
        *("apollographql-client-name", "apollographql-client-version", "x-client-name"),
    } <= set(allowed)
    assert called.headers["access-control-allow-origin"] == ORIGIN
    assert "X-Request-ID" in called.headers["access-control-expose-headers"]
    for answer in (asked, called):
        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", f"{ORIGIN}.evil.com"])
async def test_scripts_of_other_origins_may_not_call(
    cross_origin: httpx.AsyncClient, origin: str
) -> None:
    asked = await cross_origin.options("/graphql", headers=preflight(origin))
    called = await cross_origin.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"Origin": origin}
    )

    for answer in (asked, called):
        assert "access-control-allow-origin" not in answer.headers
    assert (asked.status_code, asked.content) == (204, b"")


async def test_a_listed_origin_can_read_errors() -> None:
    transport = Transport(Edge(failing, cors_origins=[ORIGIN]))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/", headers={"Origin": ORIGIN})

    assert answer.status_code == 500
    assert answer.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("left_out", ["Origin", "Access-Control-Request-Method"])
async def test_only_a_browser_asks_before_it_sends(
    cross_origin: httpx.AsyncClient, left_out: str
) -> None:
    headers = preflight(ORIGIN)
    del headers[left_out]

    answer = await cross_origin.options("/graphql", headers=headers)

    assert answer.status_code == 405


# The log of the real server


async def test_the_log_of_a_server_is_json_and_has_nothing_of_its_clients(
    impatient_server: Server,
) -> None:
    def requests() -> int:
        return len([line for line in impatient_server.log() if line["event"] == "request"])

    before = requests()
    mark = "s3cr3t"
    email = f"{mark}@example.com"
    created = {"query": CREATE_CUSTOMER, "variables": {"input": {"email": email, "name": mark}}}
    headers = {"Authorization": f"Bearer {mark}", "Cookie": mark, "User-Agent": mark}
    async with httpx.AsyncClient(
        base_url=impatient_server.url, headers=headers, timeout=20
    ) as client:
        await client.post("/graphql", json=created)
        await client.post("/graphql", json=created, headers={"Idempotency-Key": mark})
        await client.post("/graphql", json={"query": mark, "operationName": mark})
        await client.post("/graphql", content=mark, headers={"Content-Type": "application/json"})
        await client.get("/graphql", params={"query": mark, "variables": mark})
        await client.get(f"/{mark}?{mark}={mark}", headers={"X-Request-ID": f"{mark}@"})
        await client.request(mark, "/")

    until(lambda: requests() >= before + 7, "all of them are logged")
    assert mark not in json.dumps(impatient_server.log()).lower()


async def test_a_bug_in_a_resolver_is_masked_and_the_log_has_where_it_was(
    impatient_server: Server, impatient_database_uri: str
) -> None:
    # The driver stores a UUID of the wrong length, and fails to read it.
    document = {"_id": UUID(ID), "name": "s3cr3t", "other": Binary(b"short", UUID_SUBTYPE)}
    with MongoClient[dict[str, Any]](
        impatient_database_uri, uuidRepresentation="standard"
    ) as mongo:
        mongo.get_default_database()["customers"].with_options(
            write_concern=WriteConcern("majority")
        ).insert_one(document, bypass_document_validation=True)
    async with httpx.AsyncClient(base_url=impatient_server.url, timeout=20) as client:
        answer = await client.post("/graphql", json={"query": CUSTOMER, "variables": {"id": ID}})

    id_ = answer.headers["x-request-id"]
    assert answer.json() == {
        "errors": [
            {
                "message": "The server failed. The request is not the cause.",
                "locations": [{"line": 3, "column": 3}],
                "path": ["customer"],
                "extensions": {"code": "INTERNAL_SERVER_ERROR"},
            }
        ],
        "data": {"customer": None},
        "extensions": {"requestId": id_},
    }

    def lines() -> list[dict[str, Any]]:
        return [line for line in impatient_server.log() if line.get("request_id") == id_]

    # The request is logged after its answer.
    until(lambda: len(lines()) == 2, "both lines are logged")
    bug, request = lines()
    assert (bug["event"], bug["level"]) == ("A resolver failed.", "error")
    assert bug["exception"].startswith("InvalidBSON\n")
    assert "graphql_api/mongo/" in bug["exception"]
    assert "s3cr3t" not in json.dumps(bug)
    assert request["outcome"] == "INTERNAL_SERVER_ERROR"

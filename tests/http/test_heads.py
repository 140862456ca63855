"""The head of a request, by HTTP's own rules, on real sockets: its version, target and headers."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from graphql_api.http.addresses import host_name
from graphql_api.http.cors import cors_headers
from graphql_api.http.dashboard import BUILD

from ..support.clients import CREATE_CUSTOMER
from ..support.servers import Server, serving
from ..support.tokens import api_key
from ..support.wires import TYPENAME, Answer, Wire, post, wire

QUERY = "/graphql?query={__typename}"
DATA = {"data": {"__typename": "Query"}}
EVIL = b"evil.example"


@pytest.fixture
async def client(server_url: str) -> AsyncIterator[Wire]:
    """A connection to a server that is open to its own machine."""
    async with wire(server_url) as client:
        yield client


def request(first_line: bytes, *headers: bytes) -> bytes:
    """A whole request without a body, as it is."""
    return b"\r\n".join([first_line, *headers, b"", b""])


async def ask(client: Wire, first_line: bytes, *headers: bytes) -> Answer:
    await client.send(request(first_line, *headers))
    return await client.answer()


# Host


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (b"Host: localhost", b"Host: localhost"),
        (b"Host: localhost", b"Host: evil.example"),
        (b"Host: evil.example@localhost",),
        (b"Host: localhost, localhost",),
        (b"Host: http://localhost",),
        (b"Host: localhost/graphql",),
        (b"Host: localhost:80:80",),
        (b"Host: localhost:port",),
        (b"Host: local host",),
        (b"Host: localhost#",),
        (b"Host: localhost?",),
        (b"Host: local\\host",),
        (b"Host: %6",),
        (b"Host: ::1",),
        (b"Host: [::1",),
        (b"Host: [:::]",),
        (b"Host: [::1%25lo]",),
        (b"Host: l\xc3\xb6calhost",),
        (b"Host: " + b"a" * 256,),
    ],
    ids=repr,
)
@pytest.mark.parametrize("path", [QUERY, "/healthz", "/nowhere"])
async def test_a_request_has_one_valid_host(
    client: Wire, path: str, headers: tuple[bytes, ...]
) -> None:
    answer = await ask(client, f"GET {path} HTTP/1.1".encode(), *headers)

    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "host",
    [
        b"localhost",
        b"localhost:8000",
        b"localhost:",
        b"LocalHost",
        b"localhost.",
        b"shop.localhost:8000",
        b"a.b.localhost.",
        b"127.0.0.1:8000",
        b"127.9.9.9",
        b"[::1]",
        b"[::1]:8000",
        b"[::ffff:127.0.0.1]",
    ],
)
async def test_an_open_server_is_served_under_every_name_of_its_own_machine(
    client: Wire, host: bytes
) -> None:
    answer = await ask(client, f"GET {QUERY} HTTP/1.1".encode(), b"Host: " + host)

    assert (answer.status, answer.json()) == (200, DATA)


@pytest.mark.parametrize(
    "host",
    [
        EVIL,
        b"localhost.evil.example",
        b"evillocalhost",
        b"localhost.evil",
        b"localhost..",
        b"%6cocalhost",
        b"192.0.2.1",
        b"[2001:db8::1]:8000",
        b"[v1.x]",
        b"",
    ],
)
async def test_an_open_server_rejects_other_names_in_host(client: Wire, host: bytes) -> None:
    answer = await ask(client, f"GET {QUERY} HTTP/1.1".encode(), b"Host: " + host)

    assert (answer.status, answer.code) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (b"Example.COM:8000", "example.com"),
        (b"[2001:DB8::1]", "2001:db8::1"),
        (b"", ""),
        (b"[v1.x]", "[v1.x]"),
        (b"a_b~c!$&'()*+;=%2F", "a_b~c!$&'()*+;=%2f"),
        (b"localhost\n", None),
    ],
)
def test_a_host_is_a_name_or_an_address(host: bytes, name: str | None) -> None:
    assert host_name(host) == name


# White space


async def test_white_space_around_a_value_is_not_part_of_it(server: Server) -> None:
    key = str(uuid4()).encode()
    variables = {"input": {"email": f"{uuid4()!s:.20}@example.com"}}
    content = json.dumps({"query": CREATE_CUSTOMER, "variables": variables}).encode()
    answers = []
    for value in (key, key + b" ", b" \t" + key + b"\t \t"):
        async with wire(server.url) as client:
            await client.send(
                post(content, b"Idempotency-Key: " + value).replace(
                    b"Host: localhost", b"Host:\t localhost \t"
                )
            )
            answers.append((await client.answer()).json()["data"]["createCustomer"])

    assert [answer.get("replayed") for answer in answers] == [False, True, True]


async def test_a_token_may_have_white_space_after_it(guarded: Server, key: str) -> None:
    async with wire(guarded.url) as client:
        answer = await ask(
            client,
            f"GET {QUERY} HTTP/1.1".encode(),
            b"Host: localhost",
            f"Authorization:  Bearer {key} \t".encode(),
        )

    assert answer.json() == DATA


@pytest.fixture
def guarded(server_database_uri: str, tmp_path: Path) -> Iterator[Server]:
    """A server that accepts API keys only."""
    with serving(
        errors=tmp_path / "stderr",
        GRAPHQL_API_MONGODB_URI=server_database_uri,
        GRAPHQL_API_KEYS="true",
    ) as server:
        yield server


@pytest.fixture
async def key(server_database_uri: str) -> str:
    return await api_key(server_database_uri)


# Headers that occur more than once


@pytest.mark.parametrize(
    ("accepts", "status", "media_type"),
    [
        (["application/json", "text/plain"], 200, "application/json"),
        (["text/plain", "application/json"], 200, "application/json"),
        (["", "application/json"], 200, "application/json"),
        (["application/json;q=0.1", "application/graphql-response+json"], 200,
         "application/graphql-response+json"),
        (["text/plain", "image/png"], 406, "application/json"),
    ],
)  # fmt: skip
async def test_the_lines_of_a_list_are_one_list(
    client: Wire, accepts: list[str], status: int, media_type: str
) -> None:
    lines = [f"Accept: {accept}".encode() for accept in accepts]

    answer = await ask(client, f"GET {QUERY} HTTP/1.1".encode(), b"Host: localhost", *lines)

    assert answer.status == status
    assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", "Bearer x"),
        ("Content-Type", "application/json"),
        ("Host", "localhost"),
        ("Idempotency-Key", "x"),
        ("Origin", "http://localhost"),
    ],
)
async def test_a_header_that_is_not_a_list_may_occur_once(
    client: Wire, name: str, value: str
) -> None:
    line = f"{name.upper()}: {value}".encode()
    twice = [line] if name in ("Content-Type", "Host") else [line, line]

    await client.send(post(TYPENAME, *twice))
    answer = await client.answer()

    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
    assert answer.json()["errors"][0]["message"] == (
        f"The request has several {name} headers. Send one."
    )


async def test_the_last_of_several_request_ids_is_used(client: Wire) -> None:
    ids = (b"X-Request-ID: first", b"X-Request-ID: last")

    answer = await ask(client, b"GET /healthz HTTP/1.1", b"Host: localhost", *ids)

    assert (answer.status, answer.headers["x-request-id"]) == (200, "last")


# The target


# The dashboard, or without its build a redirect to GraphiQL.
ROOT = 200 if (BUILD / "index.html").exists() else 307


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("http://localhost", b"localhost", ROOT),
        ("HTTP://localhost", b"localhost", ROOT),
        ("https://localhost:8000/", b"localhost", ROOT),
        (f"http://localhost{QUERY}", b"localhost", 200),
        (f"http://localhost{QUERY}", EVIL, 200),
        (f"http://evil.example{QUERY}", b"localhost", 403),
        (f"http://evil.example@localhost{QUERY}", b"localhost", 400),
        ("http://localhost?query={__typename}", b"localhost", ROOT),
        (f"ftp://localhost{QUERY}", b"localhost", 400),
        ("*", b"localhost", 404),
    ],
)
async def test_the_host_of_an_absolute_target_is_the_one_that_counts(
    client: Wire, target: str, host: bytes, status: int
) -> None:
    answer = await ask(client, f"GET {target} HTTP/1.1".encode(), b"Host: " + host)

    assert answer.status == status


@pytest.mark.parametrize(
    ("first_line", "headers", "status"),
    [
        (b"GET http://localhost HTTP/1.1", (), 400),
        (b"GET http://localhost HTTP/1.1", (b"Host: localhost", b"Host: localhost"), 400),
        (b"GET http://localhost HTTP/1.0", (), ROOT),
        (b"GET http://evil.example/graphql HTTP/1.0", (), 403),
    ],
)
async def test_an_absolute_target_does_not_replace_the_header(
    client: Wire, first_line: bytes, headers: tuple[bytes, ...], status: int
) -> None:
    answer = await ask(client, first_line, *headers)

    assert answer.status == status


@pytest.mark.parametrize("path", ["/graphql/", "/graphql/?query={__typename}", "/", "/healthz/"])
@pytest.mark.parametrize("accept", [b"Accept: text/html", b"Accept: */*"])
async def test_no_address_is_made_from_a_host(server_url: str, path: str, accept: bytes) -> None:
    async with wire(server_url) as client:
        await client.send(request(f"GET {path} HTTP/1.1".encode(), b"Host: " + EVIL, accept))

        answer = await client.answer()

    assert EVIL not in answer.content
    assert answer.headers.get("location", "/").startswith(("/", "../graphql"))


async def test_a_final_slash_makes_no_difference(server_url: str) -> None:
    async with httpx.AsyncClient(base_url=server_url, timeout=20) as client:
        posted = await client.post("/graphql/", json={"query": "{ __typename }"})
        got = await client.get("/graphql/", params={"query": "{ __typename }"})
        page = await client.get("/graphql/?a=%C3%A9", headers={"Accept": "text/html"})
        bare_page = await client.head("/graphql/", headers={"Accept": "text/html"})

    assert posted.json() == got.json() == DATA
    # The page has paths that are relative to its own.
    assert (page.status_code, page.headers["location"]) == (307, "../graphql?a=%C3%A9")
    assert (bare_page.status_code, bare_page.headers["location"]) == (307, "../graphql")


# HEAD


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/graphql", "text/html"),
        (QUERY, "application/json"),
        ("/graphql?query={nothing}", "application/graphql-response+json"),
        ("/graphql?query=mutation{__typename}", "*/*"),
        ("/graphql", "image/png"),
        ("/", "*/*"),
        ("/healthz", "*/*"),
        ("/nowhere", "*/*"),
    ],
)
async def test_head_is_answered_as_get_without_the_body(
    server_url: str, path: str, accept: str
) -> None:
    async with httpx.AsyncClient(
        base_url=server_url, headers={"Accept": accept}, timeout=20
    ) as client:
        got = await client.get(path)
        head = await client.head(path)

    assert head.content == b""
    assert got.content != b"" or got.status_code == 307
    assert head.status_code == got.status_code
    changing = {"x-request-id", "date"}
    assert {name: value for name, value in head.headers.items() if name not in changing} == {
        name: value for name, value in got.headers.items() if name not in changing
    }


# The version


@pytest.mark.parametrize(
    "first_line",
    [
        b"GET /healthz HTTP/2.0",
        b"GET /healthz HTTP/3.0",
        b"GET /healthz HTTP/2.1",
        b"GET /healthz HTTP/9.9",
        b"GET /healthz HTTP/0.9",
        b"GET /healthz HTTP/3",
        b"GET /healthz",
        b"PRI * HTTP/2.0",
    ],
)
async def test_another_version_is_not_supported(client: Wire, first_line: bytes) -> None:
    answer = await ask(client, first_line, b"Host: localhost")

    assert (answer.status, answer.code) == (505, "HTTP_VERSION_NOT_SUPPORTED")
    assert answer.headers["connection"] == "close"
    assert await client.rest() == b""


async def test_a_later_version_of_http_1_is_answered_as_http_1_1(client: Wire) -> None:
    answer = await ask(client, b"GET /healthz HTTP/1.2", b"Host: localhost")

    assert answer.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (b"Connection: keep-alive",),
        (b"Connection: Upgrade", b"Upgrade: websocket"),
        (b"Connection: keep-alive, Upgrade", b"Upgrade: h2c"),
    ],
    ids=repr,
)
async def test_http_1_0_closes(client: Wire, headers: tuple[bytes, ...]) -> None:
    answer = await ask(client, b"GET /healthz HTTP/1.0", *headers)

    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert await client.rest() == b""


async def test_an_expectation_in_http_1_0_is_ignored(client: Wire) -> None:
    whole = post(TYPENAME, b"Expect: 100-continue").replace(b"HTTP/1.1", b"HTTP/1.0")

    await client.send(whole)

    answer = await client.answer()
    assert answer.json() == DATA


async def test_a_client_that_expects_100_continue_gets_it(client: Wire) -> None:
    whole = post(TYPENAME, b"Expect: 100-continue")

    await client.send(whole.removesuffix(TYPENAME))
    assert await client.goes_on()
    await client.send(TYPENAME)

    assert (await client.answer()).json() == DATA


# Methods and transfer codings that are unknown


@pytest.mark.parametrize("method", [b"FOO", b"get", b"GETX", b"P!"])
async def test_an_unknown_method_is_not_implemented(client: Wire, method: bytes) -> None:
    answer = await ask(client, method + b" /graphql HTTP/1.1", b"Host: localhost")

    assert (answer.status, answer.code) == (501, "NOT_IMPLEMENTED")
    assert answer.headers["connection"] == "close"


async def test_a_known_method_that_is_not_allowed_gets_405(client: Wire) -> None:
    answer = await ask(client, b"PROPFIND /graphql HTTP/1.1", b"Host: localhost")

    assert (answer.status, answer.code) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    ("codings", "status"),
    [
        ([b"chunked"], 200),
        ([b"Chunked "], 200),
        ([b"gzip, chunked"], 501),
        ([b"gzip", b"chunked"], 501),
        # RFC 9112, 6.3: the length of such a body is unknown.
        ([b"gzip"], 400),
        ([b"chunked, gzip"], 400),
    ],
    ids=str,
)
async def test_a_body_may_be_chunked_and_has_no_other_transfer_coding(
    client: Wire, codings: list[bytes], status: int
) -> None:
    lines = [b"Transfer-Encoding: " + coding for coding in codings]
    json_ = b"Content-Type: application/json"
    head = request(b"POST /graphql HTTP/1.1", b"Host: localhost", json_, *lines)

    await client.send(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(TYPENAME), TYPENAME))
    answer = await client.answer()

    assert answer.status == status
    if status == 501:
        assert answer.code == "NOT_IMPLEMENTED"


# Rejected requests from other origins


ORIGIN = b"https://app.example.com"


@pytest.fixture(scope="module")
def shared_server(
    server_database_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that scripts of one origin may call, and that does not wait long."""
    with serving(
        errors=tmp_path_factory.mktemp("shared-server") / "stderr",
        measured=True,
        GRAPHQL_API_MONGODB_URI=server_database_uri,
        GRAPHQL_API_CORS_ORIGINS=ORIGIN.decode(),
        GRAPHQL_API_RECEIVE_SECONDS="1",
        GRAPHQL_API_MAX_CONNECTIONS="30",
    ) as server:
        yield server


REFUSED = {
    "400": (b"GET /healthz HTTP/1.1", 400),
    "400 of the body": (b"POST /graphql HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked", 400),
    "403": (b"GET /graphql HTTP/1.1\r\nHost: evil.example", 403),
    "404": (b"GET /nowhere HTTP/1.1\r\nHost: localhost", 404),
    "408": (b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 9", 408),
    "413": (b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 9999999", 413),
    "414": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost", 414),
    "431": (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nbaggage: " + b"a" * 17_000, 431),
    "431 of many": (b"GET /healthz HTTP/1.1\r\nHost: localhost" + b"\r\nX-Many: a" * 1500, 431),
    "505": (b"GET /healthz HTTP/2.0\r\nHost: localhost", 505),
}  # fmt: skip


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize(("head", "status"), REFUSED.values(), ids=REFUSED)
async def test_a_listed_origin_can_read_why_a_request_is_rejected(
    shared_server: Server, head: bytes, status: int, where: str
) -> None:
    first_line, *headers = head.split(b"\r\n")
    origin = b"Origin: " + ORIGIN
    headers = [origin, *headers] if where == "before" else [*headers, origin]
    async with wire(shared_server.url) as client:
        await client.send(request(first_line, *headers) + b"nonsense\r\n" * (status == 400))

        answer = await client.answer()

    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == ORIGIN.decode()
    assert answer.headers["access-control-expose-headers"] == "Retry-After, X-Request-ID"
    assert answer.headers["vary"] == "Origin"


async def test_no_other_origin_can_read_it(shared_server: Server) -> None:
    async with wire(shared_server.url) as client:
        answer = await ask(client, b"GET / HTTP/2.0", b"Origin: https://evil.example")

    assert answer.status == 505
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == "Origin"


async def test_the_origin_of_an_earlier_request_is_not_used(shared_server: Server) -> None:
    async with wire(shared_server.url) as client:
        await ask(client, b"GET /healthz HTTP/1.1", b"Host: a", b"Origin: " + ORIGIN)
        await client.send(b"\x16\x03\x01")

        answer = await client.answer()

    assert answer.status == 400
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in answer.headers


def test_an_origin_is_compared_as_a_whole() -> None:
    assert cors_headers(("https://a.example",), b"https://a.exampl\xe9") == [(b"vary", b"Origin")]

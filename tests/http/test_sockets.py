"""Connections: slow, endless and malformed requests, and unread answers, on real sockets."""

import asyncio
import contextlib
import json
import re
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from graphql_api.app import create_app
from graphql_api.customers.store import StoredCustomer
from graphql_api.http.edge import SECURITY_HEADERS
from graphql_api.http.protocol import Protocol
from graphql_api.mongo.customers import MongoCustomers
from graphql_api.settings import Settings

from ..support.clients import CREATE_CUSTOMER
from ..support.databases import settings_for
from ..support.servers import Server, eventually, until
from ..support.wires import (
    CHUNKED,
    TYPENAME,
    Answer,
    Wire,
    connections,
    get,
    post,
    wire,
)

PAGE = get("/graphql", b"Accept: text/html")


@pytest.fixture
async def client(impatient_server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """Another client, which must be served at any time."""
    # The server could close an idle connection just when the next request is sent.
    none_kept = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(
        base_url=impatient_server.url, limits=none_kept, timeout=20
    ) as client:
        yield client


@contextlib.asynccontextmanager
async def in_this_process(
    app: ASGIApp, settings: Settings
) -> AsyncIterator[tuple[uvicorn.Server, str]]:
    """A server of this application that speaks by our protocol, and its URL."""
    protocol = partial(Protocol, settings)
    config = uvicorn.Config(app, http=protocol, lifespan="off", log_config=None)  # type: ignore[arg-type]  # it is only called
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        running = asyncio.create_task(server.serve([listener]))
        yield server, f"http://{host}:{port}"
        server.should_exit = True
        await running


@contextlib.asynccontextmanager
async def serving_app(app: ASGIApp) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    """A connection to another application, which speaks by our protocol."""
    async with in_this_process(app, Settings()) as (_, url):
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        with contextlib.closing(writer):
            yield reader, writer


async def drip(slow: Wire, beginning: bytes, piece: bytes) -> Answer:
    """The answer to a request that always goes on, a piece at a time."""
    await slow.send(beginning)
    answer = asyncio.create_task(slow.answer())
    while not (await asyncio.wait([answer], timeout=0.1))[0]:
        await slow.send(piece)
    return answer.result()


async def pour(wire: Wire, beginning: bytes, piece: bytes, most: int) -> int:
    """Sends a request that goes on without a pause. Returns how many bytes were sent."""
    await wire.send(beginning)
    sent = 0
    with contextlib.suppress(ConnectionError, TimeoutError):
        while sent < most:
            await wire.send(piece)
            sent += len(piece)
            # The answer must be read at once, because the server does not wait long.
            await asyncio.sleep(0)
    return sent


async def assert_serves(client: httpx.AsyncClient) -> None:
    # The server may close an idle connection just when the next request is sent on it.
    close = {"connection": "close"}
    answer = await client.post("/graphql", json={"query": "{ __typename }"}, headers=close)
    assert answer.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    "beginning",
    [b"GET /healthz HTTP/1.1\r\nX-Slow: ", b"GET /", post(TYPENAME.ljust(999))[:-900]],
    ids=["headers", "path", "body"],
)  # fmt: skip
async def test_200_slow_requests_end_at_the_deadline_while_others_are_served(
    impatient_server: Server, client: httpx.AsyncClient, beginning: bytes
) -> None:
    await assert_serves(client)
    async with AsyncExitStack() as stack:
        # Each begins at once: the server waits for a second, and connecting may take as long.
        slow = [
            asyncio.create_task(
                drip(await stack.enter_async_context(wire(impatient_server.url)), beginning, b" ")
            )
            for _ in range(200)
        ]

        answers = asyncio.gather(*slow)
        while not answers.done():
            await assert_serves(client)

        assert {answer.status for answer in await answers} == {408}
        assert {answer.code for answer in await answers} == {"REQUEST_TIMEOUT"}
        until(lambda: connections(impatient_server.url) == 0, "all of them are freed")


async def test_a_connection_that_sends_nothing_is_closed_without_a_word(
    impatient_server: Server,
) -> None:
    async with wire(impatient_server.url) as silent:
        assert await silent.rest() == b""


@pytest.mark.parametrize("first", [b"", get("/healthz")], ids=["at first", "after an answer"])
async def test_empty_lines_are_not_a_request(impatient_server: Server, first: bytes) -> None:
    async with wire(impatient_server.url) as empty:
        await empty.send(first)
        if first:
            await empty.answer()

        await empty.send(b"\r\n")

        assert await empty.rest() == b""


@pytest.mark.in_time
async def test_only_a_connection_without_a_request_waits_too_long() -> None:
    goes_on = asyncio.Event()

    async def slow(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            await goes_on.wait()
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    async with in_this_process(slow, Settings(keep_alive_seconds=1)) as (server, url):
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(get("/"))
        await reader.readuntil(b"ok")
        [connection] = cast("set[Protocol]", server.server_state.connections)
        writer.write(get("/slow"))
        # The connection looks after a second, and again a second after the next answer.
        await eventually(lambda: connection._looking is None)
        goes_on.set()
        await reader.readuntil(b"ok")
        first = connection._looking
        connection._idle_since += 1  # as if another request was answered
        await eventually(lambda: connection._looking is not first)
        is_open = not reader.at_eof()
        rest = await asyncio.wait_for(reader.read(), 20)
        writer.close()

    assert is_open
    assert rest == b""


async def test_a_connection_that_becomes_a_web_socket_waits_for_no_request() -> None:
    settings = settings_for("mongodb://127.0.0.1:1/")
    upgrade = get(
        "/graphql",
        *(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"),
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    async with (
        in_this_process(create_app(settings), settings) as (server, url),
        wire(url) as client,
    ):
        await client.send(get("/healthz"))
        assert (await client.answer()).status == 200
        [connection] = cast("set[Protocol]", server.server_state.connections)
        assert connection._looking is not None
        assert not connection._looking.cancelled()
        await client.send(upgrade)
        await client.until(b"HTTP/1.1 101 ")

        assert connection._looking.cancelled()


async def test_the_next_request_on_a_connection_has_its_own_deadline(
    impatient_server: Server,
) -> None:
    async with wire(impatient_server.url) as kept:
        for _ in range(3):
            await asyncio.sleep(0.6)
            await kept.send(get("/healthz"))
            await kept.answer()

        answer = await drip(kept, b"GET /healthz HTTP/1.1\r\nX-Slow: ", b"a")

        assert answer.code == "REQUEST_TIMEOUT"


@pytest.mark.parametrize(
    ("beginning", "piece", "code"),
    [
        (b"GET /healthz HTTP/1.1\r\n", b"X-Many: a\r\n" * 500, "HEADERS_TOO_LARGE"),
        (b"GET /healthz HTTP/1.1\r\nX-Long: ", b"a" * 5000, "HEADERS_TOO_LARGE"),
        (b"GET /healthz HTTP/1.1\r\nX", b"a" * 5000, "HEADERS_TOO_LARGE"),
        (b"GET /", b"a" * 5000, "URI_TOO_LONG"),
        (CHUNKED + b"0\r\nX-Trailer: ", b"a" * 50_000, "CONTENT_TOO_LARGE"),
        (CHUNKED + b"0\r\n", b"X-Trailer: a\r\n" * 500, "HEADERS_TOO_LARGE"),
        (CHUNKED + b"1;", b"a" * 50_000, "CONTENT_TOO_LARGE"),
        (CHUNKED, b"ffff\r\n" + b" " * 0xFFFF + b"\r\n", "CONTENT_TOO_LARGE"),
    ],
    ids=["many headers", "a long value", "a long name", "a long path", "a long trailer",
         "many trailers", "a long chunk extension", "many chunks"],
)  # fmt: skip
async def test_an_endless_request_is_rejected_and_not_stored(
    impatient_server: Server, client: httpx.AsyncClient, beginning: bytes, piece: bytes, code: str
) -> None:
    before = peak_memory(impatient_server)
    async with wire(impatient_server.url) as endless:
        # A short beginning always arrives. The server may end the connection before the rest does.
        assert await pour(endless, beginning, piece, most=1) == len(piece)
        pouring = asyncio.create_task(pour(endless, b"", piece, most=50_000_000))

        answer = await endless.answer()
        await assert_serves(client)

        await pouring
        assert answer.code == code
        assert await endless.rest() == b""
    assert peak_memory(impatient_server) - before < 20_000_000


def peak_memory(server: Server) -> int:
    """The most bytes of memory that a server had."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost : server\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"CONNECT server:443 HTTP/1.1\r\nHost: server\r\n\r\n",
        b"CONNECT / HTTP/1.1\r\nHost: server\r\n\r\n",
        post(TYPENAME, b"Transfer-Encoding: chunked"),
        post(TYPENAME, b"Content-Length: 1"),
        CHUNKED + b"nonsense\r\n",
    ],
    ids=lambda request_: repr(request_[:30]),
)
async def test_a_request_that_is_not_http_gets_a_graphql_error(
    impatient_server: Server, request_: bytes
) -> None:
    async with wire(impatient_server.url) as wrong:
        await wrong.send(request_)

        answer = await wrong.answer()

        assert answer.status == 400
        assert answer.code == "BAD_REQUEST"
        assert answer.headers["connection"] == "close"
        assert answer.json()["extensions"] == {"requestId": answer.headers["x-request-id"]}
        for name, value in SECURITY_HEADERS:
            assert answer.headers[name.decode()] == value.decode()
        assert await wrong.rest() == b""


async def test_a_client_that_resets_its_connection_leaves_nothing_in_the_log(
    impatient_server: Server, client: httpx.AsyncClient
) -> None:
    before = len(impatient_server.log())
    for request in (
        b"nonsense\r\n\r\n",
        b"GET /hea",
        post(TYPENAME)[:-5],
        post(TYPENAME),
        PAGE * 9,
    ):
        for _ in range(5):
            async with wire(impatient_server.url) as gone:
                await gone.send(request)
                gone.abort()

    await client.get("/healthz", headers={"X-Request-ID": "after-them"})
    until(lambda: "after-them" in impatient_server.errors.read_text(), "all of it is logged")
    assert {line["level"] for line in impatient_server.log()[before:]} == {"info"}


async def test_an_answer_that_needs_no_body_does_not_wait_for_it(
    impatient_server: Server, client: httpx.AsyncClient
) -> None:
    request = post(b"").replace(b"-Length: 0", b"-Length: 60000")
    async with wire(impatient_server.url) as early:
        await early.send(request.replace(b"application/json", b"text/plain"))

        answer = await early.answer()

        assert answer.code == "UNSUPPORTED_MEDIA_TYPE"
        assert answer.headers["connection"] == "close"
        assert await early.rest() == b""
    await assert_serves(client)


async def test_a_last_answer_that_is_read_late_misses_nothing(server_url: str) -> None:
    async with wire(server_url, receive_buffer=4096) as late:
        await late.send(PAGE * 9 + get("/graphql", b"Accept: text/html", b"Connection: close"))
        await asyncio.sleep(0)

        pages = [await late.answer() for _ in range(10)]

        assert {page.content for page in pages} == {pages[0].content}
        assert await late.rest() == b""


async def fill(server: Server, unread: Wire) -> int:
    """Requests pages until the server reads no more, because it cannot send. Returns their number.

    A server that can send reads the next request before it has answered 20 of another client.
    """
    asked = other_answers = 0
    while other_answers < 20:
        if unread.arrived():
            async with wire(server.url) as other:
                await other.send(get("/healthz"))
                await other.answer()
            other_answers += 1
        else:
            await unread.send(PAGE)
            asked += 1
            other_answers = 0
    return asked


async def test_a_client_that_never_reads_is_cut_off(
    impatient_server: Server, client: httpx.AsyncClient
) -> None:
    async with wire(impatient_server.url, receive_buffer=4096) as deaf:
        await deaf.send(get("/healthz"))
        await deaf.answer()
        assert connections(impatient_server.url)
        # On a slow machine, it is cut off meanwhile.
        with contextlib.suppress(ConnectionError):
            await fill(impatient_server, deaf)

        await assert_serves(client)
        until(lambda: connections(impatient_server.url) == 0, "it is freed")


async def test_a_client_that_reads_late_misses_nothing(server: Server) -> None:
    async with wire(server.url, receive_buffer=4096) as late:
        asked = await fill(server, late)

        answers = [await late.answer() for _ in range(asked)]

    assert {(answer.status, answer.content) for answer in answers} == {(200, answers[0].content)}


async def test_a_request_of_http_1_0_needs_no_host(server_url: str) -> None:
    async with wire(server_url) as old:
        await old.send(b"GET /graphql?query={__typename} HTTP/1.0\r\n\r\n")

        answer = await old.answer()

    assert answer.json() == {"data": {"__typename": "Query"}}


async def test_the_head_of_a_stream_does_not_wait_for_the_first_part() -> None:
    head_came = asyncio.Event()

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await head_came.wait()
        await send({"type": "http.response.body", "body": b"ok"})

    async with serving_app(slow) as (reader, writer):
        writer.write(post(TYPENAME))
        head = await reader.readuntil(b"\r\n\r\n")
        head_came.set()
        part = await reader.readuntil(b"ok\r\n")

    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert part == b"2\r\nok\r\n"


async def test_an_answer_that_begins_before_its_request_has_ended_is_the_last_one() -> None:
    async def early(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["more_body"]:
            pass
        await send({"type": "http.response.body", "body": b"ok"})

    async with serving_app(early) as (reader, writer):
        writer.write(post(TYPENAME)[:-5])
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(post(TYPENAME)[-5:])
        rest = await reader.read()

    assert b"\r\nconnection: close\r\n" in head
    assert rest == b"2\r\nok\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("header", "body", "end"),
    [
        ((b"x-note", b"a\r\nset-cookie: b=c"), b"ok", b""),
        ((b"content-length", b"1"), b"ok", b""),
        ((b"content-length", b"3"), b"ok", b"\r\n\r\nok"),
    ],
    ids=["a header of several lines", "a long body", "a short body"],
)
async def test_a_malformed_answer_breaks_off(
    header: tuple[bytes, bytes], body: bytes, end: bytes
) -> None:
    faults = list[str]()

    async def malformed(_scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": [header]})
            await send({"type": "http.response.body", "body": body})
        except RuntimeError as fault:
            faults.append(str(fault))

    async with serving_app(malformed) as (reader, writer):
        writer.write(post(TYPENAME) * 2)
        answer = await asyncio.wait_for(reader.read(), 20)

    assert len(faults) == 1
    assert answer.count(b"HTTP/1.1") == len(end[:1])
    assert answer.endswith(end)


async def test_an_answer_that_has_no_body_has_no_length() -> None:
    async def empty(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async with serving_app(empty) as (reader, writer):
        writer.write(post(TYPENAME))
        head = await reader.readuntil(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 204 ")
    assert b"length" not in head
    assert b"transfer-encoding" not in head


async def test_an_application_that_fails_after_its_client_disconnected_does_no_harm() -> None:
    gone = asyncio.Event()

    async def failing(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()
        raise KeyError("s3cr3t")

    async with serving_app(failing) as (reader, writer):
        writer.write(post(TYPENAME))
        await reader.readuntil(b"\r\n\r\n")
        # With this option, the client resets the connection instead of ending its side.
        reset = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        writer.transport.abort()

        await asyncio.wait_for(gone.wait(), 20)


@pytest.mark.parametrize(
    ("requests", "statuses"),
    [
        (post(TYPENAME), [b"200"]),
        (get("/", b"Connection: close"), [b"200"]),
        (post(TYPENAME) * 3, [b"200"] * 3),
        (post(TYPENAME) + b"nonsense\r\n\r\n", [b"200", b"400"]),
        (post(TYPENAME)[:-5], []),
        (b"GET / HTTP", []),
    ],
    ids=["one", "the last one", "pipelined", "one before a malformed one", "incomplete body",
         "incomplete head"],
)  # fmt: skip
async def test_a_client_that_ends_its_side_gets_the_answers_to_complete_requests(
    requests: bytes, statuses: list[bytes]
) -> None:
    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        # Until the client has ended its side.
        await asyncio.sleep(0.1)
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    async with serving_app(slow) as (reader, writer):
        writer.write(requests)
        writer.write_eof()
        answers = await asyncio.wait_for(reader.read(), 20)

    assert re.findall(rb"HTTP/1\.1 (\d+) ", answers) == statuses


async def test_a_stream_ends_with_a_client_that_ends_its_side() -> None:
    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        scope["exchange"] = SimpleNamespace(stream=None)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a part", "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    async with serving_app(endless) as (reader, writer):
        writer.write(get("/"))
        await reader.readuntil(b"\r\n\r\n")
        writer.write_eof()
        rest = await asyncio.wait_for(reader.read(), 20)

    assert rest == b"6\r\na part\r\n"


async def test_a_real_server_answers_a_client_that_ends_its_side(server_url: str) -> None:
    async with wire(server_url) as brief:
        await brief.send(post(TYPENAME))
        brief.end()

        answer = await brief.answer()

        assert answer.json() == {"data": {"__typename": "Query"}}
        assert await brief.rest() == b""


async def test_an_operation_of_a_client_that_has_gone_still_counts_against_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[StoredCustomer] = []
    may_end = asyncio.Event()

    async def add(_: MongoCustomers, new: StoredCustomer) -> StoredCustomer:
        begun.append(new)
        await may_end.wait()
        return new

    monkeypatch.setattr(MongoCustomers, "add", add)
    settings = settings_for("mongodb://127.0.0.1:1/", max_connections=3)
    variables = {"input": {"email": "john.smith@example.com"}}
    creation = post(json.dumps({"query": CREATE_CUSTOMER, "variables": variables}).encode())
    async with in_this_process(create_app(settings), settings) as (server, url):
        for number in range(1, 4):
            async with wire(url) as client:
                await client.send(creation)
                await eventually(lambda: len(begun) == number)  # noqa: B023  # called at once
                client.abort()
        await eventually(lambda: not server.server_state.connections)

        answers = []
        for _ in range(2):
            async with wire(url) as client:
                await client.send(get("/healthz"))
                answers.append(await client.answer())
            may_end.set()
            await eventually(lambda: not server.server_state.tasks)

    assert [answer.status for answer in answers] == [503, 200]
    assert answers[0].code == "OVERLOADED"


async def test_trailers_are_not_headers(server_url: str) -> None:
    async with wire(server_url) as sly:
        await sly.send(
            CHUNKED + b"%x\r\n%s\r\n0\r\nX-Request-ID: sly\r\n\r\n" % (len(TYPENAME), TYPENAME)
        )

        answer = await sly.answer()

        assert answer.status == 200
        assert answer.headers["x-request-id"] != "sly"

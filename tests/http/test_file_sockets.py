"""Files over real connections: slow ones, those that end early, and a server that stops."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from ..support.servers import Server, serving, until
from ..support.wires import wire

FILE = {"Content-Type": "application/octet-stream"}
# More than a second's work.
MANY = b"Email,Name\n" + b"".join(
    b"c%d@example.com,John Smith\n" % number for number in range(9000)
)
# More than the buffers of a connection.
LONG = b"Email,Name,Description,City,State,Address,Address Line 2\n" + b"".join(
    b"long%d@example.com,%s\n" % (number, b",".join([b"x" * 50] * 6)) for number in range(8000)
)


@pytest.fixture(scope="module")
def uri(mongodb_uri: str) -> str:
    return mongodb_uri.replace("/?", "/file-sockets?")


@pytest.fixture
def customers(uri: str) -> Iterator[Any]:
    with MongoClient[dict[str, Any]](uri) as mongo:
        yield mongo.get_default_database()["customers"]


@pytest.fixture
def server(uri: str, tmp_path: Path) -> Iterator[Server]:
    """A server with limits of one second. The test must stop it."""
    with serving(
        errors=tmp_path / "stderr",
        measured=True,
        stop=False,
        GRAPHQL_API_MONGODB_URI=uri,
        GRAPHQL_API_DASHBOARD="true",
        GRAPHQL_API_RECEIVE_SECONDS="1",
        GRAPHQL_API_SEND_SECONDS="1",
    ) as server:
        yield server


def head(path: str, length: int, media_type: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def outcomes(server: Server) -> list[tuple[str | None, str]]:
    """The path and the outcome of each request but the first one, `/healthz`."""
    requests = [line for line in server.log() if line["event"] == "request"]
    return [(line["path"], line["outcome"]) for line in requests[1:]]


@pytest.mark.in_time
async def test_files_and_lists_end_with_their_connections_and_with_the_server(
    server: Server, customers: Any
) -> None:
    file = "/customers/import"
    async with wire(server.url) as slow:
        await slow.send(head(file, 2_000_000, FILE["Content-Type"]) + b"Email\n")
        assert (await slow.answer()).code == "REQUEST_TIMEOUT"

    # A file that makes progress may take longer than other requests.
    content = b"Email\nnobody\n" + (b" " * 9_999 + b"\n") * 200
    async with wire(server.url) as steady:
        await steady.send(head(f"{file}?dryRun=true", len(content), FILE["Content-Type"]))
        for start in range(0, len(content), 400_000):
            await steady.send(content[start : start + 400_000])
            await asyncio.sleep(0.3)
        await steady.send(b"")
        report = (await steady.rest()).decode()
    assert '"type": "report"' in report

    # This client ends its side in the middle, and reads on.
    async with wire(server.url) as half:
        await half.send(head(f"{file}?dryRun=true", len(MANY), FILE["Content-Type"]) + MANY)
        assert await half.until(b'"understood"')
        half.end()
        report = (await half.rest()).decode()
    assert '"isComplete": true' in report

    # Gone in the middle.
    async with wire(server.url) as leaving:
        await leaving.send(head(file, len(MANY), FILE["Content-Type"]) + MANY)
        until(lambda: customers.count_documents({}) > 0, "rows are stored")
    left = (file, "disconnected")
    until(lambda: outcomes(server).count(left) == 2, "the import ends")
    stored = customers.count_documents({})
    async with wire(server.url) as incomplete:
        await incomplete.send(head(file, len(MANY), FILE["Content-Type"]) + MANY[:100_000])
    # Until then, it has one of the places for imports.
    until(lambda: outcomes(server).count(left) == 3, "the incomplete import ends")

    # The server stops in the middle of another import.
    events = []
    async with (
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
        client.stream("POST", file, content=MANY, headers=FILE) as answer,
    ):
        async for line in answer.aiter_lines():
            events.append(json.loads(line))
            if events[-1]["type"] == "progress" and events[-1]["created"]:
                server.process.send_signal(signal.SIGTERM)
    assert events[-1]["code"] == "SHUTTING_DOWN"
    assert events[-2]["type"] == "report"
    assert not events[-2]["isComplete"]
    assert events[-2]["alreadyThere"] >= stored
    assert await asyncio.to_thread(server.process.wait, 40) == 0
    assert "example.com" not in server.errors.read_text()
    assert [one for one in outcomes(server) if one[0] is not None] == [
        *((file, "disconnected"), (file, "success"), (file, "success"), (file, "disconnected")),
        *((file, "disconnected"), (file, "SHUTTING_DOWN")),
    ]


@pytest.mark.in_time
async def test_an_export_ends_with_a_client_that_does_not_read(
    server: Server, customers: Any
) -> None:
    body = b'{"format": "jsonl"}'
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        answer = await client.post("/customers/import", content=LONG, headers=FILE)
        assert json.loads(answer.text.splitlines()[-1])["created"] == 8000
        async with wire(server.url, receive_buffer=4096) as idle:
            await idle.send(head("/customers/export", len(body), "application/json") + body)
            until(lambda: ("/customers/export", "disconnected") in outcomes(server), "it ends")
        whole = await client.post("/customers/export", json={})

    assert len(whole.text.splitlines()) == customers.count_documents({}) + 1
    server.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(server.process.wait, 40) == 0

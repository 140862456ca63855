"""Long requests, most of which the server answers before their end, on real sockets."""

from pathlib import Path

import pytest

from graphql_api.settings import Settings

from ..support.servers import Server, serving
from ..support.wires import CHUNKED, TYPENAME, post, wire

MOST_BODY = Settings().max_body_bytes


@pytest.mark.parametrize(
    ("length", "status"), [(MOST_BODY, 200), (MOST_BODY + 1, 413)], ids=["longest", "too long"]
)
async def test_a_body_may_be_as_long_as_the_limit(
    server_url: str, length: int, status: int
) -> None:
    content = TYPENAME.ljust(length)
    async with wire(server_url) as whole, wire(server_url) as in_chunks:
        await whole.send(post(content))
        await in_chunks.send(CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (length, content))

        assert (await whole.answer()).status == status
        assert (await in_chunks.answer()).status == status


@pytest.mark.parametrize("length", [b"6291457", b"9" * 19, b"00000000000006291457"])
async def test_a_body_that_is_announced_as_too_long_is_rejected_before_it_is_sent(
    impatient_server: Server, length: bytes
) -> None:
    async with wire(impatient_server.url) as polite:
        request = post(b"", b"Expect: 100-continue").replace(b"-Length: 0", b"-Length: " + length)

        await polite.send(request)

        answer = await polite.answer()
        assert answer.status == 413
        assert answer.code == "CONTENT_TOO_LARGE"
        assert await polite.rest() == b""


LARGE = b"x" * 7_000_000


EARLY = {
    "403": (403, post(LARGE).replace(b"Host: localhost", b"Host: evil.example")),
    "404": (404, post(LARGE).replace(b"POST /graphql", b"POST /nowhere")),
    "405": (405, post(LARGE).replace(b"POST /graphql", b"POST /healthz")),
    "406": (406, post(LARGE, b"Accept: image/png")),
    "413": (413, post(LARGE)),
    "413 in chunks": (413, CHUNKED + b"6ACFC0\r\n" + LARGE + b"\r\n0\r\n\r\n"),
    "414": (414, post(LARGE).replace(b"/graphql", b"/" + b"a" * 9000)),
    "415": (415, post(LARGE).replace(b"application/json", b"text/plain")),
    "431": (431, post(LARGE, b"X-Large: " + b"a" * 17_000)),
    "505": (505, post(LARGE).replace(b"HTTP/1.1", b"HTTP/2.0")),
}


@pytest.mark.parametrize(("status", "request_"), EARLY.values(), ids=EARLY)
@pytest.mark.parametrize("version", ["keep-alive", "close", "HTTP/1.0", "expect", "half closed"])
async def test_an_early_answer_arrives_although_the_request_goes_on(
    server_url: str, version: str, status: int, request_: bytes
) -> None:
    if version == "HTTP/1.0":
        request_ = request_.replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    if version in ("close", "expect"):
        line = {"close": b"Connection: close", "expect": b"Expect: 100-continue"}[version]
        request_ = request_.replace(b"\r\n", b"\r\n" + line + b"\r\n", 1)
    async with wire(server_url) as large:
        await large.send(request_)
        if version == "half closed":
            large.end()

        answer = await large.answer()

        assert answer.status == status
        assert answer.headers["connection"] == "close"
        assert await large.rest() == b""


async def test_a_client_can_read_a_401_or_429_although_its_request_goes_on(
    mongodb_uri: str, tmp_path: Path
) -> None:
    with serving(
        errors=tmp_path / "stderr",
        GRAPHQL_API_MONGODB_URI=mongodb_uri,
        GRAPHQL_API_KEYS="true",
        GRAPHQL_API_RATE_LIMIT="1/day",
    ) as server:
        for status in (401, 429):
            async with wire(server.url) as stranger:
                await stranger.send(post(LARGE, b"Connection: close"))

                assert (await stranger.answer()).status == status

"""Connections with several requests, and how many connections there may be."""

import asyncio
import resource
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from ..support.servers import Server, frozen, serving, until
from ..support.wires import CHUNKED, TYPENAME, get, post, wire


async def test_a_connection_stays_open_for_a_while_after_an_answer(
    impatient_server: Server,
) -> None:
    async with wire(impatient_server.url) as kept:
        for _ in range(3):
            await kept.send(post(TYPENAME))
            assert (await kept.answer()).status == 200

        assert await kept.rest() == b""


async def test_data_after_the_last_request_of_a_connection_does_not_destroy_its_answer(
    server_url: str,
) -> None:
    async with wire(server_url) as hasty:
        await hasty.send(get("/healthz", b"Connection: close") + get("/healthz") * 9 + b"nonsense")
        answer = await hasty.answer()

        assert answer.status == 200
        assert answer.headers["connection"] == "close"
        assert await hasty.rest() == b""


async def test_pipelined_requests_are_answered_in_their_order(server_url: str) -> None:
    async with wire(server_url) as hasty:
        await hasty.send(get("/healthz") + post(TYPENAME) + get("/nowhere") + b"nonsense\r\n\r\n")

        answers = [await hasty.answer() for _ in range(4)]

        assert [answer.status for answer in answers] == [200, 200, 404, 400]
        assert answers[1].json() == {"data": {"__typename": "Query"}}
        assert await hasty.rest() == b""


async def test_too_many_pipelined_requests_are_rejected(server_url: str) -> None:
    async with wire(server_url) as hasty:
        await hasty.send(get("/healthz") * 1000)

        answers = [await hasty.answer() for _ in range(18)]

        assert [answer.status for answer in answers] == [200] * 17 + [503]
        assert answers[-1].code == "OVERLOADED"
        assert await hasty.rest() == b""


async def test_a_pipelined_request_that_turns_out_malformed_does_not_harm_the_first(
    server_url: str,
) -> None:
    async with wire(server_url) as hasty:
        await hasty.send(post(TYPENAME) + CHUNKED + b"nonsense\r\n")

        answers = [await hasty.answer(), await hasty.answer()]

        assert [answer.status for answer in answers] == [200, 400]
        assert await hasty.rest() == b""


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
async def test_an_offer_of_another_protocol_is_ignored(server_url: str, protocol: bytes) -> None:
    offer = (b"Connection: Upgrade", b"Upgrade: " + protocol, b"Sec-WebSocket-Key: x")
    async with wire(server_url) as modern:
        await modern.send(get("/healthz", *offer) + post(TYPENAME, *offer)[:-5])
        await modern.send(post(TYPENAME)[-5:] + get("/nowhere", *offer, b"X-Large: " + b"a" * 9999))

        answers = [await modern.answer() for _ in range(3)]

        assert [answer.status for answer in answers] == [200, 200, 404]
        assert answers[1].json() == {"data": {"__typename": "Query"}}


async def test_the_number_of_connections_is_limited(mongodb_uri: str, tmp_path: Path) -> None:
    with serving(
        errors=tmp_path / "stderr",
        measured=True,
        GRAPHQL_API_MONGODB_URI=mongodb_uri,
        GRAPHQL_API_MAX_CONNECTIONS="2",
    ) as server:
        async with AsyncExitStack() as stack:
            # The first answer shows that the server has noticed the end of an earlier connection.
            for _ in range(2):
                one = await stack.enter_async_context(wire(server.url))
                await one.send(get("/healthz"))
                await one.answer()

            async with httpx.AsyncClient(timeout=20) as third:
                refused = await third.get(f"{server.url}/healthz")

            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "1"
            assert refused.json()["errors"][0]["extensions"] == {
                "code": "OVERLOADED",
                "retryAfter": 1,
            }
            await one.send(get("/healthz"))
            assert (await one.answer()).status == 200

        until(
            lambda: httpx.get(f"{server.url}/healthz", timeout=20).status_code == 200,
            "there is room again",
        )


def test_a_server_may_have_as_many_connections_as_the_system_lets_it(
    mongodb_uri: str, tmp_path: Path
) -> None:
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, usual[1]))
    try:
        with serving(errors=tmp_path / "stderr", GRAPHQL_API_MONGODB_URI=mongodb_uri) as server:
            limits = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)

    assert limits == (usual[1], usual[1])


@pytest.mark.parametrize("beginning", [b"", post(TYPENAME)[:40]], ids=["kept", "begun"])
async def test_a_connection_of_a_server_that_was_frozen_goes_on(
    beginning: bytes, impatient_server: Server
) -> None:
    async with wire(impatient_server.url) as client:
        await client.send(get("/healthz"))
        await client.answer()
        await client.send(beginning)
        # The server reads it.
        await asyncio.sleep(0.1)
        with frozen(impatient_server.process.pid):
            # Longer than this server waits for a request, and keeps connections open.
            await asyncio.sleep(2)
        # The server runs its overdue timers before this arrives.
        await asyncio.sleep(0.3)

        await client.send(post(TYPENAME).removeprefix(beginning))

        assert (await client.answer()).json() == {"data": {"__typename": "Query"}}
        assert await client.rest() == b""

"""Connections whose events happen in any order, without sockets: what only timing would show."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from graphql_api.http.protocol import Protocol
from graphql_api.http.timers import Timer
from graphql_api.settings import Settings

from ..support.transports import Transport
from ..support.wires import TYPENAME, get, post


class Application:
    """Answers `ok`, after a time that the test determines."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await self.may_answer.wait()
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


def connected(
    application: Callable[..., Awaitable[None]], **settings: Any
) -> tuple[Protocol, Transport]:
    config = uvicorn.Config(application, log_config=None, ws="none")
    config.load()
    protocol = Protocol(
        Settings(**settings), config=config, server_state=ServerState(), app_state={}
    )
    transport = Transport()
    protocol.connection_made(transport)  # type: ignore[arg-type]  # as far as it is used
    return protocol, transport


async def all_answered(protocol: Protocol) -> None:
    await asyncio.gather(*protocol.tasks)


def statuses(transport: Transport) -> list[bytes]:
    return re.findall(rb"HTTP/1\.1 (\d+) ", transport.sent)


async def test_a_file_has_as_much_time_for_each_part() -> None:
    application = Application()
    protocol, transport = connected(application)
    protocol.data_received(
        b"POST /customers/import HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n"
    )
    protocol.data_received(bytes(1_000_000))
    protocol._too_slow()
    in_time = statuses(transport)
    protocol.data_received(bytes(999_999))
    protocol._too_slow()
    protocol.data_received(b"ignored")
    application.may_answer.set()
    await all_answered(protocol)
    protocol.connection_lost(None)

    assert in_time == []
    assert statuses(transport) == [b"408"]


async def test_a_rejection_follows_the_answer_to_an_earlier_request() -> None:
    application = Application()
    protocol, transport = connected(application, cors_origins=("https://a.example",))
    protocol.data_received(get("/") + post(TYPENAME, b"Origin: https://a.example")[:-5])
    protocol._too_slow()
    before = statuses(transport)
    application.may_answer.set()
    await all_answered(protocol)
    protocol.connection_lost(None)

    assert before == []
    assert statuses(transport) == [b"200", b"408"]
    assert b"access-control-allow-origin: https://a.example\r\n" in transport.sent


async def test_an_answer_waits_until_the_client_reads() -> None:
    application = Application()
    protocol, transport = connected(application)
    protocol.data_received(get("/"))
    protocol.pause_writing()
    application.may_answer.set()
    for _ in range(5):
        await asyncio.sleep(0)
    unread = statuses(transport)
    protocol.resume_writing()
    await all_answered(protocol)
    protocol.connection_lost(None)

    assert unread == []
    assert statuses(transport) == [b"200"]
    assert protocol._sending is not None
    assert protocol._sending._handle.cancelled()


async def test_a_connection_that_is_closing_gets_no_last_answer() -> None:
    application = Application()
    protocol, transport = connected(application)
    protocol.data_received(get("/", b"Connection: close"))
    transport.close()
    application.may_answer.set()
    await all_answered(protocol)
    protocol.connection_lost(None)

    assert transport.done.count("end") == 0


async def test_a_client_that_ends_its_side_gets_the_answers_and_a_rejection() -> None:
    application = Application()
    protocol, transport = connected(application)
    protocol.data_received(get("/") + b"nonsense\r\n\r\n")
    stays_open = protocol.eof_received()
    application.may_answer.set()
    await all_answered(protocol)
    protocol.connection_lost(None)

    assert stays_open
    assert statuses(transport) == [b"200", b"400"]
    assert transport.done[-1] == "close"


async def test_a_client_that_reads_nothing_has_time_to_read_the_last_answer() -> None:
    protocol, transport = connected(Application(), send_seconds=60)
    transport.unsent_bytes = 1
    protocol.data_received(b"nonsense\r\n\r\n")

    assert protocol._ending is not None
    assert protocol._ending.when() > asyncio.get_running_loop().time() + 30
    protocol.connection_lost(None)


@pytest.mark.parametrize(
    ("received", "is_closed"), [(b"", True), (get("/")[:-5], False), (get("/"), False)]
)
async def test_a_server_that_stops_closes_only_connections_without_a_request(
    received: bytes, *, is_closed: bool
) -> None:
    application = Application()
    protocol, transport = connected(application)
    protocol.data_received(received)
    protocol.shutdown()
    waits = protocol.timeout_keep_alive_task is not None
    if waits:
        protocol.timeout_keep_alive_handler()
        # The event loop first reads what has arrived.
        async with asyncio.timeout(20):
            while not transport.is_closing():  # noqa: ASYNC110  # no event announces it
                await asyncio.sleep(0.001)
    protocol.connection_lost(None)
    application.may_answer.set()
    await all_answered(protocol)

    assert waits == is_closed


async def test_a_timer_that_is_very_late_starts_again() -> None:
    over = asyncio.Event()
    timer = Timer(asyncio.get_running_loop(), 0, over.set)
    timer._due -= 60
    first = timer._handle
    timer._end()
    first.cancel()

    await asyncio.wait_for(over.wait(), 20)

"""Subscriptions over WebSockets, with a real client on real sockets."""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from graphql_api.access.principal import Scope
from graphql_api.mongo.api_keys import MongoApiKeys

from ..support.clients import create_customer
from ..support.databases import database_at
from ..support.servers import Server, serving
from ..support.subscribers import CUSTOMER_EVENTS
from ..support.tokens import api_key, bearer, id_of
from ..support.wires import wire

PROTOCOL = "graphql-transport-ws"
INIT = {"type": "connection_init"}


def subscribe(id_: str, query: str = CUSTOMER_EVENTS, **payload: Any) -> dict[str, Any]:
    return {"id": id_, "type": "subscribe", "payload": {"query": query, **payload}}


@contextlib.asynccontextmanager
async def opened(
    server_url: str, protocols: Sequence[str] = (PROTOCOL,), **headers: str
) -> AsyncIterator[ClientConnection]:
    url = server_url.replace("http", "ws", 1) + "/graphql"
    names = [Subprotocol(name) for name in protocols]
    async with connect(url, subprotocols=names or None, additional_headers=headers) as socket:
        yield socket


async def send(socket: ClientConnection, *messages: Any) -> None:
    for message in messages:
        await socket.send(message if isinstance(message, str | bytes) else json.dumps(message))


async def receive(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 20))
    return message


async def closed(socket: ClientConnection) -> tuple[int | None, str | None]:
    """The code and the reason with which the server closes the connection."""
    # In a task, as in `clients.Transport`.
    await asyncio.wait_for(asyncio.create_task(read_all(socket)), 20)
    return socket.close_code, socket.close_reason


async def read_all(socket: ClientConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for _ in socket:
            pass


async def first_event(socket: ClientConnection, client: httpx.AsyncClient) -> dict[str, Any]:
    """The first message of a subscription. Customers are created until it has begun."""
    asked = asyncio.create_task(receive(socket))
    numbers = count()
    while not asked.done():
        await create_customer(client, email=f"event{next(numbers)}@example.com")
        await asyncio.wait([asked], timeout=0.2)
    return asked.result()


async def test_operations_of_all_types_are_answered(server_url: str) -> None:
    async with (
        opened(server_url) as socket,
        httpx.AsyncClient(base_url=server_url, timeout=20) as client,
    ):
        await send(socket, INIT)
        assert await receive(socket) == {"type": "connection_ack"}
        assert socket.subprotocol == PROTOCOL
        mutation = 'mutation { createCustomer(input: {email: "ws@example.com"}) { __typename } }'
        await send(socket, subscribe("q", "{ __typename }"), subscribe("m", mutation))
        answers = [await receive(socket) for _ in range(4)]
        await send(socket, subscribe("s"))
        event = await first_event(socket, client)
        await send(socket, {"id": "s", "type": "complete"}, {"id": "s", "type": "complete"})
        await send(socket, {"type": "ping"})
        # There may be more than one event until then.
        answer = None
        while answer != {"type": "pong"}:
            answer = await receive(socket)
        await create_customer(client, email="ws3@example.com")
        await send(socket, {"type": "pong"}, {"type": "ping", "payload": {"a": 1}})
        assert await receive(socket) == {"type": "pong", "payload": {"a": 1}}

    assert {"id": "q", "type": "next", "payload": {"data": {"__typename": "Query"}}} in answers
    created = {"createCustomer": {"__typename": "CreateCustomerSuccess"}}
    assert {"id": "m", "type": "next", "payload": {"data": created}} in answers
    assert {"id": "q", "type": "complete"} in answers
    assert event["id"] == "s"
    email = event["payload"]["data"]["customerEvents"]["customer"]["email"]
    assert email.startswith("event")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("query A { __typename } query B { __typename }", "OPERATION_RESOLUTION_FAILURE"),
        ("", "BAD_REQUEST"),
        ('subscription { customerEvents(after: "x") { __typename } }', "BAD_USER_INPUT"),
        ("query($first: Int!) { customers(first: $first) { __typename } }", "BAD_USER_INPUT"),
    ],
)
async def test_an_operation_that_cannot_be_executed_ends_with_an_error(
    server_url: str, query: str, code: str
) -> None:
    async with opened(server_url) as socket:
        await send(socket, INIT, subscribe("1", query))
        await receive(socket)

        answer = await receive(socket)

    assert (answer["id"], answer["type"]) == ("1", "error")
    assert [error["extensions"]["code"] for error in answer["payload"]] == [code]


@pytest.mark.parametrize(
    ("messages", "close"),
    [
        (["nonsense"], (4400, "Invalid message")),
        (["[]"], (4400, "Invalid message")),
        ([b"{}"], (4400, "Invalid message")),
        ([{"type": "unknown"}], (4400, "Invalid message")),
        ([{"type": "connection_init", "payload": "x"}], (4400, "Invalid message")),
        ([INIT, {"type": "subscribe", "id": "", "payload": {}}], (4400, "Invalid message")),
        ([INIT, {"type": "subscribe", "id": "1"}], (4400, "Invalid message")),
        ([subscribe("1")], (4401, "Unauthorized")),
        ([INIT, INIT], (4429, "Too many initialisation requests")),
        ([INIT, subscribe("1"), subscribe("1")], (4409, "Subscriber for 1 already exists")),
        # Some end at once while the server still counts subscriptions of other tests.
        ([INIT, *map(subscribe, map(str, range(300)))], (1013, "Too many operations")),
    ],
)
async def test_a_message_that_the_protocol_does_not_allow_closes_the_connection(
    server_url: str, messages: list[Any], close: tuple[int, str]
) -> None:
    async with opened(server_url) as socket:
        with contextlib.suppress(ConnectionClosed):
            await send(socket, *messages)

        assert await closed(socket) == close


async def test_a_message_that_is_too_large_closes_the_connection(server_url: str) -> None:
    async with opened(server_url) as socket:
        await send(socket, json.dumps("x" * 70_000))

        assert (await closed(socket))[0] == 1009


async def test_very_many_frames_at_once_close_the_connection(server_url: str) -> None:
    pong = b"\x8a\x80\0\0\0\0"
    async with opened(server_url) as socket:
        socket.transport.write(pong * 5000)

        assert await closed(socket) == (1008, "Too many frames")


async def test_a_client_that_does_not_introduce_itself_is_closed(server_url: str) -> None:
    async with opened(server_url) as socket:
        assert await closed(socket) == (4408, "Connection initialisation timeout")


@pytest.mark.parametrize("protocols", [[], ["graphql-ws"]])
async def test_no_other_subprotocol_is_accepted(server_url: str, protocols: list[str]) -> None:
    async with opened(server_url, protocols) as socket:
        assert socket.subprotocol is None
        assert (await closed(socket))[0] == 4406


async def test_pages_of_other_origins_may_not_open_a_websocket(server_url: str) -> None:
    async with opened(server_url, Origin=server_url) as socket:
        await send(socket, INIT)
        assert await receive(socket) == {"type": "connection_ack"}
    other = opened(server_url, Origin="https://other.example")
    with pytest.raises(InvalidStatus) as raised:
        await asyncio.create_task(other.__aenter__())
    assert raised.value.response.status_code == 403
    assert raised.value.response.headers["X-Request-ID"]
    [error] = json.loads(raised.value.response.body or b"")["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"


async def test_other_offers_of_a_websocket_are_ignored(server_url: str) -> None:
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    offer = (
        b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n%s\r\n"
    )
    statuses = []
    for path, more in [
        (b"/healthz", key),
        (b"/graphql", key + b"X-Long: %s\r\n" % (b"x" * 9000)),
        (b"/graphql", key + b"X-Short: 1\r\n" * 130),
        (b"/graphql?" + b"a" * 8001, key),
        (b"/graphql", key + b"Sec-WebSocket-Version: 12\r\n"),
        (b"/graphql", b""),
        (b"/graphql", b"Sec-WebSocket-Key: short\r\n"),
    ]:
        async with wire(server_url) as client:
            await client.send(offer % (path, more))
            statuses.append((await client.answer()).status)

    # The offer is ignored.
    assert statuses == [200, *[400] * 6]


async def test_the_token_is_in_the_first_message_or_in_the_header(
    database_uri: str, tmp_path: Path
) -> None:
    key, other = await api_key(database_uri), await api_key(database_uri, Scope.CUSTOMERS_WRITE)
    with serving(
        errors=tmp_path / "stderr",
        measured=True,
        GRAPHQL_API_MONGODB_URI=database_uri,
        GRAPHQL_API_KEYS="true",
        GRAPHQL_API_MAX_CLIENT_SUBSCRIPTIONS="2",
    ) as server:
        with_token = {**INIT, "payload": {"client": "test", **bearer(key)}}
        async with opened(server.url) as socket:
            await send(socket, with_token)
            assert await receive(socket) == {"type": "connection_ack"}
        async with opened(server.url, **bearer(key)) as socket:
            await send(socket, INIT, subscribe("1"))
            assert await receive(socket) == {"type": "connection_ack"}
            await asyncio.sleep(0.5)
            # The connection and its subscription count.
            await send(socket, subscribe("2"))
            refused = await receive(socket)
            async with opened(server.url) as second:
                await send(second, with_token)
                assert await closed(second) == (1013, "Try again later")
            async with database_at(database_uri) as database:
                assert await MongoApiKeys(database).revoke(id_of(key), datetime.now(UTC))
            assert await closed(socket) == (4403, "Forbidden")
        async with opened(server.url) as socket:
            await send(socket, INIT)
            assert await closed(socket) == (4403, "Forbidden")
        async with opened(server.url, **bearer(other)) as socket:
            await send(socket, INIT, subscribe("1"))
            await receive(socket)
            forbidden = await receive(socket)

    assert refused["payload"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
    assert forbidden["payload"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_stopping_server_closes_websockets_so_that_clients_connect_again(
    database_uri: str, tmp_path: Path
) -> None:
    with serving(
        errors=tmp_path / "stderr", measured=True, stop=False, GRAPHQL_API_MONGODB_URI=database_uri
    ) as server:
        async with (
            opened(server.url, **{"X-Request-ID": "the-socket"}) as socket,
            httpx.AsyncClient(base_url=server.url, timeout=20) as client,
        ):
            await send(socket, INIT, subscribe("1"))
            await receive(socket)
            await first_event(socket, client)
            server.process.send_signal(signal.SIGTERM)

            assert await closed(socket) == (1001, "Going away")
        assert server.process.wait(20) == 0
        requests = [line for line in server.log() if line["event"] == "request"]
        text = server.errors.read_text()

    outcomes = {line["operation"]: line["outcome"] for line in requests if line["operation"]}
    assert outcomes["CustomerEvents"] == "SHUTTING_DOWN"
    [socket_line] = [line for line in requests if line["request_id"] == "the-socket"]
    assert (socket_line["status"], socket_line["outcome"]) == (101, "1001")
    # uvicorn would log the addresses of clients.
    assert "127.0.0.1:" not in text


async def test_the_time_limits_of_requests_do_not_end_a_websocket(impatient_server: Server) -> None:
    async with opened(impatient_server.url) as socket:
        await send(socket, INIT)
        assert await receive(socket) == {"type": "connection_ack"}
        await asyncio.sleep(3)
        await send(socket, {"type": "ping"})

        assert await receive(socket) == {"type": "pong"}


async def test_a_websocket_whose_client_does_not_read_is_dropped(impatient_server: Server) -> None:
    async with httpx.AsyncClient(base_url=impatient_server.url, timeout=60) as client:
        async with opened(impatient_server.url) as socket:
            await send(socket, INIT)
            await receive(socket)
            socket.transport.pause_reading()
            # Each answer is long, and none is read.
            query = (
                "{ "
                + " ".join(
                    f"a{n}: customerFieldRules {{ description name allowed example pattern }}"
                    for n in range(10)
                )
                + " }"
            )
            asking = asyncio.create_task(ask_often(socket, query))
            await asyncio.wait([asking], timeout=20)
            assert asking.done()
        assert (await client.get("/healthz")).status_code == 200


async def ask_often(socket: ClientConnection, query: str) -> None:
    """Sends operations until the server drops the connection."""
    with contextlib.suppress(ConnectionClosed):
        numbers = count()
        while True:
            await send(socket, subscribe(str(next(numbers)), query))
            await asyncio.sleep(0.002)

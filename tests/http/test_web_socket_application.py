"""WebSockets of the ASGI application, under a server that is not our own."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from structlog.testing import capture_logs

from graphql_api.app import create_app
from graphql_api.customers import event_feed
from graphql_api.customers.events import Batch
from graphql_api.faults import Unavailable
from graphql_api.http.exchange import Exchange
from graphql_api.metrics.measurements import Measurements
from graphql_api.mongo.customers import MongoCustomers

from ..support.asgi import Asgi, Socket
from ..support.clients import create_customer
from ..support.databases import settings_for
from ..support.subscribers import CUSTOMER_EVENTS


@pytest.fixture
def subscribed(monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """Is released once for each subscription that has begun."""
    begun = asyncio.Semaphore(0)
    follow = event_feed.EventFeed.follow

    async def following(feed: event_feed.EventFeed, after: str | None) -> event_feed.Follower:
        follower = await follow(feed, after)
        begun.release()
        return follower

    monkeypatch.setattr(event_feed.EventFeed, "follow", following)
    return begun


async def test_a_websocket_whose_client_reads_too_slowly_is_told(
    app: Starlette,
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    subscribed: asyncio.Semaphore,
) -> None:
    arrived = asyncio.Semaphore(0)
    add = event_feed.EventFeed._add

    def adding(feed: event_feed.EventFeed, batch: Batch) -> None:
        add(feed, batch)
        for _ in batch.events:
            arrived.release()

    monkeypatch.setattr(event_feed.EventFeed, "_add", adding)
    monkeypatch.setattr(event_feed, "_MOST_EVENTS", 3)
    socket = Socket(app)
    await socket.next("connection_ack")
    socket.subscribe(CUSTOMER_EVENTS)
    async with asyncio.timeout(20):
        await subscribed.acquire()
        socket.reads.clear()
        for number in range(6):
            await create_customer(client, email=f"c{number}@example.com")
            await arrived.acquire()
    socket.reads.set()

    [error] = (await socket.next("error"))["payload"]

    assert error["extensions"]["code"] == "TOO_SLOW"
    await socket.disconnect()


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        (Unavailable, "UNAVAILABLE", "The database is unavailable. Retry in a few seconds."),
        (
            ZeroDivisionError,
            "INTERNAL_SERVER_ERROR",
            "The server failed. The request is not the cause.",
        ),
    ],
)
async def test_a_websocket_whose_history_cannot_be_read_is_told(
    fault: type[Exception],
    code: str,
    message: str,
    app: Starlette,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def following(_: event_feed.Follower) -> Any:
        raise fault

    monkeypatch.setattr(event_feed.Follower, "next", following)
    monkeypatch.setattr(event_feed.Follower, "is_live", False)
    socket = Socket(app)
    socket.subscribe(CUSTOMER_EVENTS)

    [error] = (await socket.next("error"))["payload"]

    assert error["extensions"]["code"] == code
    assert error["message"] == message
    await socket.disconnect()


async def test_a_websocket_runs_trusted_documents_only_if_the_server_does(
    database_uri: str,
) -> None:
    app = create_app(settings_for(database_uri, trusted_documents_only=True))
    async with app.router.lifespan_context(app):
        socket = Socket(app)
        socket.subscribe(CUSTOMER_EVENTS)
        [error] = (await socket.next("error"))["payload"]
        stream = Asgi(app, None)
        refused = json.loads(await stream.part())
        await socket.disconnect()

    assert error["extensions"]["code"] == "TRUSTED_DOCUMENTS_ONLY"
    assert refused["errors"][0]["extensions"]["code"] == "TRUSTED_DOCUMENTS_ONLY"


async def test_a_websocket_has_answers_with_data_and_errors(app: Starlette) -> None:
    socket = Socket(app)
    socket.subscribe("{ __typename customers(first: 0) { __typename } }")

    answer = (await socket.next("next"))["payload"]

    assert answer["data"] == {"__typename": "Query", "customers": None}
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert answer["extensions"]["requestId"]
    socket.tell({"type": "unknown"})
    await asyncio.wait_for(socket.task, 20)
    assert socket.sent.get_nowait()["type"] == "websocket.send"
    assert (await socket.sent.get())["code"] == 4400


async def test_a_websocket_whose_client_has_gone_ends_quietly(
    app: Starlette, client: httpx.AsyncClient, subscribed: asyncio.Semaphore
) -> None:
    socket = Socket(app)
    await socket.next("connection_ack")
    socket.subscribe(CUSTOMER_EVENTS)
    await asyncio.wait_for(subscribed.acquire(), 20)
    socket.is_gone = True
    with capture_logs() as logged:
        await create_customer(client, email="gone@example.com")
        await asyncio.wait_for(socket.task, 20)

    assert [line["outcome"] for line in logged if line["method"] == "WEBSOCKET"] == ["disconnected"]

    gone = Socket(app)
    gone.is_gone = True
    await asyncio.wait_for(gone.task, 20)


async def test_an_operation_that_takes_too_long_ends_with_an_error(
    database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(*_: Any) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(MongoCustomers, "get", endless)
    app = create_app(settings_for(database_uri, execution_seconds=1))
    async with app.router.lifespan_context(app):
        socket = Socket(app)
        socket.subscribe('{ customer(id: "1") { id } }')

        [error] = (await socket.next("error"))["payload"]
        await socket.disconnect()

    assert error["extensions"]["code"] == "TIMEOUT"
    assert "A mutation may or may not have taken effect" in error["message"]


async def test_an_operation_whose_client_leaves_first_counts_as_disconnected(
    app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def endless(*_: Any) -> None:
        asked.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(MongoCustomers, "get", endless)
    socket = Socket(app)
    socket.subscribe('{ customer(id: "1") { id } }')
    await asyncio.wait_for(asked.wait(), 20)
    with capture_logs() as logged:
        await socket.disconnect()
        await asyncio.sleep(0)
    operation: Any = type("Operation", (), {"label": "customer", "type_name": "query"})
    exchange = Exchange("id", outcome="disconnected", measurements=Measurements())
    exchange.executed = operation
    exchange.log(status=200, method="POST", path="/graphql", duration_ms=1)

    assert [line["outcome"] for line in logged if line["method"] == "WEBSOCKET"] == ["disconnected"]
    assert exchange.measurements is not None
    assert exchange.measurements.operations == {("customer", "query", "disconnected"): 1}


@pytest.mark.parametrize("fault", [ZeroDivisionError, ClientDisconnect])
async def test_a_fault_ends_the_websocket(
    fault: type[Exception], app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> None:
        raise fault

    monkeypatch.setattr("graphql_api.http.web_socket.Session.continue_on", failing)
    socket = Socket(app)

    await asyncio.wait_for(socket.task, 20)


async def test_a_subscription_that_fails_at_its_beginning_counts_no_longer(
    database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("graphql_api.execution.operation.Operation.subscribe", failing)
    # The WebSocket counts, too.
    app = create_app(settings_for(database_uri, max_subscriptions=2))
    async with app.router.lifespan_context(app):
        socket = Socket(app)
        codes = []
        for _ in range(2):
            socket.subscribe(CUSTOMER_EVENTS)
            [error] = (await socket.next("error"))["payload"]
            codes.append(error["extensions"]["code"])
        await socket.disconnect()

    assert codes == ["INTERNAL_SERVER_ERROR"] * 2


async def test_a_websocket_without_a_valid_host_is_refused(app: Starlette) -> None:
    socket = Socket(app, host="not a host")
    await asyncio.wait_for(socket.task, 20)

    start = await socket.sent.get()

    assert (start["type"], start["status"]) == ("websocket.http.response.start", 400)

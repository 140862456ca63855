"""Event streams of the ASGI application, under a server that is not our own."""

import asyncio
import contextlib
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from graphql_api.app import create_app
from graphql_api.customers import event_feed
from graphql_api.faults import Unavailable
from graphql_api.mongo.change_stream import MongoHistory

from ..support.asgi import Asgi
from ..support.clients import client_of, create_customer
from ..support.databases import settings_for
from ..support.subscribers import CUSTOMER_EVENTS


async def test_a_stream_sends_events_until_its_client_leaves(
    app: Starlette, client: httpx.AsyncClient
) -> None:
    stream = Asgi(app, None)
    assert await stream.part() == ":\n\n"
    await create_customer(client, email="one@example.com")
    assert "one@example.com" in await stream.part()

    stream.disconnect()

    await asyncio.wait_for(stream.task, 20)


async def test_a_stream_goes_on_in_the_history(app: Starlette, client: httpx.AsyncClient) -> None:
    first = Asgi(app, None)
    await first.part()
    await create_customer(client, email="one@example.com")
    cursor = (await first.part()).partition("\n")[0].removeprefix("id: ")
    await create_customer(client, email="two@example.com")
    second = Asgi(app, cursor)
    await second.part()

    assert "two@example.com" in await second.part()
    for stream in (first, second):
        stream.disconnect()
        await asyncio.wait_for(stream.task, 20)


async def test_a_client_that_reads_too_slowly_is_told(
    app: Starlette, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "_MOST_EVENTS", 3)
    stream = Asgi(app, None)
    await stream.part()
    stream.reads.clear()
    for number in range(6):
        await create_customer(client, email=f"c{number}@example.com")
    await asyncio.sleep(1)

    stream.reads.set()

    last = await stream.last()
    assert '"code":"TOO_SLOW"' in last
    assert last.endswith("event: complete\ndata: \n\n")


async def test_a_stream_whose_history_cannot_be_read_ends_without_an_event(
    app: Starlette, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Asgi(app, None)
    await first.part()
    # More than the history is read in.
    cursor = ""
    for number in range(3):
        await create_customer(client, email=f"c{number}@example.com")
        cursor = cursor or (await first.part()).partition("\n")[0].removeprefix("id: ")
    monkeypatch.setattr("graphql_api.mongo.change_stream._MOST_AT_ONCE", 1)
    monkeypatch.setattr(event_feed, "_MOST_EVENTS", 0)
    await create_customer(client, email="evict@example.com")
    await asyncio.sleep(1)
    stream = Asgi(app, cursor)
    await stream.part()

    async def since(*_: Any) -> Any:
        raise Unavailable

    monkeypatch.setattr(MongoHistory, "since", since)

    assert await stream.last() == ""
    first.disconnect()
    await first.task


async def test_a_server_that_stops_admits_no_subscription(
    database_uri: str,
) -> None:
    app = create_app(settings_for(database_uri))
    async with app.router.lifespan_context(app) as state:
        assert state is not None
        async with contextlib.AsyncExitStack() as stack:
            stream = Asgi(app, None)
            await stream.part()
            await state["end_streams"]()
            assert await stream.last() == ""
            client = await stack.enter_async_context(client_of(app))
            refused = await client.post(
                "/graphql", json={"query": CUSTOMER_EVENTS}, headers={"Accept": "text/event-stream"}
            )

    assert refused.status_code == 503
    assert refused.json()["errors"][0]["extensions"]["code"] == "SHUTTING_DOWN"

"""Subscriptions over server-sent events, on real sockets with a real MongoDB."""

import asyncio
import contextlib
import json
import signal
import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from graphql_api.access.principal import Scope
from graphql_api.mongo.api_keys import MongoApiKeys

from ..support.clients import (
    connected,
    create_customer,
    delete_customer,
    execute,
    update_customer,
)
from ..support.databases import database_at
from ..support.servers import Server, serving, until
from ..support.subscribers import CUSTOMER_EVENTS, EVENT_STREAM, Sent, subscribed
from ..support.tokens import api_key, bearer, id_of


@pytest.fixture
async def client(server_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server_url, timeout=20) as client:
        yield client


async def stream_of(client: httpx.AsyncClient, **request: Any) -> tuple[int, list[str]]:
    """The status and the lines of an answer to a request with one answer."""
    response = await client.post("/graphql", json=request, headers=EVENT_STREAM)
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    return response.status_code, response.text.splitlines()


async def test_a_subscriber_hears_of_a_customer_s_whole_life(client: httpx.AsyncClient) -> None:
    async with subscribed(client) as subscriber:
        created = await create_customer(client, email="life@example.com", name="Ada")
        id_ = created["customer"]["id"]
        await update_customer(client, id_, name="Ada Lovelace", country="GB")
        await update_customer(client, id_, name="Ada Lovelace")
        await update_customer(client, id_, name=None)
        await asyncio.sleep(0.5)
        await delete_customer(client, id_)

        events = await subscriber.until("CustomerDeleted")

    assert [event["__typename"] for event in events] == [
        "CustomerCreated",
        "CustomerUpdated",
        "CustomerUpdated",
        "CustomerDeleted",
    ]
    assert events[0]["customer"]["email"] == "life@example.com"
    assert events[1]["changedFields"] == ["NAME", "COUNTRY"]
    assert events[1]["customer"]["version"] >= 2
    assert events[2]["changedFields"] == ["NAME"]
    assert events[2]["customer"] == {
        "id": id_,
        "email": "life@example.com",
        "name": None,
        "version": 3,
    }
    assert events[3]["id"] == id_


async def test_a_subscriber_goes_on_after_the_last_event_that_it_has(
    client: httpx.AsyncClient,
) -> None:
    async with subscribed(client) as subscriber:
        for number in range(5):
            await create_customer(client, email=f"resume{number}@example.com")
        sent = [await subscriber.next() for _ in range(5)]

    for place in (0, 2):
        async with subscribed(client, sent[place].id) as subscriber:
            again = [await subscriber.next() for _ in sent[place + 1 :]]
        async with subscribed(client, "ignored", Last_Event_ID=sent[place].id or "") as subscriber:
            again_by_header = [await subscriber.next() for _ in sent[place + 1 :]]

        assert [one.event for one in again] == [one.event for one in sent[place + 1 :]]
        assert again_by_header == again
    assert [one.id for one in sent] == [one.event["cursor"] for one in sent]


async def test_a_new_process_goes_on_where_the_last_one_was(
    database_uri: str, tmp_path: Path
) -> None:
    async def first(url: str) -> Sent:
        async with (
            httpx.AsyncClient(base_url=url, timeout=20) as client,
            subscribed(client) as subscriber,
        ):
            await create_customer(client, email="first@example.com")
            return await subscriber.next()

    async def second(url: str, after: str | None) -> list[Sent]:
        async with httpx.AsyncClient(base_url=url, timeout=20) as client:
            await create_customer(client, email="second@example.com")
            async with subscribed(client, after) as subscriber:
                await create_customer(client, email="third@example.com")
                return [await subscriber.next(), await subscriber.next()]

    with serving(errors=tmp_path / "a", GRAPHQL_API_MONGODB_URI=database_uri) as server:
        last = await first(server.url)
    with serving(errors=tmp_path / "b", GRAPHQL_API_MONGODB_URI=database_uri) as server:
        missed = await second(server.url, last.id)

    emails = [sent.event["customer"]["email"] for sent in missed]
    assert emails == ["second@example.com", "third@example.com"]


@pytest.mark.parametrize("cursor", ["", "nonsense", "é", "AAAAAAAAAAAA"])
async def test_a_text_that_is_no_cursor_is_bad_user_input(
    client: httpx.AsyncClient, cursor: str
) -> None:
    request = {"query": CUSTOMER_EVENTS, "variables": {"after": cursor}}

    status, lines = await stream_of(client, **request)

    assert status == 200
    assert lines[0] == "event: next"
    [error] = json.loads(lines[1].removeprefix("data: "))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["path"] == ["customerEvents"]
    assert lines[2:] == ["", "event: complete", "data: ", ""]


async def test_queries_and_mutations_are_answered_by_one_event(client: httpx.AsyncClient) -> None:
    query = await client.get("/graphql", params={"query": "{ __typename }"}, headers=EVENT_STREAM)
    _, mutation = await stream_of(
        client,
        query='mutation { createCustomer(input: {email: "sse@example.com"}) { __typename } }',
    )

    assert query.text == (
        'event: next\ndata: {"data":{"__typename":"Query"}}\n\nevent: complete\ndata: \n\n'
    )
    assert mutation[1] == 'data: {"data":{"createCustomer":{"__typename":"CreateCustomerSuccess"}}}'


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"query": "{ nope }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        (
            {"query": "query A { __typename } query B { __typename }"},
            "OPERATION_RESOLUTION_FAILURE",
        ),
        (
            {"query": "subscription($a: String!) { customerEvents(after: $a) { __typename } }"},
            "BAD_USER_INPUT",
        ),
    ],
)
async def test_errors_of_the_document_are_an_event(
    client: httpx.AsyncClient, request_: dict[str, Any], code: str
) -> None:
    status, lines = await stream_of(client, **request_)

    assert status == 200
    answer = json.loads(lines[1].removeprefix("data: "))
    assert [error["extensions"]["code"] for error in answer["errors"]] == [code]
    assert answer["extensions"]["requestId"]


async def test_errors_of_the_request_are_answered_as_json(client: httpx.AsyncClient) -> None:
    headers = {**EVENT_STREAM, "Content-Type": "text/plain"}

    response = await client.post("/graphql", content=b"{}", headers=headers)

    assert response.status_code == 415
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_a_subscription_needs_a_client_that_accepts_a_stream(
    client: httpx.AsyncClient,
) -> None:
    response = await client.post("/graphql", json={"query": CUSTOMER_EVENTS})
    by_head = await client.head("/graphql", params={"query": CUSTOMER_EVENTS}, headers=EVENT_STREAM)

    assert response.status_code == 406
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_ACCEPTABLE"
    assert by_head.status_code == 405


async def test_a_subscription_can_be_sent_by_get(client: httpx.AsyncClient) -> None:
    parameters = {"query": CUSTOMER_EVENTS}

    async with client.stream("GET", "/graphql", params=parameters, headers=EVENT_STREAM) as answer:
        first = await anext(answer.aiter_lines())

    assert first == ":"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Request-ID"]


async def test_subscribers_with_other_selections_get_their_own_answers(
    client: httpx.AsyncClient,
) -> None:
    query = """
    subscription($email: Boolean!) {
      customerEvents { ... on CustomerCreated { customer { name email @include(if: $email) } } }
    }
    """

    async def data(*, email: bool) -> str:
        request = {"query": query, "variables": {"email": email}}
        async with client.stream(
            "POST", "/graphql", json=request, headers=EVENT_STREAM
        ) as response:
            begun.release()
            return await anext(
                line async for line in response.aiter_lines() if line.startswith("data")
            )

    begun = asyncio.Semaphore(0)
    subscribers = [asyncio.create_task(data(email=email)) for email in (True, False, True)]
    for _ in subscribers:
        await begun.acquire()
    await create_customer(client, email="selected@example.com", name="Ada")

    with_email, without, again = await asyncio.gather(*subscribers)

    assert again == with_email
    assert json.loads(with_email[6:])["data"]["customerEvents"] == {
        "customer": {"name": "Ada", "email": "selected@example.com"}
    }
    assert json.loads(without[6:])["data"]["customerEvents"] == {"customer": {"name": "Ada"}}


async def test_a_stopping_server_ends_streams_so_that_clients_connect_again(
    database_uri: str, tmp_path: Path
) -> None:
    with serving(
        errors=tmp_path / "stderr", stop=False, GRAPHQL_API_MONGODB_URI=database_uri
    ) as server:
        async with (
            httpx.AsyncClient(base_url=server.url, timeout=20) as client,
            subscribed(client) as subscriber,
        ):
            server.process.send_signal(signal.SIGTERM)
            # The stream ends in order, but without the event `complete`.
            assert [sent async for sent in subscriber] == []
        assert server.process.wait(20) == 0
        [logged] = [line for line in server.log() if line.get("operation") == "CustomerEvents"]
    assert logged["outcome"] == "SHUTTING_DOWN"


async def test_a_client_that_leaves_is_noticed_at_once(server: Server) -> None:
    async with (
        httpx.AsyncClient(base_url=server.url, timeout=20) as client,
        subscribed(client) as subscriber,
    ):
        request_id = subscriber.response.headers["X-Request-ID"]

    def logged() -> bool:
        return any(
            line.get("request_id") == request_id and line["outcome"] == "disconnected"
            for line in server.log()
        )

    began = time.monotonic()
    until(logged, "the server notices it")
    assert time.monotonic() - began < 5


def long_customer(number: int) -> dict[str, str]:
    """A customer whose description has 150 bytes."""
    return {"email": f"many{number}@example.com", "description": "語" * 50}


async def test_a_client_that_does_not_read_is_dropped(database_uri: str, tmp_path: Path) -> None:
    with serving(
        errors=tmp_path / "stderr",
        GRAPHQL_API_MONGODB_URI=database_uri,
        GRAPHQL_API_SEND_SECONDS="1",
    ) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            address = urlsplit(server.url)
            # Its buffers are small, and it reads nothing.
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((address.hostname, address.port))
            reader, writer = await asyncio.open_connection(sock=connection, limit=1024)
            query = (
                "subscription Unread { customerEvents { ... on CustomerCreated { customer { "
                + " ".join(f"n{number}: description" for number in range(28))
                + " } } } }"
            )
            body = json.dumps({"query": query}).encode()
            writer.write(
                b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (len(body), body)
            )
            await reader.readline()

            def dropped() -> bool:
                return any(line.get("operation") == "Unread" for line in server.log())

            numbers = count()
            # The kernel's buffer takes many events.
            async with asyncio.timeout(60):
                while not dropped():
                    await execute(
                        client,
                        "mutation M($inputs: [CreateCustomerInput!]!) "
                        "{ createCustomers(inputs: $inputs) { createdCount } }",
                        {"inputs": [long_customer(next(numbers)) for _ in range(500)]},
                    )
            writer.close()


async def test_the_time_limits_of_requests_do_not_end_a_subscription(
    impatient_server: Server,
) -> None:
    async with (
        httpx.AsyncClient(base_url=impatient_server.url, timeout=20) as client,
        subscribed(client) as subscriber,
    ):
        await asyncio.sleep(3)
        await create_customer(client, email="patient@example.com")

        assert (await subscriber.next()).event["customer"]["email"] == "patient@example.com"


async def test_a_revoked_key_ends_its_subscriptions(database_uri: str, tmp_path: Path) -> None:
    key, other = await api_key(database_uri), await api_key(database_uri)
    with serving(
        errors=tmp_path / "stderr",
        measured=True,
        GRAPHQL_API_MONGODB_URI=database_uri,
        GRAPHQL_API_KEYS="true",
    ) as server:
        async with (
            httpx.AsyncClient(base_url=server.url, headers=bearer(key), timeout=20) as client,
            httpx.AsyncClient(
                base_url=server.url, headers=bearer(other), timeout=20
            ) as other_client,
            subscribed(client) as subscriber,
            subscribed(other_client) as other_subscriber,
        ):
            await create_customer(client, email="before@example.com")
            assert (await subscriber.next()).event["customer"]["email"] == "before@example.com"
            async with database_at(database_uri) as database:
                assert await MongoApiKeys(database).revoke(id_of(key), datetime.now(UTC))
            began = time.monotonic()
            ended = [sent async for sent in subscriber]
            seconds = time.monotonic() - began
            await create_customer(other_client, email="after@example.com")
            await other_subscriber.next()
            assert (await other_subscriber.next()).event["customer"]["email"] == "after@example.com"

    assert [sent.name for sent in ended] == ["next", "complete"]
    [error] = ended[0].data["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert seconds < 10


async def test_a_token_that_expires_ends_its_subscriptions(
    database_uri: str, tmp_path: Path
) -> None:
    with serving(
        errors=tmp_path / "stderr",
        measured=True,
        GRAPHQL_API_MONGODB_URI=database_uri,
        GRAPHQL_API_KEYS="true",
    ) as server:
        # Not before the server serves, which may take longer than this on a busy machine.
        key = await api_key(database_uri, lifetime=timedelta(seconds=4))
        async with (
            httpx.AsyncClient(base_url=server.url, headers=bearer(key), timeout=20) as client,
            subscribed(client) as subscriber,
        ):
            began = time.monotonic()
            ended = [sent async for sent in subscriber]

    assert [sent.name for sent in ended] == ["next", "complete"]
    assert time.monotonic() - began < 10


async def test_a_subscription_needs_the_scope_to_read(database_uri: str) -> None:
    key = await api_key(database_uri, Scope.CUSTOMERS_WRITE)
    async with connected(database_uri, keys=True) as client:
        response = await client.post(
            "/graphql", json={"query": CUSTOMER_EVENTS}, headers={**EVENT_STREAM, **bearer(key)}
        )

    [error] = json.loads(response.text.splitlines()[1].removeprefix("data: "))["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"


async def test_the_subscriptions_of_a_client_and_of_all_clients_are_limited(
    database_uri: str, tmp_path: Path
) -> None:
    keys = [await api_key(database_uri) for _ in range(3)]
    with serving(
        errors=tmp_path / "stderr",
        measured=True,
        GRAPHQL_API_MONGODB_URI=database_uri,
        GRAPHQL_API_KEYS="true",
        GRAPHQL_API_MAX_SUBSCRIPTIONS="3",
        GRAPHQL_API_MAX_CLIENT_SUBSCRIPTIONS="2",
    ) as server:
        async with contextlib.AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(
                    httpx.AsyncClient(base_url=server.url, headers=bearer(key), timeout=20)
                )
                for key in keys
            ]
            for client in (clients[0], clients[0], clients[1]):
                subscriber = await stack.enter_async_context(subscribed(client))
                assert subscriber.response.status_code == 200
            refused = [
                await client.post("/graphql", json={"query": CUSTOMER_EVENTS}, headers=EVENT_STREAM)
                for client in (clients[2], clients[0])
            ]
        until(
            lambda: [line.get("outcome") for line in server.log()].count("disconnected") == 3,
            "the server notices that the clients have left",
        )
        async with (
            httpx.AsyncClient(base_url=server.url, headers=bearer(keys[2]), timeout=20) as client,
            subscribed(client) as one,
            subscribed(client) as two,
        ):
            third = await client.post(
                "/graphql", json={"query": CUSTOMER_EVENTS}, headers=EVENT_STREAM
            )
            assert one.response.status_code == two.response.status_code == 200

    assert [answer.status_code for answer in refused] == [503, 503]
    assert refused[0].json()["errors"][0]["extensions"]["code"] == "OVERLOADED"
    assert third.status_code == 429
    assert third.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
    assert third.headers["Retry-After"] == "1"

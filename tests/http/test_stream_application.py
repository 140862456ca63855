"""Event streams and WebSockets as ASGI applications, under a server that is not our own."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest
import uvicorn
from graphql import ExecutionResult, GraphQLError, OperationType
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import Message
from structlog.testing import capture_logs
from uvicorn.server import ServerState

from graphql_api.access.principal import ANYBODY, Principal
from graphql_api.app import create_app
from graphql_api.customers import event_feed
from graphql_api.customers.event_feed import Follower, TooSlow
from graphql_api.customers.events import CustomerDeleted, Event, EventsMissed, Moment
from graphql_api.faults import Unavailable
from graphql_api.http.errors import RequestError
from graphql_api.http.event_stream import Answers, Asked, EventStream, Started
from graphql_api.http.exchange import Exchange
from graphql_api.http.stream_protocol import StreamProtocol
from graphql_api.http.subscriptions import SHUTTING_DOWN, TOKEN_ENDED, Subscriptions, Ticket
from graphql_api.http.web_socket import Session, _start_of_answers
from graphql_api.http.web_socket_protocol import OpenWebSocket, WebSocketProtocol
from graphql_api.metrics.measurements import Measurements
from graphql_api.mongo.change_stream import MongoHistory
from graphql_api.mongo.customers import MongoCustomers
from graphql_api.settings import Settings

from ..support.clients import client_of, create_customer
from ..support.databases import settings_for
from ..support.subscribers import CUSTOMER_EVENTS


class Asgi:
    """One request to an application, as a server sends it."""

    def __init__(self, app: Starlette, after: str | None) -> None:
        body = json.dumps({"query": CUSTOMER_EVENTS, "variables": {"after": after}}).encode()
        self._received: asyncio.Queue[Message] = asyncio.Queue()
        self._received.put_nowait({"type": "http.request", "body": body})
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        # Clear while the client does not read.
        self.reads = asyncio.Event()
        self.reads.set()
        headers = {"host": "localhost", "accept": "text/event-stream"}
        headers["content-type"] = "application/json"
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/graphql",
            "raw_path": b"/graphql",
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("localhost", 80),
        }
        self.task = asyncio.create_task(app(scope, self._received.get, self._send))

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        self._sent.put_nowait(message)

    async def part(self) -> str:
        """The next part of the body that is not empty."""
        async with asyncio.timeout(20):
            while not (body := (await self._sent.get()).get("body", b"")):
                pass
        return str(body.decode())

    async def last(self) -> str:
        """The last part of the body."""
        async with asyncio.timeout(20):
            while (message := await self._sent.get()).get("more_body", True):
                pass
            await self.task
        return str(message["body"].decode())

    def disconnect(self) -> None:
        self._received.put_nowait({"type": "http.request", "body": b""})
        self._received.put_nowait({"type": "http.disconnect"})


@pytest.fixture
async def app(database_uri: str) -> AsyncIterator[Starlette]:
    app = create_app(settings_for(database_uri))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


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


class Paper:
    """A connection that keeps what it is given."""

    def __init__(self) -> None:
        self.is_paused = False
        self.sent: list[bytes] = []
        self.ended: list[bytes] = []

    def send(self, content: bytes) -> None:
        self.sent.append(content)

    def end(self, content: bytes) -> None:
        self.ended.append(content)


class Source:
    """A follower that returns or raises what it is told, and answers that are names."""

    def __init__(self, *outcomes: Any) -> None:
        self._outcomes = list(outcomes)

    def take(self, _most: int) -> Any:
        outcome = self._outcomes.pop(0) if self._outcomes else ()
        if isinstance(outcome, Exception):
            raise outcome
        return tuple(outcome)

    def on_wake(self, callback: Any) -> None:
        self.callback = callback

    def get(self, events: tuple[Event, ...], *_: Any) -> tuple[bytes, ...]:
        return (b"1",) * len(events)


def streaming(*outcomes: Any) -> tuple[EventStream, Paper]:
    source = Source(*outcomes)
    started: Any = type("Started", (), {"follower": source, "answers": source, "asked": None})
    started.end = lambda: None
    stream, paper = EventStream(started), Paper()
    stream._exchange, stream._began, stream._method = Exchange("id"), 0.0, "POST"
    stream.continue_on(paper)
    return stream, paper


EVENT = Event(Moment(b"1"), CustomerDeleted(None))  # type: ignore[arg-type]  # nobody reads it


async def test_a_connection_gets_events_and_comments() -> None:
    stream, paper = streaming([EVENT] * 20, [EVENT], [], [])
    await asyncio.sleep(0.01)
    stream.send_next()
    paper.is_paused = True
    stream.send_next()

    streamed = b"id: %s\nevent: next\ndata: 1\n\n" % EVENT.cursor.encode()
    assert paper.sent == [streamed * 20, streamed, b":\n\n"]
    stream.lose_connection()
    stream.send_next()
    assert len(paper.sent) == 3


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (TooSlow(), "TOO_SLOW"),
        (RequestError(401, "No.", code="UNAUTHENTICATED"), "UNAUTHENTICATED"),
        (SHUTTING_DOWN, None),
        (ZeroDivisionError(), None),
    ],
)
async def test_a_connection_ends_with_its_reason(reason: Exception, code: str | None) -> None:
    stream, paper = streaming(reason)
    await asyncio.sleep(0.01)
    stream.send_next()
    stream.lose_connection()

    [last] = paper.ended
    assert (last == b"") if code is None else (f'"{code}"'.encode() in last)
    assert paper.sent == []


def test_a_ticket_that_ends_before_its_subscription_begins_ends_it() -> None:
    ticket, ended = Ticket("client", b""), list[RequestError]()

    ticket.end(SHUTTING_DOWN)
    ticket.on_end(ended.append)

    assert ended == [SHUTTING_DOWN]


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


class Socket:
    """One WebSocket to an application, as a server opens it."""

    def __init__(self, app: Starlette, **headers: str) -> None:
        self._received: asyncio.Queue[Message] = asyncio.Queue()
        self._received.put_nowait({"type": "websocket.connect"})
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.is_gone = False
        self.reads = asyncio.Event()
        self.reads.set()
        headers = {"host": "localhost", **headers}
        scope = {
            "type": "websocket",
            "http_version": "1.1",
            "scheme": "ws",
            "path": "/graphql",
            "raw_path": b"/graphql",
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("localhost", 80),
            "subprotocols": ["graphql-transport-ws"],
        }
        self.task = asyncio.create_task(app(scope, self._received.get, self._send))
        self.tell({"type": "connection_init"})

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        if self.is_gone:
            raise OSError
        self.sent.put_nowait(message)

    def tell(self, message: dict[str, Any]) -> None:
        self._received.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def subscribe(self, query: str, **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        self.tell({"type": "subscribe", "id": "1", "payload": payload})

    async def next(self, type_: str) -> dict[str, Any]:
        """The next message of this type."""
        async with asyncio.timeout(20):
            while True:
                message: dict[str, Any] = json.loads((await self.sent.get()).get("text", "{}"))
                if message.get("type") == type_:
                    return message

    async def disconnect(self) -> None:
        self._received.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait_for(self.task, 20)


async def test_a_websocket_whose_client_reads_too_slowly_is_told(
    app: Starlette, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "_MOST_EVENTS", 3)
    socket = Socket(app)
    await socket.next("connection_ack")
    socket.subscribe(CUSTOMER_EVENTS)
    await asyncio.sleep(1)
    socket.reads.clear()
    for number in range(6):
        await create_customer(client, email=f"c{number}@example.com")
    await asyncio.sleep(1)
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
    app: Starlette, client: httpx.AsyncClient
) -> None:
    socket = Socket(app)
    await socket.next("connection_ack")
    socket.subscribe(CUSTOMER_EVENTS)
    await asyncio.sleep(1)
    socket.is_gone = True
    await create_customer(client, email="gone@example.com")
    await asyncio.sleep(0.5)
    socket.tell({"type": "ping"})

    await asyncio.wait_for(socket.task, 20)

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


class Wire:
    """A transport that notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[object] = []

    def set_protocol(self, protocol: object) -> None:
        self.protocol = protocol

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("close")

    def abort(self) -> None:
        self.done.append("abort")

    def pause_reading(self) -> None:
        self.done.append("pause reading")

    def resume_reading(self) -> None:
        self.done.append("resume reading")


class Listener:
    """A stream that counts how often it was asked for more."""

    asked = 0

    def continue_on(self, connection: StreamProtocol) -> None:
        self.connection = connection

    def send_next(self) -> None:
        self.asked += 1

    def lose_connection(self) -> None:
        self.asked = -1


async def test_the_protocol_of_a_stream_ends_a_connection_that_is_not_read() -> None:
    transport, listener, connections = Wire(), Listener(), set[Any]()
    protocol = StreamProtocol(
        transport,  # type: ignore[arg-type]  # as far as it is used
        asyncio.get_running_loop(),
        connections,
        0.1,
        listener,  # type: ignore[arg-type]  # as above
    )
    assert connections == {protocol} == {transport.protocol}
    protocol.send(b"event")
    protocol.pause_writing()
    protocol.resume_writing()
    await asyncio.sleep(0.3)
    assert (transport.done, listener.asked) == ([b"5\r\nevent\r\n"], 1)
    protocol.shutdown()
    protocol.pause_writing()
    protocol.end(b"")
    await asyncio.sleep(0.3)

    assert transport.done[1:] == ["close", b"0\r\n\r\n", "close", "abort"]
    protocol.connection_lost(None)
    assert (connections, listener.asked) == (set(), -1)


class Line:
    """A connection of a WebSocket that notes what it is given."""

    def __init__(self) -> None:
        self.is_paused = False
        self.sent: list[Any] = []
        self.reads_on = asyncio.Event()

    def send(self, text: bytes) -> None:
        self.sent.append(json.loads(text))

    def send_answers(self, start: bytes, answers: tuple[bytes, ...]) -> None:
        self.sent += [json.loads(start + answer + b"}") for answer in answers]

    def close(self, code: int, _reason: str) -> None:
        self.sent.append(code)

    def read_on(self) -> None:
        self.reads_on.set()


class Feeding(Source):
    """An endpoint with one subscription, whose history has two events."""

    def __init__(self, *outcomes: Any) -> None:
        super().__init__(*outcomes)
        self.is_live = False
        self.ended = 0
        self.subscriptions = self
        self.type = OperationType.SUBSCRIPTION

    async def authenticate(self, _: HTTPConnection) -> Principal:
        return ANYBODY

    def admit(self, *_: object) -> Ticket:
        self.ticket = Ticket("client", b"")
        return self.ticket

    def release(self, _: Ticket) -> None:
        self.ended += 1

    async def find(self, *_: object) -> Any:
        return self, None

    async def subscribe(self, *_: object) -> Started:
        return Started(cast("Asked", None), cast("Follower", self), cast("Answers", self), self.end)

    def end(self) -> None:
        self.ended += 1

    async def next(self) -> Any:
        self.is_live = True
        return [EVENT, EVENT]


async def subscribed(endpoint: Feeding) -> tuple[Session, Line]:
    """A session whose subscription has sent the first event of its history."""
    scope = {"client": None, "exchange": Exchange("id")}
    line = Line()
    session = Session(endpoint, endpoint.authenticate, scope, None)  # type: ignore[arg-type]  # as far as they are used
    session.continue_on(line)
    session.receive('{"type": "connection_init"}')
    # It waits until the token is checked.
    session.receive('{"type": "subscribe", "id": "a", "payload": {}}')
    session.resume()
    line.is_paused = True
    await line.reads_on.wait()
    await asyncio.sleep(0.01)
    assert line.sent == [{"type": "connection_ack"}, NEXT]
    return session, line


NEXT = {"id": "a", "type": "next", "payload": 1}


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (TooSlow(), "TOO_SLOW"),
        (ZeroDivisionError(), "INTERNAL_SERVER_ERROR"),
        (TOKEN_ENDED, None),
    ],
)
async def test_a_subscription_of_a_websocket_ends_with_its_reason(
    reason: Exception, code: str | None
) -> None:
    endpoint = Feeding([EVENT] * 20, [EVENT], reason)
    session, line = await subscribed(endpoint)
    line.is_paused = False
    session.resume()
    await asyncio.sleep(0.01)
    assert line.sent[1:] == [NEXT] * 23
    line.is_paused = True
    endpoint.callback()
    line.is_paused = False
    session.resume()
    session.resume()
    endpoint.callback()

    codes = [
        error["extensions"]["code"] for error in (line.sent[24:] or [{}])[0].get("payload", [])
    ]
    assert codes == [code] * (code is not None)
    assert endpoint.ended == 1
    if code is None:
        endpoint.ticket.end(TOKEN_ENDED)
        endpoint.ticket.end(TOKEN_ENDED)
        await asyncio.sleep(0.01)
        assert line.sent[24:] == [4403]
    session.end()
    session.end()
    assert endpoint.ended == 2


@pytest.mark.parametrize("fault", [TooSlow, ZeroDivisionError])
async def test_a_subscription_of_a_websocket_may_end_in_the_history(
    fault: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = Feeding()
    session, line = await subscribed(endpoint)

    def failing() -> None:
        raise fault

    monkeypatch.setattr(endpoint, "next", failing)
    endpoint.is_live = False
    line.is_paused = False
    session.resume()
    await asyncio.sleep(0.01)

    assert line.sent[2] == NEXT
    assert line.sent[3]["type"] == "error"
    assert endpoint.ended == 1
    session.end()


async def test_a_fault_of_authentication_closes_the_websocket() -> None:
    endpoint, line = Feeding(), Line()
    scope = {"client": None, "exchange": Exchange("id")}
    session = Session(endpoint, FailingOnce(), scope, None)  # type: ignore[arg-type]  # as far as they are used
    session.continue_on(line)
    session.receive('{"type": "connection_init"}')
    await asyncio.sleep(0.01)

    assert line.sent == [1011]


class Idle:
    """A session that notes what its connection tells it."""

    is_busy = False

    def __init__(self) -> None:
        self.told: list[object] = []

    def continue_on(self, connection: OpenWebSocket) -> None:
        self.connection = connection

    def receive(self, text: str | None) -> None:
        self.told.append(text)

    def resume(self) -> None:
        self.told.append("resume")

    def end(self) -> None:
        self.told.append("end")


def open_web_socket(**settings: Any) -> tuple[OpenWebSocket, Wire, Idle]:
    transport, session = Wire(), Idle()
    loop = asyncio.get_running_loop()
    protocol = OpenWebSocket(
        transport,  # type: ignore[arg-type]  # as far as it is used
        loop,
        set(),
        Settings(**settings),
        session,  # type: ignore[arg-type]  # as above
    )
    return protocol, transport, session


async def test_a_websocket_that_is_read_again_in_time_goes_on() -> None:
    protocol, transport, session = open_web_socket(send_seconds=1)
    protocol.pause_writing()
    # Nothing is read that the server would answer.
    protocol.data_received(b"")
    protocol.resume_writing()
    await asyncio.sleep(1.2)
    assert transport.done == ["pause reading", "resume reading"]

    # The session takes no messages before it has checked the token.
    session.is_busy = True
    protocol.data_received(b"")
    protocol.pause_writing()
    protocol.read_on()
    protocol.resume_writing()
    assert transport.done[2:] == ["pause reading"]
    protocol.close(1001, "Going away")
    protocol.send(b"too late")
    protocol.send_answers(b"too late", (b"1",))
    protocol.close(1001, "too late")
    protocol.pause_writing()
    protocol.resume_writing()
    await asyncio.sleep(1.2)
    protocol.connection_lost(None)

    assert transport.done[3:] == [b"\x88\x0c\x03\xe9Going away", "abort"]
    assert session.told == ["resume", "resume", "resume", "end"]


@pytest.mark.parametrize("id_", ["1", "an id", "é" * 255])
async def test_answers_that_are_framed_together_are_messages_of_their_own(id_: str) -> None:
    protocol, transport, _ = open_web_socket()
    start = _start_of_answers(id_)
    answers = tuple(b'"%s"' % (b"x" * length) for length in (0, 60, 200, 70_000))
    protocol.send_answers(start, answers)
    protocol.send_answers(start, answers[:1])
    for answer in (*answers, answers[0]):
        protocol.send(start + answer + b"}")
    protocol.connection_lost(None)

    together, again, *each = cast("list[bytes]", transport.done)
    assert (together, again) == (b"".join(each[:4]), each[4])


async def test_a_websocket_whose_client_answers_no_ping_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("graphql_api.http.web_socket_protocol._PING_SECONDS", 0.02)
    protocol, transport, _ = open_web_socket()
    ping, pong = b"\x89\x00", b"\x8a\x80\0\0\0\0"
    async with asyncio.timeout(20):
        while "close" not in transport.done:
            if transport.done == [ping]:
                protocol.data_received(pong)
            await asyncio.sleep(0.001)
    protocol.connection_lost(None)
    closing, _ = open_web_socket()[:2]
    closing.close(1000, "")
    await asyncio.sleep(0.1)
    closing.connection_lost(None)

    assert transport.done == [ping, ping, b"\x88\x18\x03\xf3keepalive ping timeout", "close"]


async def test_messages_of_a_websocket_may_have_several_frames() -> None:
    protocol, transport, session = open_web_socket()
    mask = b"\0\0\0\0"
    protocol.data_received(b"\x01\x82" + mask + b"on" + b"\x89\x80" + mask)
    protocol.data_received(b"\x80\x81" + mask + b"e" + b"\x82\x81" + mask + b"2")
    protocol.data_received(b"\x81\x81" + mask + b"\xff")
    protocol.connection_lost(None)

    assert session.told == ["one", None, "end"]
    assert transport.done == [b"\x8a\x00", b"\x88\x0f\x03\xefInvalid UTF-8", "close"]


async def test_frames_before_the_handshake_are_answered_after_it() -> None:
    config = uvicorn.Config(lambda *_: None, log_config=None)
    config.load()
    protocol = WebSocketProtocol(
        Settings(), config=config, server_state=ServerState(), app_state={}
    )
    protocol.transport = transport = Wire()  # type: ignore[assignment]  # as far as it is used
    protocol.handshake_initiated = True
    protocol.data_received(b"")
    protocol.data_received(b"frame")

    assert transport.done == ["pause reading"]


class Failing:
    """An operation whose answers are errors."""

    def answer(self, *_: object) -> ExecutionResult:
        error = GraphQLError("The server failed.", extensions={"code": "INTERNAL_SERVER_ERROR"})
        return ExecutionResult(None, [error])


def test_subscribers_share_no_errors() -> None:
    answers = Answers()
    asked: Any = type("Asked", (), {"operation": Failing(), "variables": {}, "context": None})
    asked.key = "key"
    event = Event(Moment(b"1"), EventsMissed())

    groups = [answers.get((event, event), asked, Exchange(id_)) for id_ in ("one", "two")]

    for id_, group in zip(("one", "two"), groups, strict=True):
        first, answer = map(json.loads, group)
        assert first == answer
        assert answer["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert answer["extensions"] == {"requestId": id_}


class Counting:
    """An operation that counts its answers."""

    answered = 0

    def answer(self, *_: object) -> ExecutionResult:
        self.answered += 1
        return ExecutionResult({})


def test_the_answers_to_old_events_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphql_api.http.event_stream._MOST_ANSWERS", 2)
    monkeypatch.setattr("graphql_api.http.event_stream.MOST_GROUPS", 1)
    answers, operation = Answers(), Counting()
    asked: Any = type("Asked", (), {"operation": operation, "variables": {}, "context": None})
    asked.key = "key"
    old, newer, newest = [Event(Moment(b"%d" % number), EventsMissed()) for number in range(3)]

    for events in ((old,), (old,), (old, newer), (newer, newest), (newest,), (old,)):
        assert answers.get(events, asked, Exchange("id")) == (b'{"data":{}}',) * len(events)

    assert operation.answered == 4


class FailingOnce:
    """Authentication that fails, and then finds that a token is not valid."""

    failed = False

    async def __call__(self, _: HTTPConnection) -> Principal:
        raise ZeroDivisionError

    async def is_valid_still(self, _authorization: bytes) -> bool:
        if not self.failed:
            self.failed = True
            raise ZeroDivisionError
        return False


async def test_tokens_are_checked_again_after_a_fault_of_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("graphql_api.http.subscriptions._CHECK_SECONDS", 0.01)
    ended = asyncio.Event()
    ticket = Ticket("client", b"")
    ticket.on_end(lambda _: ended.set())
    subscriptions = Subscriptions(FailingOnce(), 1, 1)  # type: ignore[arg-type]  # as far as it is used
    subscriptions._tickets.add(ticket)

    async with subscriptions.checked_in_background():
        await asyncio.wait_for(ended.wait(), 20)

    assert ticket.reason is TOKEN_ENDED

"""Subscriptions and the connections that send their events, without an application."""

import asyncio
import json
from typing import Any, cast

import pytest
import uvicorn
from graphql import ExecutionResult, GraphQLError, OperationType
from starlette.requests import HTTPConnection
from uvicorn.server import ServerState

from graphql_api.access.principal import ANYBODY, Principal
from graphql_api.customers.event_feed import Follower, TooSlow
from graphql_api.customers.events import CustomerDeleted, Event, EventsMissed, Moment
from graphql_api.http.errors import RequestError
from graphql_api.http.event_stream import Answers, Asked, EventStream, Started
from graphql_api.http.exchange import Exchange
from graphql_api.http.stream_protocol import StreamProtocol
from graphql_api.http.subscriptions import SHUTTING_DOWN, TOKEN_ENDED, Subscriptions, Ticket
from graphql_api.http.web_socket import Session, _start_of_answers
from graphql_api.http.web_socket_protocol import OpenWebSocket, WebSocketProtocol
from graphql_api.settings import Settings

from ..support.transports import Transport


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

    @property
    def is_behind(self) -> bool:
        return self._outcomes[:1] not in ([], [[]]) and not isinstance(self._outcomes[0], Exception)

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
    ("reason", "code", "is_told"),
    [
        (TooSlow(), "TOO_SLOW", True),
        (RequestError(401, "No.", code="UNAUTHENTICATED"), "UNAUTHENTICATED", True),
        (SHUTTING_DOWN, "SHUTTING_DOWN", False),
        (ZeroDivisionError(), "INTERNAL_SERVER_ERROR", False),
    ],
)
async def test_a_connection_ends_with_its_reason(
    reason: Exception, code: str, *, is_told: bool
) -> None:
    stream, paper = streaming(reason)
    await asyncio.sleep(0.01)
    stream.send_next()
    stream.lose_connection()

    [last] = paper.ended
    assert (f'"{code}"'.encode() in last) if is_told else (last == b"")
    assert paper.sent == []
    assert stream._exchange.outcome == code


def test_a_ticket_that_ends_before_its_subscription_begins_ends_it() -> None:
    ticket, ended = Ticket("client", b""), list[RequestError]()

    ticket.end(SHUTTING_DOWN)
    ticket.on_end(ended.append)

    assert ended == [SHUTTING_DOWN]


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
    transport, listener, connections = Transport(), Listener(), set[Any]()
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


def open_web_socket(**settings: Any) -> tuple[OpenWebSocket, Transport, Idle]:
    transport, session = Transport(), Idle()
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
    protocol.shutdown()
    protocol.send(b"too late")
    protocol.send_answers(b"too late", (b"1",))
    protocol.close(1001, "too late")
    protocol.pause_writing()
    protocol.resume_writing()
    async with asyncio.timeout(20):
        while "abort" not in transport.done:  # noqa: ASYNC110  # no event announces it
            await asyncio.sleep(0.01)
    protocol.connection_lost(None)

    assert transport.done[3:] == [b"\x88\x0c\x03\xe9Going away", "close", "abort"]
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
    closing, silent, _ = open_web_socket()
    closing.close(1000, "")
    closing._ping()
    closing.connection_lost(None)

    assert transport.done == [ping, ping, b"\x88\x18\x03\xf3keepalive ping timeout", "close"]
    assert silent.done == [b"\x88\x02\x03\xe8"]


async def test_very_many_frames_that_arrive_together_close_the_websocket() -> None:
    protocol, transport, _ = open_web_socket()
    pong = b"\x8a\x80\0\0\0\0"
    protocol.data_received(pong * 500)
    before = list(transport.done)
    protocol.data_received(pong * 501)
    protocol.connection_lost(None)

    assert before == []
    assert transport.done == [b"\x88\x11\x03\xf0Too many frames", "close"]


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
    protocol.transport = transport = Transport()  # type: ignore[assignment]  # as far as it is used
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

"""GraphQL over Server-Sent Events: the answers of an operation as a stream of events.

The protocol is that of `graphql-sse`, in its mode of distinct connections.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import orjson
import structlog
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from ..customers.event_feed import Follower, TooSlow
from ..customers.events import EVENTS_AT_ONCE, Event
from ..deadline import start_deadline
from ..execution.operation import Operation
from ..faults import Unavailable
from ..logs import stack_frames
from ..schema.outcomes import customer_event
from .errors import RequestError, body
from .exchange import Exchange, exchange_of
from .subscriptions import SHUTTING_DOWN

logger = structlog.get_logger()

EVENT_STREAM = "text/event-stream"

# A comment, which clients ignore.
_KEEP_ALIVE = b":\n\n"
_COMPLETE = b"event: complete\ndata: \n\n"

# This many answers are remembered, and groups of them that were sent at once. Subscribers that read
# in time need the same ones at the same time, and one answer may have tens of thousands of bytes.
_MOST_ANSWERS = 256
MOST_GROUPS = 16

TOO_SLOW = RequestError(
    503,
    "The subscriber read too slowly. Subscribe again with the last cursor as `after`.",
    code="TOO_SLOW",
)


def complete_event(answer: bytes) -> bytes:
    """The whole stream of an operation that has one answer, which is JSON."""
    return b"event: next\ndata: %s\n\n%s" % (answer, _COMPLETE)


class Answers:
    """The answers to the latest events, as JSON. Subscribers with the same operation share them."""

    def __init__(self) -> None:
        # The oldest first.
        self._known: OrderedDict[tuple[Event, Hashable], bytes] = OrderedDict()
        self._groups: OrderedDict[tuple[tuple[Event, ...], Hashable], tuple[bytes, ...]]
        self._groups = OrderedDict()

    def get(
        self, events: tuple[Event, ...], asked: "Asked", exchange: Exchange
    ) -> tuple[bytes, ...]:
        """The answers of a subscription to these events."""
        key = events, asked.key
        if (group := self._groups.get(key)) is None:
            group = tuple(self._answer(event, asked, exchange) for event in events)
            if all((event, asked.key) in self._known for event in events):
                self._groups[key] = group
                if len(self._groups) > MOST_GROUPS:
                    self._groups.popitem(last=False)
        return group

    def _answer(self, event: Event, asked: "Asked", exchange: Exchange) -> bytes:
        key = event, asked.key
        if (answer := self._known.get(key)) is not None:
            return answer
        value = customer_event(event)
        result = asked.operation.answer(value, asked.variables, asked.context)
        content: dict[str, Any] = {"data": result.data}
        if result.errors:
            content["errors"] = [error.formatted for error in result.errors]
        answer = body(content, exchange)
        # Errors have the id of one request.
        if not result.errors:
            self._known[key] = answer
            if len(self._known) > _MOST_ANSWERS:
                self._known.popitem(last=False)
        return answer


@lru_cache(maxsize=MOST_GROUPS)
def _streamed(events: tuple[Event, ...], answers: tuple[bytes, ...]) -> bytes:
    """The answers to these events as a part of a stream."""
    return b"".join(
        b"id: %s\nevent: next\ndata: %s\n\n" % (event.cursor.encode(), answer)
        for event, answer in zip(events, answers, strict=True)
    )


class Asked:
    """What a subscriber asked for: an operation, the variables that its answers need, a context."""

    __slots__ = ("context", "key", "operation", "variables")

    def __init__(
        self, operation: Operation, variables: Mapping[str, Any] | None, context: object
    ) -> None:
        self.operation = operation
        self.variables = operation.selecting(variables or {})
        self.context = context
        self.key: Hashable = (operation, orjson.dumps(self.variables) if self.variables else None)


class Started(NamedTuple):
    """A subscription that has begun. `end` must be called."""

    asked: Asked
    follower: Follower
    answers: Answers
    end: Callable[[], None]


class StreamConnection(Protocol):
    """The connection of a stream that needs no task: it takes what is sent without waiting."""

    is_paused: bool

    def send(self, content: bytes) -> None:
        """Sends a part of the stream."""

    def end(self, content: bytes) -> None:
        """Sends the last part."""


class EventStream:
    """An ASGI application: the answers of a subscription, until it ends.

    Under our own server, the connection takes the stream over as soon as it needs nothing but the
    feed, and the application returns. A stream takes a fifth of the memory then, and sending to it
    a fifth of the time, because it has no task. Other servers lack this, and the task goes on.
    """

    __slots__ = ("_began", "_connection", "_exchange", "_method", "_started")

    def __init__(self, started: Started) -> None:
        self._started = started
        self._connection: StreamConnection | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._began, self._method = perf_counter(), scope["method"]
        self._exchange = exchange = exchange_of(scope)
        # The stream may last for days, and needs no header.
        scope["headers"] = []
        follower = self._started.follower
        leaving = asyncio.create_task(self._end_with_client(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            exchange.headers = {}
            # Proxies and clients see at once that the stream has begun.
            await _send(send, _KEEP_ALIVE)
            while True:
                if follower.is_live and exchange.stream is None:
                    exchange.stream = self
                    # `Protocol` takes the stream over now. Other servers send nothing.
                    await _send(send, b"")
                    if self._connection is not None:
                        return
                start_deadline()
                events = await follower.next()
                for start in range(0, max(1, len(events)), EVENTS_AT_ONCE):
                    part = tuple(events[start : start + EVENTS_AT_ONCE])
                    await _send(send, self._encoded(part))
                    await asyncio.sleep(0)
        except (TooSlow, RequestError, Unavailable) as reason:
            await _send(send, self._last(reason), more=False)
        finally:
            leaving.cancel()
            if self._connection is None:
                exchange.stream = None
                self._started.end()

    async def _end_with_client(self, receive: Receive) -> None:
        """Ends the subscription when the client closes the connection."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._started.follower.end(ClientDisconnect())

    def _encoded(self, events: tuple[Event, ...]) -> bytes:
        if not events:
            return _KEEP_ALIVE
        started = self._started
        return _streamed(events, started.answers.get(events, started.asked, self._exchange))

    def _last(self, reason: TooSlow | RequestError | Unavailable) -> bytes:
        """The end of a stream. Without an event `complete`, clients connect again."""
        if isinstance(reason, TooSlow):
            reason = TOO_SLOW
        self._exchange.outcome = reason.code
        if reason is SHUTTING_DOWN or not isinstance(reason, RequestError):
            return b""
        return complete_event(body({"errors": [reason.formatted]}, self._exchange))

    # With a connection that has taken the stream over.

    def continue_on(self, connection: StreamConnection) -> None:
        """Sends to this connection from now on."""
        self._connection = connection
        if self._exchange.trace is not None:
            # The stream may last for days.
            self._exchange.trace.end(200, self._exchange.outcome)
        self._started.follower.on_wake(self.send_next)
        # Something may have happened since the last look.
        asyncio.get_running_loop().call_soon(self.send_next)

    def send_next(self) -> None:
        """Sends what has happened, or a comment. Does nothing while the client does not read."""
        connection = self._connection
        if connection is None or connection.is_paused:
            return
        follower = self._started.follower
        try:
            connection.send(self._encoded(follower.take(EVENTS_AT_ONCE)))
        except (TooSlow, RequestError) as reason:
            self._connection = None
            connection.end(self._last(reason))
        except Exception as error:  # noqa: BLE001  # it must not end the feed, which calls this
            logger.error("The server failed.", exception=stack_frames(error))  # noqa: TRY400  # no texts
            self._exchange.outcome = "INTERNAL_SERVER_ERROR"
            self._connection = None
            connection.end(b"")
        else:
            if follower.is_behind:
                asyncio.get_running_loop().call_soon(self.send_next)

    def lose_connection(self) -> None:
        """The connection has ended."""
        self._connection = None
        self._started.end()
        self._exchange.lose_client()
        self._exchange.log(
            status=200,
            method=self._method,
            path="/graphql",
            duration_ms=round((perf_counter() - self._began) * 1000, 3),
        )


_HEADERS = [
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
    # Nginx would hold events back.
    (b"x-accel-buffering", b"no"),
]


async def _send(send: Send, content: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": more})

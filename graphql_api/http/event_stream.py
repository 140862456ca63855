"""GraphQL over Server-Sent Events: the answers of an operation as a stream of events.

The protocol is that of `graphql-sse`, in its mode of distinct connections.
"""

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from ..customers.event_feed import Follower, TooSlow
from ..customers.events import Event
from ..deadline import start_deadline
from ..execution.operation import Operation
from ..faults import Unavailable
from ..schema.outcomes import customer_event
from .errors import RequestError, body
from .exchange import Exchange, exchange_of
from .subscriptions import SHUTTING_DOWN

EVENT_STREAM = "text/event-stream"

# A comment, which clients ignore.
_KEEP_ALIVE = b":\n\n"
_COMPLETE = b"event: complete\ndata: \n\n"

# At most this many events are sent at once, so that other requests run in between.
_MOST_AT_ONCE = 50

# For each event, the answers to this many different operations are remembered.
_MOST_ANSWERS = 16

TOO_SLOW = RequestError(
    503,
    "The subscriber read too slowly. Subscribe again with the last cursor as `after`.",
    code="TOO_SLOW",
)


def complete_event(answer: bytes) -> bytes:
    """The whole stream of an operation that has one answer, which is JSON."""
    return b"event: next\ndata: %s\n\n%s" % (answer, _COMPLETE)


class Answer(NamedTuple):
    """What a subscription answers to an event: as JSON, and as an event of a stream."""

    json: bytes
    streamed: bytes


class Answers:
    """The answers to events. Subscribers with the same operation share them."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Event, dict[Hashable, Answer]] = WeakKeyDictionary()

    async def get(self, event: Event, asked: "Asked", exchange: Exchange) -> Answer:
        """The answer of a subscription to an event."""
        known = self._known.setdefault(event, {})
        if (answer := known.get(asked.key)) is not None:
            return answer
        value = customer_event(event)
        result = await asked.operation.answer(value, asked.variables, asked.context)
        content: dict[str, Any] = {"data": result.data}
        if result.errors:
            content["errors"] = [error.formatted for error in result.errors]
        json = body(content, exchange)
        streamed = b"id: %s\nevent: next\ndata: %s\n\n" % (event.cursor.encode(), json)
        answer = Answer(json, streamed)
        # Errors have the id of one request.
        if not result.errors and len(known) < _MOST_ANSWERS:
            known[asked.key] = answer
        return answer


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


class EventStream:
    """An ASGI application: the answers of a subscription, until it ends."""

    def __init__(self, started: Started) -> None:
        self._started = started

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        follower = self._started.follower
        leaving = asyncio.create_task(self._end_with_client(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            # The stream may last for days, and does not need the other headers.
            authorization = exchange.headers.get(b"authorization", b"")
            exchange.headers = {b"authorization": authorization}
            scope["headers"].clear()
            # Proxies and clients see at once that the stream has begun.
            await _send(send, _KEEP_ALIVE)
            while True:
                start_deadline()
                events = await follower.next()
                await self._send_events(send, events, exchange)
        except TooSlow:
            await _send(send, _failed(TOO_SLOW, exchange), more=False)
        except RequestError as reason:
            # Without an event `complete`, clients connect again.
            last = b"" if reason is SHUTTING_DOWN else _failed(reason, exchange)
            exchange.outcome = reason.code
            await _send(send, last, more=False)
        except Unavailable as fault:
            exchange.outcome = fault.code
            await _send(send, b"", more=False)
        finally:
            leaving.cancel()
            self._started.end()

    async def _send_events(self, send: Send, events: Sequence[Event], exchange: Exchange) -> None:
        if not events:
            await _send(send, _KEEP_ALIVE)
        answers, asked = self._started.answers, self._started.asked
        for start in range(0, len(events), _MOST_AT_ONCE):
            chunk = [
                (await answers.get(event, asked, exchange)).streamed
                for event in events[start : start + _MOST_AT_ONCE]
            ]
            await _send(send, b"".join(chunk))
            if start + _MOST_AT_ONCE < len(events):
                await asyncio.sleep(0)

    async def _end_with_client(self, receive: Receive) -> None:
        """Ends the subscription when the client closes the connection."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._started.follower.end(ClientDisconnect())


_HEADERS = [
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
    # Nginx would hold events back.
    (b"x-accel-buffering", b"no"),
]


async def _send(send: Send, content: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": more})


def _failed(error: RequestError, exchange: Exchange) -> bytes:
    return complete_event(body({"errors": [error.formatted]}, exchange))

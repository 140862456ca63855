"""Subscribers of `customerEvents` over server-sent events."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx

CUSTOMER_EVENTS = """
subscription CustomerEvents($after: String) {
  customerEvents(after: $after) {
    __typename
    ... on CustomerCreated { cursor customer { id email name version } }
    ... on CustomerUpdated { cursor customer { id email name version } changedFields }
    ... on CustomerDeleted { cursor id }
    ... on EventsMissed { cursor message }
  }
}
"""

EVENT_STREAM = {"Accept": "text/event-stream"}


class Sent(NamedTuple):
    """One event of the stream. `data` is what its JSON means; None if it is empty."""

    name: str
    id: str | None
    data: Any

    @property
    def event(self) -> dict[str, Any]:
        """The event of a customer that it contains."""
        event: dict[str, Any] = self.data["data"]["customerEvents"]
        return event


class Subscriber:
    """An open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def __aiter__(self) -> AsyncIterator[Sent]:
        """Its events, until the server ends the stream. Comments are left out."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            if line.startswith(":"):
                continue
            if line:
                name, _, value = line.partition(": ")
                fields[name.removesuffix(":")] = value
            elif fields:
                data = fields.get("data")
                yield Sent(fields["event"], fields.get("id"), json.loads(data) if data else None)
                fields = {}

    async def next(self) -> Sent:
        """The next event. Fails if the stream ends."""
        return await anext(aiter(self))

    async def until(self, type_name: str) -> list[dict[str, Any]]:
        """The events of customers up to the first one with this type."""
        events = [(await self.next()).event]
        while events[-1]["__typename"] != type_name:
            events.append((await self.next()).event)
        return events


@contextlib.asynccontextmanager
async def subscribed(
    client: httpx.AsyncClient, after: str | None = None, **headers: str
) -> AsyncIterator[Subscriber]:
    """A subscriber, which the server has accepted."""
    request = {"query": CUSTOMER_EVENTS, "variables": {"after": after}}
    headers = {**EVENT_STREAM, **{name.replace("_", "-"): headers[name] for name in headers}}
    async with client.stream(
        "POST", "/graphql", json=request, headers=headers, timeout=40
    ) as response:
        yield Subscriber(response)

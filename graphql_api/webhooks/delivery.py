"""Delivers events to one endpoint, in order for each customer, until each one has arrived."""

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

import structlog

from ..customers.event_feed import EventFeed, Follower, TooSlow
from ..customers.events import (
    CustomerCreated,
    CustomerDeleted,
    CustomerUpdated,
    Event,
    EventsMissed,
    InvalidCursor,
    Moment,
    cursor_of,
)
from .endpoints import Endpoint, Endpoints, Failure
from .messages import MessageType, message_of, type_of
from .sending import AT_ONCE, Failed, Sender

logger = structlog.get_logger()

# The pauses between attempts, in seconds: a day in all. The endpoint is paused if the attempt after
# the last one fails.
PAUSES = (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 28800)
# Each pause is up to this share longer, so that endpoints that failed together are not tried again
# together.
_JITTER = 0.1

# After this number of events, the place is stored at the latest.
_MOST_AT_ONCE = 100
# Without events for an endpoint, its place is stored this often, so that it does not grow too old
# for the history.
_SAVE_SECONDS = 60.0

# How long a server that stops waits for an answer, or for the place to be stored.
_GRACE_SECONDS = 1.0


class _Ended(Exception):
    """The endpoint gets no more messages from this delivery."""


class Delivery:
    """The delivery to one endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        endpoints: Endpoints,
        feed: EventFeed,
        time_of: Callable[[Moment], datetime],
        sender: Sender,
    ) -> None:
        # As it is now; stored after each group of deliveries.
        self._endpoint = endpoint
        self._endpoints = endpoints
        self._feed = feed
        self._time_of = time_of
        self._sender = sender
        self._saved_at = time.monotonic()
        self._is_stopping = False
        # The events that the current attempt has delivered, and its failure.
        self._delivered: set[Event] = set()
        self._failed: Failed | None = None

    async def run(self) -> None:
        """Delivers until the endpoint is paused, or until an operator has changed or removed it.

        If it is cancelled, it waits up to a second for answers, and stores its progress.
        Raises `Unavailable`, and errors of the store.
        """
        async with contextlib.aclosing(self._sender):
            with contextlib.suppress(_Ended):
                while True:
                    # If the endpoint is too slow for the feed, it goes on in the history.
                    with contextlib.suppress(TooSlow):
                        await self._follow()

    async def _follow(self) -> None:
        has_missed = False
        try:
            follower = await self._feed.follow(self._endpoint.cursor)
        except InvalidCursor:
            # The database was replaced by another one, which has another history.
            follower = await self._feed.follow(None)
            has_missed = True
        try:
            if has_missed:
                await self._deliver([Event(self._feed.now, EventsMissed())])
            while True:
                await self._deliver_next(follower)
        finally:
            follower.leave()

    async def _deliver_next(self, follower: Follower) -> None:
        """Delivers the next events, or notes after some seconds that there were none."""
        for events in _parts(await follower.next()):
            await self._deliver(events)
        if (moment := follower.moment) is not None:
            self._endpoint = replace(self._endpoint, cursor=cursor_of(moment))
        if time.monotonic() > self._saved_at + _SAVE_SECONDS:
            await self._save()

    async def _deliver(self, events: Sequence[Event]) -> None:
        """Returns when all of these events have arrived that the endpoint wants.

        Raises `_Ended`.
        """
        types = self._endpoint.types | {MessageType.EVENTS_MISSED}
        left = [event for event in events if type_of(event) in types]
        while left:
            await self._wait_for_attempt()
            self._delivered, self._failed = set(), None
            try:
                await self._attempt(left)
            finally:
                # This also runs if the server stops.
                left = [event for event in left if event not in self._delivered]
                self._note(events, left)
                await self._save()
            if self._endpoint.is_paused:
                raise _Ended
        self._endpoint = replace(self._endpoint, cursor=events[-1].cursor)

    async def _wait_for_attempt(self) -> None:
        failure = self._endpoint.failure
        if failure is not None and failure.next_attempt_at is not None:
            pause = failure.next_attempt_at - datetime.now(UTC)
            await asyncio.sleep(pause.total_seconds())

    async def _attempt(self, events: Sequence[Event]) -> None:
        """Sends events until one fails: those of a customer in order, of several customers at once.

        `_delivered` and `_failed` then have the outcome.
        """
        by_customer: dict[UUID | None, list[Event]] = defaultdict(list)
        for event in events:
            by_customer[_customer_of(event)].append(event)
        free = asyncio.Semaphore(AT_ONCE)
        sending = [asyncio.create_task(self._send(own, free)) for own in by_customer.values()]
        await self._until_done(sending)
        for task in sending:
            # This raises an error that is a bug.
            task.result()

    async def _send(self, events: Sequence[Event], free: asyncio.Semaphore) -> None:
        """Sends the events of one customer, one after another."""
        async with free:
            for event in events:
                if self._failed is not None or self._is_stopping:
                    return
                message = message_of(event, self._endpoint.id, self._time_of)
                try:
                    status = await self._sender.send(message)
                except Failed as failed:
                    self._failed = failed
                    return
                self._delivered.add(event)
                logger.debug("A webhook was delivered.", endpoint=self._endpoint.id, status=status)

    def _note(self, events: Sequence[Event], left: Sequence[Event]) -> None:
        """Notes the place, the last delivery and the failure after an attempt.

        The place is after the last of these events before which none is left.
        """
        cursor, failure, now = self._endpoint.cursor, self._endpoint.failure, datetime.now(UTC)
        arrived = events.index(left[0]) if left else len(events)
        if arrived:
            cursor = events[arrived - 1].cursor
        if self._failed is not None:
            # After a delivery, the endpoint works again, at least in part.
            before = 0 if failure is None or self._delivered else failure.attempts
            failure = failure_after(before + 1, self._failed, now)
            logger.warning(
                "An endpoint is paused."
                if failure.next_attempt_at is None
                else "A webhook failed.",
                endpoint=self._endpoint.id,
                attempt=failure.attempts,
                reason=failure.reason,
            )
        elif not left:
            failure = None
        self._endpoint = replace(
            self._endpoint,
            cursor=cursor,
            delivered_at=now if self._delivered else self._endpoint.delivered_at,
            failure=failure,
        )

    async def _save(self) -> None:
        """Stores the endpoint. Raises `_Ended` if an operator has changed or removed it."""
        saving = asyncio.create_task(self._endpoints.save(self._endpoint))
        await self._until_done([saving])
        if not saving.result():
            raise _Ended
        self._saved_at = time.monotonic()

    async def _until_done(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        """Waits for tasks. A server that stops gives them a second more, and then ends them."""
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            self._is_stopping = True
            await asyncio.wait(tasks, timeout=_GRACE_SECONDS)
            raise
        finally:
            for task in tasks:
                task.cancel()


def failure_after(attempts: int, failed: Failed, now: datetime) -> Failure:
    """The failure of an endpoint after this number of failed attempts, one after another."""
    next_attempt_at = None
    if not failed.is_gone and attempts <= len(PAUSES):
        pause = PAUSES[attempts - 1] * random.uniform(1, 1 + _JITTER)  # noqa: S311  # no secret
        pause = max(pause, min(failed.retry_after, PAUSES[-1]))
        next_attempt_at = now + timedelta(seconds=pause)
    return Failure(attempts, failed.reason, now, next_attempt_at)


def _parts(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """The events in groups. Events without a customer are not in groups with others."""
    for _, group in groupby(events, lambda event: isinstance(event.what, EventsMissed)):
        part = list(group)
        for start in range(0, len(part), _MOST_AT_ONCE):
            yield part[start : start + _MOST_AT_ONCE]


def _customer_of(event: Event) -> UUID | None:
    if isinstance(event.what, CustomerCreated | CustomerUpdated):
        return event.what.customer.id
    return event.what.id if isinstance(event.what, CustomerDeleted) else None

"""The feed: one stream of events for all subscribers of a process, with the latest in memory."""

import asyncio
import contextlib
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Sequence
from operator import attrgetter

from ..faults import Unavailable
from .events import Batch, Event, EventsMissed, History, HistoryLost, Moment, moment_of

# The latest events, for subscribers that are behind. They take about 2 kB each.
_MOST_EVENTS = 1000

# Subscribers are woken this often, so that they can show their clients that they are there: proxies
# close connections on which nothing is sent, some of them after 30 seconds.
_SHOW_SECONDS = 12.0

# How long the stream goes on without subscribers: a client that reconnects needs no history then.
IDLE_SECONDS = 10.0
# How long a new subscriber waits for the stream to begin.
_BEGIN_SECONDS = 4.0

# Subscribers that are woken at once. Other requests run before the next ones.
_AT_ONCE = 20
# After subscribers were woken, requests have this many times as long for themselves, up to a limit.
_REST = 3
_LONGEST_REST_SECONDS = 0.5

# How many subscribers read the history at once: each takes a thread of the store.
_MAX_READING = 2
# Before a subscriber asks again for a part of the history that the store does not have yet.
_PAUSE_SECONDS = 0.05

_moment = attrgetter("moment")


class TooSlow(Exception):
    """The subscriber did not read for so long that the feed no longer has its next event."""


class Follower:
    """One subscriber of a feed. Events are stored in the feed and in the database, never here."""

    __slots__ = ("_end", "_feed", "_first_events", "_number", "_on_wake", "_read_until", "_waiter")

    def __init__(self, feed: "EventFeed") -> None:
        self._feed = feed
        # The number of the next event in the feed; None while it reads the history.
        self._number: int | None = None
        # The moment until which it has read; None once the feed has nothing earlier.
        self._read_until: Moment | None = None
        # What it read from the history when it subscribed.
        self._first_events: Sequence[Event] = ()
        self._end: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._on_wake: Callable[[], None] | None = None

    def __aiter__(self) -> AsyncIterator[Sequence[Event]]:
        return self

    async def __anext__(self) -> Sequence[Event]:
        return await self.next()

    async def next(self) -> Sequence[Event]:
        """The next events, or none after some seconds without an event.

        Raises the reason given to `end`, `TooSlow`, and `Unavailable` if the history cannot be
        read.
        """
        if self._end is not None:
            raise self._end
        if self._first_events:
            events, self._first_events = self._first_events, ()
            return events
        if self._number is None:
            return await self._feed.read_history(self)
        if not self.is_behind:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self.take()

    @property
    def is_live(self) -> bool:
        """Whether the feed has everything that follows, so that `take` can be called."""
        return self._number is not None and not self._first_events

    @property
    def is_behind(self) -> bool:
        """Whether the feed has something to take now. The subscriber is live."""
        return self._number != self._feed.end

    @property
    def moment(self) -> Moment | None:
        """The moment until which it has read everything. None if there may be more to read now.

        While nothing happens, this moment is later than that of the last event.
        """
        if not self.is_live or self.is_behind:
            return None
        return max(self._feed.now, self._read_until or self._feed.now)

    def take(self, most: int | None = None) -> tuple[Event, ...]:
        """The next events, at most this many, as far as they are known now.

        Raises the reason given to `end`, and `TooSlow`.
        """
        if self._end is not None:
            raise self._end
        assert self._number is not None  # noqa: S101  # it is live
        events = self._feed.events_from(self._number, most)
        self._number += len(events)
        if self._read_until is not None and events:
            # The history reached further than the feed did.
            events = tuple(event for event in events if event.moment > self._read_until)
            if events:
                self._read_until = None
        return events

    def end(self, reason: Exception) -> None:
        """Makes `next` raise this."""
        self._end = reason
        self.wake()

    def on_wake(self, callback: Callable[[], None]) -> None:
        """Sets what is called instead of `next`, when there may be something to take."""
        self._on_wake = callback

    def wake(self) -> None:
        """Ends the waiting of `next`, or calls back."""
        if self._on_wake is not None:
            self._on_wake()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def leave(self) -> None:
        """Ends the subscription. Nothing may be called afterwards."""
        self._feed.leave(self)

    # For the feed.

    @property
    def read_until(self) -> Moment | None:
        return self._read_until

    def start(self, events: Sequence[Event]) -> None:
        self._first_events = events

    def continue_with(self, number: int | None, read_until: Moment | None) -> None:
        self._number, self._read_until = number, read_until


class EventFeed:
    """The events of all customers. It follows the history while it has subscribers."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._events: list[Event] = []
        # The number of the first of these events; the next event gets the number `end`.
        self._first = 0
        # All events after the first of these moments, and until the second, are or were here. None
        # before the stream has begun.
        self._since: Moment | None = None
        self._now: Moment | None = None
        self._followers: set[Follower] = set()
        self._reading = asyncio.Semaphore(_MAX_READING)
        self._running: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        self._stopping: asyncio.TimerHandle | None = None

    @property
    def end(self) -> int:
        """The number that the next event gets."""
        return self._first + len(self._events)

    @property
    def now(self) -> Moment:
        """The moment until which all events are or were here. The stream has begun."""
        assert self._now is not None  # noqa: S101  # it has begun
        return self._now

    async def follow(self, after: str | None) -> Follower:
        """A new subscriber: it gets the events after this cursor, or without one, from now on.

        Raises `InvalidCursor`, and `Unavailable`.
        """
        moment = None if after is None else moment_of(after)
        follower = Follower(self)
        self._followers.add(follower)
        try:
            since, now = await self._begin()
            if moment is None:
                follower.continue_with(self.end, None)
            elif since <= moment <= now:
                self._join(follower, moment)
            else:
                follower.continue_with(None, moment)
                follower.start(await self.read_history(follower))
        except BaseException:
            self.leave(follower)
            raise
        return follower

    def leave(self, follower: Follower) -> None:
        """Forgets a subscriber. The stream ends some time after the last one has left."""
        self._followers.discard(follower)
        if not self._followers and self._running is not None:
            loop = asyncio.get_running_loop()
            self._stopping = loop.call_later(IDLE_SECONDS, self._stop)

    async def aclose(self) -> None:
        """Ends the stream."""
        if self._stopping is not None:
            self._stopping.cancel()
        if (running := self._running) is not None:
            self._stop()
            await asyncio.wait([running])

    def _stop(self) -> None:
        assert self._running is not None  # noqa: S101  # it runs until now
        self._running.cancel()
        # A new subscriber needs a new stream, even before this one has ended.
        self._running = None

    def events_from(self, number: int, most: int | None = None) -> tuple[Event, ...]:
        """The events from this number on, at most this many.

        Raises `TooSlow` if the feed no longer has the first one.
        """
        if number < self._first:
            raise TooSlow
        start = number - self._first
        return tuple(self._events[start : None if most is None else start + most])

    async def read_history(self, follower: Follower) -> Sequence[Event]:
        """The next events of a subscriber that needs events from before those of the feed.

        Raises `InvalidCursor` for a moment that the store does not have, and `Unavailable`.
        """
        moment = follower.read_until
        assert moment is not None  # noqa: S101  # it reads the history
        async with self._reading:
            try:
                batch = await self._history.since(moment)
            except HistoryLost:
                _, now = await self._begin()
                follower.continue_with(self.end, None)
                return [Event(now, EventsMissed())]
        follower.continue_with(None, batch.moment)
        since, _ = await self._begin()
        if batch.moment >= since:
            self._join(follower, batch.moment)
        elif not batch.events:
            await asyncio.sleep(_PAUSE_SECONDS)
        return batch.events

    def _join(self, follower: Follower, moment: Moment) -> None:
        """Lets a subscriber, which has all events until this moment, go on with the feed's."""
        number = self._first + bisect_right(self._events, moment, key=_moment)
        follower.continue_with(number, moment)

    async def _begin(self) -> tuple[Moment, Moment]:
        """Begins the stream if it has not begun. Returns the moments between which events are here.

        Raises `Unavailable`.
        """
        if self._stopping is not None:
            self._stopping.cancel()
            self._stopping = None
        if self._running is None:
            self._begun.clear()
            self._running = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(_BEGIN_SECONDS):
                await self._begun.wait()
        except TimeoutError:
            raise Unavailable from None
        assert self._since is not None  # noqa: S101  # it has begun
        return self._since, self.now

    async def _run(self) -> None:
        showing = asyncio.create_task(self._show())
        try:
            await self._read()
        finally:
            showing.cancel()

    async def _show(self) -> None:
        while True:
            await asyncio.sleep(_SHOW_SECONDS)
            await self._wake_followers()

    async def _read(self) -> None:
        self._first, self._since = self.end, None
        self._events.clear()
        async with contextlib.aclosing(self._history.live()) as batches:
            async for batch in batches:
                self._add(batch)
                self._begun.set()
                if batch.events or batch.is_gap:
                    await self._wake_followers()

    def _add(self, batch: Batch) -> None:
        if batch.is_gap:
            # Nobody needs what was before: each subscriber reads the list again.
            self._first, self._since = self.end, batch.moment
            self._events.clear()
            self._events.append(Event(batch.moment, EventsMissed()))
            for follower in self._followers:
                follower.continue_with(self._first, None)
        if self._since is None:
            self._since = batch.moment
        self._events.extend(batch.events)
        if (surplus := len(self._events) - _MOST_EVENTS) > 0:
            self._since = self._events[surplus - 1].moment
            self._first += surplus
            del self._events[:surplus]
        self._now = batch.moment

    async def _wake_followers(self) -> None:
        """Wakes all subscribers, and gives other requests time in between and afterwards."""
        spent = 0.0
        followers = list(self._followers)
        for start in range(0, len(followers), _AT_ONCE):
            began = time.monotonic()
            for follower in followers[start : start + _AT_ONCE]:
                follower.wake()
            # They run before this task does.
            await asyncio.sleep(0)
            spent += time.monotonic() - began
        await asyncio.sleep(min(spent * _REST, _LONGEST_REST_SECONDS))

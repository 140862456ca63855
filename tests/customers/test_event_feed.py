"""The feed of events, with a history that a test writes."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import pytest

from graphql_api.customers import event_feed
from graphql_api.customers.event_feed import EventFeed, Follower, TooSlow
from graphql_api.customers.events import (
    Batch,
    CustomerDeleted,
    Event,
    EventsMissed,
    HistoryLost,
    InvalidCursor,
    Moment,
    moment_of,
)
from graphql_api.faults import Unavailable


def moment(number: int) -> Moment:
    return Moment(number.to_bytes(4, "big"))


def event(number: int) -> Event:
    return Event(moment(number), CustomerDeleted(UUID(int=number)))


def numbers(events: Sequence[Event]) -> list[int]:
    return [one.what.id.int for one in events if isinstance(one.what, CustomerDeleted)]


class WrittenHistory:
    """A history whose events are numbers. It has a past, and what the test adds to it."""

    def __init__(self, *past: int) -> None:
        self.past = list(past)
        self.is_lost = False
        self.is_available = asyncio.Event()
        self.is_available.set()
        self.streams = self.open_streams = 0
        self._batches: asyncio.Queue[Batch] = asyncio.Queue()

    async def live(self) -> AsyncGenerator[Batch, None]:
        self.streams += 1
        self.open_streams += 1
        try:
            await self.is_available.wait()
            yield Batch((), moment(self.past[-1] if self.past else 0))
            while True:
                yield await self._batches.get()
        finally:
            self.open_streams -= 1

    async def since(self, after: Moment) -> Batch:
        if self.is_lost:
            raise HistoryLost
        events = [event(number) for number in self.past if moment(number) > after][:2]
        return Batch(events, events[-1].moment if events else max(after, moment(self.past[-1])))

    async def happen(self, *happened: int, is_gap: bool = False, until: int | None = None) -> None:
        events = [event(number) for number in happened]
        end = moment(happened[-1] if until is None else until)
        self.past += happened
        await self._batches.put(Batch(events, end, is_gap))
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def feed_of(history: WrittenHistory) -> AsyncIterator[EventFeed]:
    async with contextlib.aclosing(EventFeed(history)) as feed:
        yield feed


async def heard(follower: Follower, number: int) -> list[int]:
    """The numbers of the next events, as many or more."""
    found: list[int] = []
    async with asyncio.timeout(20):
        while len(found) < number:
            found += numbers(await follower.next())
    return found


async def test_each_follower_gets_each_event_from_now_on_once() -> None:
    history = WrittenHistory(1)
    async with feed_of(history) as feed:
        first = await feed.follow(None)
        await history.happen(2)
        second = await feed.follow(None)
        await history.happen(3, 4)

        assert await heard(first, 3) == [2, 3, 4]
        assert await heard(second, 2) == [3, 4]
        assert history.streams == 1


async def test_a_follower_goes_on_after_any_event_that_the_feed_has() -> None:
    history = WrittenHistory(1)
    async with feed_of(history) as feed:
        await feed.follow(None)
        await history.happen(2, 3, 4)

        for number in (1, 2, 3):
            follower = await feed.follow(event(number).cursor)
            assert await heard(follower, 4 - number) == list(range(number + 1, 5))


async def test_earlier_events_are_read_from_the_history_in_parts() -> None:
    history = WrittenHistory(*range(1, 8))
    async with feed_of(history) as feed:
        follower = await feed.follow(event(1).cursor)
        await history.happen(8, 9)

        assert await heard(follower, 8) == list(range(2, 10))
        # As an iterator, too.
        await history.happen(10)
        assert numbers(await anext(aiter(follower))) == [10]


async def test_a_history_that_does_not_reach_the_feed_yet_is_asked_again() -> None:
    history = WrittenHistory(5)
    async with feed_of(history) as feed:
        await feed.follow(None)
        history.past = [1]
        follower = await feed.follow(event(1).cursor)
        assert numbers(await follower.next()) == []
        history.past = [1, 5]

        await history.happen(6)

        assert await heard(follower, 2) == [5, 6]


async def ahead(feed: EventFeed, history: WrittenHistory) -> Follower:
    """A follower that has read event 3 in the history, which the feed does not have yet."""
    await feed.follow(None)
    history.past = [1, 2, 3]
    follower = await feed.follow(event(2).cursor)
    assert await heard(follower, 1) == [3]
    return follower


async def test_a_history_that_is_ahead_of_the_feed_repeats_nothing() -> None:
    history = WrittenHistory(1)
    async with feed_of(history) as feed:
        follower = await ahead(feed, history)
        await history.happen(2)
        assert numbers(await follower.next()) == []
        await history.happen(3, 4)

        assert await heard(follower, 1) == [4]


async def test_a_follower_is_behind_until_it_has_taken_all_events_of_the_feed() -> None:
    history = WrittenHistory(1)
    async with feed_of(history) as feed:
        follower = await ahead(feed, history)
        await history.happen(2)
        await history.happen(3, 4)

        assert follower.is_behind
        # It knows the first two already.
        assert follower.take(2) == ()
        assert follower.is_behind
        assert numbers(follower.take(2)) == [4]
        assert not follower.is_behind


async def test_events_that_are_lost_are_told_before_those_that_follow() -> None:
    history = WrittenHistory(5)
    async with feed_of(history) as feed:
        live = await feed.follow(None)
        history.is_lost = True
        late = await feed.follow(event(1).cursor)
        assert [one.what for one in await late.next()] == [EventsMissed()]
        await history.happen(6)
        await history.happen(is_gap=True, until=9)

        # Nobody needs what happened before the gap.
        [missed] = await live.next()
        assert missed.what == EventsMissed()
        assert moment_of(missed.cursor) == moment(9)
        again = await feed.follow(missed.cursor)
        await history.happen(10)
        assert await heard(live, 1) == await heard(again, 1) == [10]


async def test_a_follower_that_does_not_read_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_feed, "_MOST_EVENTS", 3)
    history = WrittenHistory(1)
    async with feed_of(history) as feed:
        slow, reading = await feed.follow(None), await feed.follow(None)
        await history.happen(2, 3)
        assert await heard(reading, 2) == [2, 3]
        await history.happen(4, 5)

        assert await heard(reading, 2) == [4, 5]
        with pytest.raises(TooSlow):
            await slow.next()


async def test_a_follower_ends_with_the_reason_that_it_is_given() -> None:
    async with feed_of(WrittenHistory(1)) as feed:
        waiting, ready = await feed.follow(None), await feed.follow(None)
        task = asyncio.create_task(waiting.next())
        await asyncio.sleep(0.01)
        for follower in (waiting, ready):
            follower.end(ZeroDivisionError())
            follower.wake()

        for attempt in (task, ready.next()):
            with pytest.raises(ZeroDivisionError):
                await attempt


async def test_followers_are_woken_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_feed, "_SHOW_SECONDS", 0.05)
    async with feed_of(WrittenHistory(1)) as feed:
        follower = await feed.follow(None)

        assert list(await asyncio.wait_for(follower.next(), 20)) == []


async def test_without_a_history_nobody_can_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_feed, "_BEGIN_SECONDS", 0.05)
    history = WrittenHistory(1)
    history.is_available.clear()
    async with feed_of(history) as feed:
        with pytest.raises(Unavailable):
            await feed.follow(None)
        history.is_available.set()
        await asyncio.sleep(0.05)

        follower = await feed.follow(None)

        await history.happen(2)
        assert await heard(follower, 1) == [2]


async def test_the_stream_ends_some_time_after_its_last_follower(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_feed, "IDLE_SECONDS", 0.05)
    history = WrittenHistory(1)
    async with feed_of(history) as feed:
        (await feed.follow(None)).leave()
        await feed.follow(None)
        await asyncio.sleep(0.1)
        assert (history.streams, history.open_streams) == (1, 1)

    history = WrittenHistory(1)
    async with feed_of(history) as feed:
        (await feed.follow(None)).leave()
        async with asyncio.timeout(20):
            while history.open_streams:  # noqa: ASYNC110  # no event announces it
                await asyncio.sleep(0.02)

        follower = await feed.follow(None)
        await history.happen(2)

        assert await heard(follower, 1) == [2]
        assert history.streams == 2


@pytest.mark.parametrize(
    "change", [lambda c: c[:-1], lambda c: c + "A", lambda c: "A" + c, str.swapcase]
)
def test_a_changed_cursor_is_invalid(change: Any) -> None:
    cursor = Event(Moment(b"\x82moment"), EventsMissed()).cursor

    assert moment_of(cursor) == b"\x82moment"
    with pytest.raises(InvalidCursor, match="cursor of an event"):
        moment_of(change(cursor))

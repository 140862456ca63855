"""A time limit for many blocks: each in its own task, and one timer for all of them."""

import asyncio
import contextlib

import pytest

from graphql_api.http.time_limit import TimeLimit


class Clock:
    """The time of the event loop, in seconds: it moves only when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now)


async def begun(limit: TimeLimit, event: asyncio.Event) -> asyncio.Task[None]:
    async def block() -> None:
        with limit:
            await event.wait()

    task = asyncio.create_task(block())
    await asyncio.sleep(0)
    return task


async def test_each_block_that_takes_too_long_ends_at_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, limit, event = Clock(monkeypatch), TimeLimit(5), asyncio.Event()
    first = await begun(limit, event)
    clock.now = 3
    second = await begun(limit, event)
    clock.now = 5
    await asyncio.wait([first])

    assert isinstance(first.exception(), TimeoutError)
    assert first.cancelling() == 0
    assert not second.done()
    clock.now = 8
    await asyncio.wait([second])
    assert isinstance(second.exception(), TimeoutError)


async def test_a_block_that_ends_in_time_is_not_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, limit, event = Clock(monkeypatch), TimeLimit(5), asyncio.Event()
    task = await begun(limit, event)
    event.set()
    await task
    clock.now = 5
    await asyncio.sleep(0)

    # The timer has ended, and begins again with the next block.
    late = await begun(limit, asyncio.Event())
    clock.now = 10
    await asyncio.wait([late])
    assert isinstance(late.exception(), TimeoutError)


async def test_a_task_that_is_cancelled_stays_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, limit, event = Clock(monkeypatch), TimeLimit(5), asyncio.Event()
    early = await begun(limit, event)
    early.cancel()
    await asyncio.wait([early])

    async def cancelled_twice() -> None:
        with limit:
            try:
                await event.wait()
            except asyncio.CancelledError:
                late.cancel()
                raise

    late = asyncio.create_task(cancelled_twice())
    await asyncio.sleep(0)
    clock.now = 5
    await asyncio.wait([late])

    assert early.cancelled()
    assert late.cancelled()


async def test_a_block_that_ends_although_its_time_is_over_has_its_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, limit, event = Clock(monkeypatch), TimeLimit(5), asyncio.Event()

    async def stubborn() -> str:
        with limit, contextlib.suppress(asyncio.CancelledError):
            await event.wait()
        return "finished"

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    clock.now = 5

    assert await task == "finished"
    assert task.cancelling() == 0

"""The threads of the driver: how many there are, and how each work ends."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from contextvars import ContextVar
from functools import partial
from queue import SimpleQueue

import pytest

from graphql_api.mongo.threads import Threads

from ..support.servers import until

_value: ContextVar[str] = ContextVar("value")


class _NoThread:
    """A thread that the system does not allow."""

    def __init__(self, **_options: object) -> None:
        raise RuntimeError("can't start new thread")


@pytest.fixture
def threads() -> Iterator[Threads]:
    """At most two threads."""
    threads = Threads(2)
    yield threads
    threads.close()


async def test_a_thread_starts_only_while_all_others_are_busy(threads: Threads) -> None:
    together = threading.Barrier(2)

    def meet() -> threading.Thread:
        together.wait(60)
        return threading.current_thread()

    first = {await threads.run(threading.current_thread) for _ in range(3)}
    assert len(first) == 1

    both = await asyncio.gather(*(threads.run(meet) for _ in range(4)))
    assert len(set(both)) == 2
    assert first < set(both)

    threads.close()
    until(lambda: not any(thread.is_alive() for thread in both), "the threads end")


async def test_work_without_a_thread_is_not_done_and_later_work_is(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = SimpleQueue[str]()
    with monkeypatch.context() as patched:
        patched.setattr(threading, "Thread", _NoThread)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            threads.run(done.put, "without a thread")
    await threads.run(done.put, "later")

    assert done.get(timeout=60) == "later"
    assert done.empty()


async def test_work_has_the_context_of_its_caller_and_raises_its_error(threads: Threads) -> None:
    _value.set("of the caller")
    assert await threads.run(_value.get) == "of the caller"
    with pytest.raises(ValueError, match="wrong"):
        await threads.run(int, "wrong")


async def test_an_error_does_not_live_longer_than_its_caller_needs_it(threads: Threads) -> None:

    class Failure(Exception):
        pass

    def fail() -> None:
        raise Failure

    gc.disable()
    try:
        try:
            await threads.run(fail)
        except Failure as error:
            failure = weakref.ref(error)
        # Until its next step, this task has the error, too.
        await asyncio.sleep(0)
        until(lambda: failure() is None, "the thread forgets the error")
    finally:
        gc.enable()


async def test_work_that_nobody_waits_for_goes_on(threads: Threads) -> None:
    may_end, ended = threading.Event(), SimpleQueue[str]()
    blocked = threads.run(may_end.wait, 60)
    following = threads.run(ended.put, "cancelled")
    blocked.cancel()
    following.cancel()
    may_end.set()
    assert await threads.run(partial(ended.get, timeout=60)) == "cancelled"


def test_work_may_outlive_its_event_loop(threads: Threads) -> None:
    may_end, ended = threading.Event(), SimpleQueue[str]()

    async def leave() -> None:
        threads.run(may_end.wait, 60)

    asyncio.run(leave())
    may_end.set()

    async def follow() -> None:
        await threads.run(ended.put, "followed")

    asyncio.run(follow())
    assert ended.get(timeout=60) == "followed"

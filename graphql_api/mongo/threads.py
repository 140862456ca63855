"""Threads that work for an event loop."""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar, TypeVarTuple

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")

_Waiting = tuple[asyncio.AbstractEventLoop, asyncio.Future[Any], Callable[[], Any]]


class Threads:
    """At most a number of threads. Each starts with the first work for which no thread is free.

    `ThreadPoolExecutor` makes two futures for each work and takes several locks, which together
    takes twice the CPU time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._started = 0
        # The work that waits or is in progress.
        self._unfinished = 0
        # For each work the event loop that waits for it, and its future. None ends a thread.
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()

    def run(
        self, work: Callable[[*_Arguments], _Result], *arguments: *_Arguments
    ) -> asyncio.Future[_Result]:
        """Does the work in one of the threads, in a copy of the caller's context.

        The future has what the work returns or raises. The work goes on if the future is cancelled.
        Raises `RuntimeError` if the system allows no further thread.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_Result] = loop.create_future()
        call = partial(contextvars.copy_context().run, work, *arguments)
        # First, because it may fail: then nothing does the work.
        if self._started <= self._unfinished and self._started < self._most:
            # The process can end before the thread.
            threading.Thread(target=self._work, daemon=True).start()
            self._started += 1
        self._waiting.put((loop, done, call))
        self._unfinished += 1
        return done

    def close(self) -> None:
        """Ends the threads as soon as they have done all work."""
        for _ in range(self._started):
            self._waiting.put(None)
        self._started = 0

    def _work(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            loop, done, call = waiting
            # The event loop may have ended.
            with contextlib.suppress(RuntimeError):
                try:
                    result = call()
                except Exception as error:  # noqa: BLE001  # the waiting task raises it
                    loop.call_soon_threadsafe(self._end, done, done.set_exception, error)
                else:
                    loop.call_soon_threadsafe(self._end, done, done.set_result, result)
                    del result
            # Otherwise, all of this would live until the next work, and an error, which refers to
            # this frame, in a cycle until the garbage collector finds it.
            del waiting, loop, done, call

    def _end(
        self, done: asyncio.Future[_Result], settle: Callable[[Any], None], outcome: object
    ) -> None:
        self._unfinished -= 1
        if not done.cancelled():
            settle(outcome)

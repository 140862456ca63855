"""Timers that do not count the time for which the whole process stood still."""

import asyncio
from collections.abc import Callable

# Later than this, a timer was not late by itself.
_LATE_SECONDS = 0.5

# Enough for the event loop to read what has arrived.
_LAST_LOOK_SECONDS = 0.001


def stood_still(loop: asyncio.AbstractEventLoop, due: float) -> bool:
    """Whether the process was frozen, or too busy, when something was due at that time."""
    return loop.time() > due + _LATE_SECONDS


class Timer:
    """Calls back after some seconds, once what has arrived by then is read.

    A process that was frozen wakes up with all of its timers over, and clients that had no chance:
    it begins anew.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], object]
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._callback = callback
        self._begin()

    def cancel(self) -> None:
        self._handle.cancel()

    def _begin(self) -> None:
        self._due = self._loop.time() + self._seconds
        self._handle = self._loop.call_later(self._seconds, self._end)

    def _end(self) -> None:
        if stood_still(self._loop, self._due):
            self._begin()
        else:
            self._handle = self._loop.call_later(_LAST_LOOK_SECONDS, self._callback)

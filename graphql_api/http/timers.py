"""Timers that do not count the time for which the whole process was frozen."""

import asyncio
from collections.abc import Callable

# A timer that is later than this was delayed by the whole process.
_LATE_SECONDS = 0.5

# Enough time for the event loop to read what has arrived.
_LAST_LOOK_SECONDS = 0.001


def was_frozen(loop: asyncio.AbstractEventLoop, due: float) -> bool:
    """Whether the process was frozen or too busy at this time, in seconds of `loop.time`."""
    return loop.time() > due + _LATE_SECONDS


class Timer:
    """Calls back after some seconds, when the event loop has read what arrived until then.

    In a process that was frozen, all timers are over at once, although no client was served
    meanwhile. Such a timer starts again.
    """

    __slots__ = ("_callback", "_due", "_handle", "_loop", "_seconds")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], object]
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._callback = callback
        self._start()

    def cancel(self) -> None:
        self._handle.cancel()

    def _start(self) -> None:
        self._due = self._loop.time() + self._seconds
        self._handle = self._loop.call_later(self._seconds, self._end)

    def _end(self) -> None:
        if was_frozen(self._loop, self._due):
            self._start()
        else:
            self._handle = self._loop.call_later(_LAST_LOOK_SECONDS, self._callback)

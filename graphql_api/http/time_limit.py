"""A time limit for many operations at a time."""

import asyncio
from types import TracebackType


class TimeLimit:
    """Ends blocks that take longer than some seconds. Each block must be in another task.

    `asyncio.timeout` starts a timer for each block, which takes a tenth of the time for a rejected
    creation (measured). This has one timer for all: blocks that begin later also end later.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # When the time of each task is over, in seconds of `loop.time`; the earliest first.
        self._ends: dict[asyncio.Task[object] | None, float] = {}
        self._has_timer = False

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        self._ends[asyncio.current_task()] = loop.time() + self._seconds
        if not self._has_timer:
            self._has_timer = True
            loop.call_later(self._seconds, self._end_late)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Raises `TimeoutError` in place of `CancelledError` if the time is over."""
        task = asyncio.current_task()
        if self._ends.pop(task, None) is not None:
            return
        # Another reason to end the task has priority.
        if task.uncancel() == 0 and kind is asyncio.CancelledError:  # type: ignore[union-attr]  # a block is in a task
            raise TimeoutError from error

    def _end_late(self) -> None:
        loop = asyncio.get_running_loop()
        for task, end in list(self._ends.items()):
            if end > loop.time():
                loop.call_at(end, self._end_late)
                return
            del self._ends[task]
            task.cancel()  # type: ignore[union-attr]  # each block is in one
        self._has_timer = False

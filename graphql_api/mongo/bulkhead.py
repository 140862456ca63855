"""A bulkhead: a slow database holds up so many operations, and not the whole server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..customers.store import Unavailable


class Bulkhead:
    """Lets `at_once` operations through; `waiting` more wait for a place, at most `seconds`."""

    def __init__(self, *, at_once: int, waiting: int, seconds: float) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._free = waiting
        self._seconds = seconds

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Raises `Unavailable` where there is none in time."""
        if not self._free:
            raise Unavailable
        self._free -= 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._places.acquire()
        except TimeoutError:
            raise Unavailable from None
        finally:
            self._free += 1
        try:
            yield
        finally:
            self._places.release()

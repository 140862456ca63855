"""The rate limit: how many requests a client may send in a period of time."""

import asyncio
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import limits
from limits.aio.storage import MongoDBStorage, RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string

from ..deadline import RATE_LIMIT_SECONDS
from ..metrics.measurements import Measurements
from .errors import retry_later

logger = logging.getLogger(__name__)

_Check = Callable[[FixedWindowRateLimiter, limits.RateLimitItem, str], Awaitable[bool]]

_MAX_COUNTS = 100_000
# How long the shared storage is not used after it failed.
_RETRY_SHARED_SECONDS = 5.0


class RateLimit:
    """The same rate for each client, in fixed windows of time.

    While a storage that several servers share is unavailable, each worker counts separately.
    """

    def __init__(
        self, rate: str | None, storage_uri: str, measurements: Measurements | None = None
    ) -> None:
        """`rate` is written as `600/minute`; with None there is no limit.

        Raises `ConfigurationError`, `ValueError` or an error of the storage's driver if the URI
        is invalid.
        """
        self._measurements = measurements
        self._rate = None if rate is None else limits.parse(rate)
        self._own = FixedWindowRateLimiter(InMemoryCounts())
        self._shared = None
        if not storage_uri.startswith("memory:"):
            self._shared = FixedWindowRateLimiter(_shared_storage(storage_uri))
        # In seconds of `time.monotonic`.
        self._retry_shared_at = 0.0

    async def hit(self, client: str) -> None:
        """Counts a request of a client. Raises `RequestError` if it exceeds the limit."""
        await self._require(FixedWindowRateLimiter.hit, client)

    async def test(self, client: str) -> None:
        """Raises `RequestError` if one more request would exceed the limit; counts nothing."""
        await self._require(FixedWindowRateLimiter.test, client)

    async def aclose(self) -> None:
        """Closes the connections to a shared storage."""
        if self._shared is not None:
            await _close(self._shared.storage)

    async def _require(self, check: _Check, client: str) -> None:
        if self._rate is not None and (seconds := await self._wait(check, self._rate, client)):
            if self._measurements is not None:
                self._measurements.rate_limited += 1
            raise retry_later(429, "Too many requests.", "RATE_LIMITED", seconds)

    async def _wait(self, check: _Check, rate: limits.RateLimitItem, client: str) -> int:
        if self._shared is not None and time.monotonic() >= self._retry_shared_at:
            try:
                async with asyncio.timeout(RATE_LIMIT_SECONDS):
                    return await _seconds_to_wait(self._shared, check, rate, client)
            except (StorageError, TimeoutError):
                self._retry_shared_at = time.monotonic() + _RETRY_SHARED_SECONDS
                logger.warning(
                    "The rate limit storage is unavailable. Each worker counts separately."
                )
        return await _seconds_to_wait(self._own, check, rate, client)


async def _seconds_to_wait(
    limiter: FixedWindowRateLimiter, check: _Check, rate: limits.RateLimitItem, client: str
) -> int:
    """How many seconds the client must wait, rounded up; 0 if it may send the request now."""
    if await check(limiter, rate, client):
        return 0
    window = await limiter.get_window_stats(rate, client)
    return max(1, math.ceil(window.reset_time - time.time()))


@dataclass
class _Window:
    """The requests of one client until `end`, in seconds of `time.monotonic`."""

    end: float
    count: int = 0


class InMemoryCounts(Storage):
    """The counts of this process: at most `_MAX_COUNTS`, without those whose window is over.

    The library's own storage checks all counts at each request, which takes 3 ms for 20,000.
    """

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        # By key, and in the order of their end, because all of them are equally long.
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return ()

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.monotonic()
        window = self._windows.get(key)
        if window is None or window.end <= now:
            self._windows.pop(key, None)
            self._make_room(now)
            window = self._windows[key] = _Window(now + expiry)
        window.count += amount
        return window.count

    async def get(self, key: str) -> int:
        window = self._windows.get(key)
        return 0 if window is None or window.end <= time.monotonic() else window.count

    async def get_expiry(self, key: str) -> float:
        window = self._windows.get(key)
        return time.time() + (0.0 if window is None else window.end - time.monotonic())

    async def check(self) -> bool:
        return True

    async def reset(self) -> int:
        count = len(self._windows)
        self._windows.clear()
        return count

    async def clear(self, key: str) -> None:
        self._windows.pop(key, None)

    def _make_room(self, now: float) -> None:
        while self._windows:
            oldest = next(iter(self._windows.values()))
            if oldest.end > now and len(self._windows) < _MAX_COUNTS:
                return
            self._windows.popitem(last=False)


def _shared_storage(uri: str) -> Storage:
    options: dict[str, Any]
    if uri.startswith("mongodb"):
        milliseconds = int(RATE_LIMIT_SECONDS * 1000)
        options = {
            "timeoutMS": milliseconds,
            "connectTimeoutMS": milliseconds,
            # A lost count does no harm, so one member of a replica set is enough.
            "w": 1,
            "counter_collection_name": "rate_limits",
            "window_collection_name": "rate_limit_windows",
        }
        if database := urlsplit(uri).path.lstrip("/"):
            options["database_name"] = database
    else:
        options = {
            "implementation": "redispy",
            "socket_timeout": RATE_LIMIT_SECONDS,
            "socket_connect_timeout": RATE_LIMIT_SECONDS,
        }
    return cast(Storage, storage_from_string(f"async+{uri}", wrap_exceptions=True, **options))


async def _close(storage: Storage) -> None:
    # The library has no method for this.
    if isinstance(storage, MongoDBStorage):
        storage.storage.close()
    else:
        redis: Any = cast(RedisStorage, storage).bridge
        await redis.storage.aclose()

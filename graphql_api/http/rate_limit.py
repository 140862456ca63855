"""How often somebody may send a request."""

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
from .errors import RequestError

logger = logging.getLogger(__name__)

_Check = Callable[[FixedWindowRateLimiter, limits.RateLimitItem, str], Awaitable[bool]]

_MAX_WINDOWS = 100_000
_AWAY_SECONDS = 5.0


class RateLimit:
    """One rate for everybody, counted apart for each, in fixed windows of time.

    While a storage that several servers share is away, each worker counts for itself.
    """

    def __init__(self, rate: str | None, storage_uri: str) -> None:
        """Raises what the storage's driver raises for a URI that is none.

        `rate` is as in `600/minute`; None limits nobody.
        """
        self._rate = None if rate is None else limits.parse(rate)
        self._own = FixedWindowRateLimiter(Windows())
        self._shared = None
        if not storage_uri.startswith("memory:"):
            self._shared = FixedWindowRateLimiter(_shared_storage(storage_uri))
        self._away_until = 0.0

    async def hit(self, who: str) -> None:
        """Counts a request; raises `RequestError` for one too many."""
        await self._require(FixedWindowRateLimiter.hit, who)

    async def test(self, who: str) -> None:
        """Raises `RequestError` where another request would be one too many."""
        await self._require(FixedWindowRateLimiter.test, who)

    async def aclose(self) -> None:
        """Ends the connections to a shared storage."""
        if self._shared is not None:
            await _close(self._shared.storage)

    async def _require(self, check: _Check, who: str) -> None:
        if self._rate is not None and (seconds := await self._wait(check, self._rate, who)):
            raise RequestError(
                429,
                f"Too many requests. Retry in {seconds} second{'' if seconds == 1 else 's'}.",
                {"Retry-After": str(seconds)},
                code="RATE_LIMITED",
            )

    async def _wait(self, check: _Check, rate: limits.RateLimitItem, who: str) -> int:
        if self._shared is not None and time.monotonic() >= self._away_until:
            try:
                async with asyncio.timeout(RATE_LIMIT_SECONDS):
                    return await _seconds_to_wait(self._shared, check, rate, who)
            except (StorageError, TimeoutError):
                self._away_until = time.monotonic() + _AWAY_SECONDS
                logger.warning("The storage of rate limits is away; each worker counts for itself.")
        return await _seconds_to_wait(self._own, check, rate, who)


async def _seconds_to_wait(
    limiter: FixedWindowRateLimiter, check: _Check, rate: limits.RateLimitItem, who: str
) -> int:
    if await check(limiter, rate, who):
        return 0
    window = await limiter.get_window_stats(rate, who)
    return max(1, math.ceil(window.reset_time - time.time()))


@dataclass
class _Window:
    end: float
    count: int = 0


class Windows(Storage):
    """Counts in this process: no more than a bound, and none whose time is over.

    The library's own storage looks through all of them at each request: 3 ms for 20,000.
    """

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        # In the order of their end, because all of them are equally long.
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
            if oldest.end > now and len(self._windows) < _MAX_WINDOWS:
                return
            self._windows.popitem(last=False)


def _shared_storage(uri: str) -> Storage:
    options: dict[str, Any]
    if uri.startswith("mongodb"):
        milliseconds = int(RATE_LIMIT_SECONDS * 1000)
        options = {
            "timeoutMS": milliseconds,
            "connectTimeoutMS": milliseconds,
            # A count may be lost with a primary.
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
    # The library leaves that to its users.
    if isinstance(storage, MongoDBStorage):
        storage.storage.close()
    else:
        redis: Any = cast(RedisStorage, storage).bridge
        await redis.storage.aclose()

"""Delivers to all endpoints, in only one of the processes that use the same database."""

import asyncio
import contextlib
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

import structlog

from ..customers.event_feed import EventFeed
from ..customers.events import Moment
from ..faults import Unavailable
from ..logs import stack_frames
from .addresses import Resolve, resolve_by_system
from .delivery import Delivery
from .endpoints import Endpoint, Endpoints
from .sending import Sender, tls_context

logger = structlog.get_logger()

# How often each process looks for endpoints, for changes of them, and for the lease.
_LOOK_SECONDS = 5.0
# A process that ends without releasing the lease delays messages for this time at most.
_LEASE_SECONDS = 20.0
# How long a server that stops tries to release the lease.
_RELEASE_SECONDS = 1.0


class Deliveries:
    """The deliveries of this process. It has none while another process has the lease."""

    def __init__(
        self,
        endpoints: Endpoints,
        feed: EventFeed,
        time_of: Callable[[Moment], datetime],
        resolve: Resolve = resolve_by_system,
    ) -> None:
        self._endpoints = endpoints
        self._feed = feed
        self._time_of = time_of
        self._resolve = resolve
        # How many endpoints were paused at the last look.
        self.paused = 0
        self._holder = secrets.token_hex(8)
        # The end of the lease, as a time of `time.monotonic`.
        self._leased_until = 0.0
        # Each endpoint as it was when its delivery began.
        self._running: dict[str, tuple[Endpoint, asyncio.Task[None]]] = {}
        self._tls: ssl.SSLContext | None = None
        self._last_fault = ""

    @contextlib.asynccontextmanager
    async def in_background(self) -> AsyncIterator[None]:
        """Delivers until the context ends, and then lets another process deliver at once."""
        looking = asyncio.create_task(self._look_again_and_again())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait([looking])
            await self._end(list(self._running))
            await self._release_lease()

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001  # the next look may succeed
                self._log(error)
            if time.monotonic() + _LOOK_SECONDS > self._leased_until:
                # Another process may take the lease before the next look.
                await self._end(list(self._running))

    async def _look(self) -> None:
        """Begins and ends deliveries, as the stored endpoints and the lease require."""
        # Before the read: it would miss the last place of a delivery that ends later. The next look
        # finds that one.
        await self._end([id_ for id_, (_, task) in self._running.items() if task.done()])
        endpoints = await self._endpoints.all()
        active = [endpoint for endpoint in endpoints if not endpoint.is_paused]
        self.paused = len(endpoints) - len(active)
        if not active:
            await self._end(list(self._running))
            await self._release_lease()
            return
        now = time.monotonic()
        if not await self._endpoints.take_lease(self._holder, _LEASE_SECONDS):
            self._leased_until = 0.0
            return
        self._leased_until = now + _LEASE_SECONDS
        revisions = {endpoint.id: endpoint.revision for endpoint in active}
        await self._end(
            [
                id_
                for id_, (endpoint, _) in self._running.items()
                if endpoint.revision != revisions.get(id_)
            ]
        )
        for endpoint in active:
            if endpoint.id not in self._running:
                self._begin(endpoint)

    def _begin(self, endpoint: Endpoint) -> None:
        if self._tls is None:
            self._tls = tls_context()
        sender = Sender(endpoint, self._tls, self._resolve)
        delivery = Delivery(endpoint, self._endpoints, self._feed, self._time_of, sender)
        self._running[endpoint.id] = endpoint, asyncio.create_task(delivery.run())

    async def _end(self, ids: Sequence[str]) -> None:
        """Ends deliveries; those that have ended by themselves may have failed."""
        tasks = [self._running.pop(id_)[1] for id_ in ids]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                self._log(error)

    async def _release_lease(self) -> None:
        if not self._leased_until:
            return
        self._leased_until = 0.0
        with contextlib.suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(_RELEASE_SECONDS):
                await self._endpoints.release_lease(self._holder)

    def _log(self, error: BaseException) -> None:
        """Logs an error, but only once if it repeats."""
        fault = stack_frames(error)
        if not isinstance(error, Unavailable) and fault != self._last_fault:
            logger.error("Webhooks cannot be delivered.", exception=fault)
        self._last_fault = fault

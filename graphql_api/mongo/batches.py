"""Batches: items that must wait for the database anyway are sent to it together."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from ..deadline import LEAST_SECONDS
from ..faults import Unavailable
from ..metrics.measurements import Measurements

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from ..tracing.batches import BatchSpans

_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")

_MAX_ITEMS = 100
_MAX_WAITING = 1000

# After this time, a batch in flight no longer blocks the next one.
_BLOCKING_SECONDS = 0.1

# After a batch of several items, the next batch waits this long for as many: clients that were
# answered together send their next requests nearly together, and one batch costs less than two.
_GATHERING_SECONDS = 0.001

# If at least this share of a batch's number waits when it ends, requests arrive all the time. Then
# the next batch is sent before the outcomes are used, so that MongoDB executes it meanwhile. With
# fewer, it waits for the next requests of the clients that are answered now.
_ENOUGH = 0.25

# The driver has five connections for each processor, and other work needs some of them.
_MAX_IN_FLIGHT = 2


class Batches(Generic[_Item, _Outcome]):
    """Sends an item at once if no batch is in flight, and otherwise with others in the next batch.

                 an item arrives              a batch of several ends
        idle ───────────────────────> blocked ───────────────────────> gathering
          ^                            │   ^                              │
          └────────────────────────────┘   └──────────────────────────────┘
        a batch of one ends, or 0.1 s pass      as many items wait, or 1 ms passes

    If a quarter as many items wait when a batch ends, `blocked` ends at once, before the outcomes
    are used. Leaving `blocked` or `gathering`, the items that wait are sent as the next batch,
    which blocks again; if no item waits, the state is `idle`. A batch that blocks no longer may
    still be in flight. While two batches are in flight, no third one is sent.

    `send` takes the items of a batch and the batch's deadline, which is the earliest deadline of
    its items, as a time of `time.monotonic`. It returns one outcome for each item, in their order.
    An error in place of an outcome is raised for that item alone; an error that `send` raises is
    raised for all items of the batch.
    """

    def __init__(
        self,
        send: Callable[[list[_Item], float], Awaitable[Sequence[_Outcome | Exception]]],
        measurements: Measurements | None = None,
        *,
        name: str = "items",
        spans: "BatchSpans | None" = None,
    ) -> None:
        """With `measurements`, batches are counted as those of creations.

        With `spans`, each batch has a span, in which `name` says what is sent.
        """
        self._send = send
        self._measurements = measurements
        self._name = name
        self._spans = spans
        # The items that wait, in the order of their arrival: each with its deadline, its arrival
        # and the span of its request.
        self._waiting: dict[asyncio.Future[_Outcome], tuple[_Item, float, float, Span | None]] = {}
        self._in_flight: set[asyncio.Task[None]] = set()
        # The batch in flight that blocks the next one; set only in the state `blocked`.
        self._blocking: asyncio.Task[None] | None = None
        # Set only in the state `gathering`.
        self._gathering: asyncio.TimerHandle | None = None
        self._last_size = 0

    @property
    def are_in_flight(self) -> bool:
        """Whether a batch was sent that has not ended."""
        return bool(self._in_flight)

    async def outcome(self, item: _Item, deadline: float) -> _Outcome:
        """Sends an item in a batch and returns its outcome.

        Raises the item's or the batch's error, and `Unavailable` if the item was not sent: 1,000
        items wait already, or the time that is left does not suffice.
        """
        now = time.monotonic()
        seconds = deadline - now - LEAST_SECONDS
        if seconds < 0 or len(self._waiting) == _MAX_WAITING:
            raise Unavailable
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[_Outcome] = loop.create_future()
        span = None if self._spans is None else self._spans.current()
        self._waiting[waiter] = item, deadline, now, span
        self._send_next()
        timer = loop.call_later(seconds, self._give_up, waiter)
        try:
            return await waiter
        finally:
            timer.cancel()
            self._waiting.pop(waiter, None)

    def _give_up(self, waiter: asyncio.Future[_Outcome]) -> None:
        """The item has waited too long to be sent."""
        if self._waiting.pop(waiter, None):
            _settle(waiter, Unavailable())

    def _send_next(self) -> None:
        """Sends the items that wait, if the state allows it."""
        if self._gathering is not None:
            if len(self._waiting) < self._last_size:
                return
            self._gathering.cancel()
            self._gathering = None
        if self._waiting and self._blocking is None and len(self._in_flight) < _MAX_IN_FLIGHT:
            self._blocking = asyncio.get_running_loop().create_task(self._send_batch())
            self._in_flight.add(self._blocking)
            # asyncio calls this after it has resumed the tasks that wait for the outcomes, which
            # may have more items to send.
            self._blocking.add_done_callback(self._end)

    def _end(self, batch: asyncio.Task[None]) -> None:
        self._in_flight.remove(batch)
        if batch is self._blocking and self._last_size > 1:
            loop = asyncio.get_running_loop()
            self._gathering = loop.call_later(_GATHERING_SECONDS, self._stop_gathering)
        self._unblock(batch)

    def _stop_gathering(self) -> None:
        self._gathering = None
        self._send_next()

    def _unblock(self, batch: asyncio.Task[None] | None) -> None:
        """The batch has ended, or has taken too long to block the next one."""
        if batch is self._blocking:
            self._blocking = None
        self._send_next()

    async def _send_batch(self) -> None:
        taken = [(waiter, *self._waiting.pop(waiter)) for waiter in self._first_waiting()]
        # A waiter that was cancelled is done.
        batch = [entry for entry in taken if not entry[0].done()]
        if not batch:
            return
        self._last_size = len(batch)
        waiters, items, deadlines, arrivals, spans = zip(*batch, strict=True)
        if self._measurements is not None:
            self._measurements.count_batch(arrivals, time.monotonic())
        timer = asyncio.get_running_loop().call_later(
            _BLOCKING_SECONDS, self._unblock, self._blocking
        )
        outcomes: Sequence[_Outcome | Exception]
        try:
            sending = self._send(list(items), min(deadlines))
            if self._spans is not None:
                sending = self._spans.send(self._name, spans, sending)
            outcomes = await sending
        except Exception as error:  # noqa: BLE001  # `outcome` raises it for each item
            outcomes = [error] * len(batch)
        timer.cancel()
        if len(self._waiting) >= len(batch) * _ENOUGH:
            self._unblock(asyncio.current_task())
        for waiter, outcome in zip(waiters, outcomes, strict=True):
            _settle(waiter, outcome)

    def _first_waiting(self) -> list[asyncio.Future[_Outcome]]:
        return list(islice(self._waiting, _MAX_ITEMS))


def _settle(waiter: asyncio.Future[_Outcome], outcome: _Outcome | Exception) -> None:
    if waiter.done():
        return  # It was cancelled.
    if isinstance(outcome, Exception):
        waiter.set_exception(outcome)
        # A task that is cancelled right now never asks for the exception, and asyncio would log
        # that. Asking here prevents the log.
        waiter.exception()
    else:
        waiter.set_result(outcome)

"""Batches: what has to wait for the database anyway goes to it together."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Generic, TypeVar

from ..faults import Unavailable

_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")

_MOST_IN_A_BATCH = 100
_MOST_WAITING = 1000

# What is sent last has this time left. A healthy database needs a hundredth of a second.
LEAST_SECONDS = 0.3

# So long does one batch hold up the rest; then another one may pass it.
_PATIENCE_SECONDS = 0.1

# Whoever shared a batch may have more to send, and what they send together costs less.
_GATHERING_SECONDS = 0.001

# Motor has five threads for each processor, and other work needs some, too.
_MOST_UNDER_WAY = 2


class Batches(Generic[_Item, _Outcome]):
    """Sends an item at once when nothing is under way, and what comes meanwhile after that.

    After a batch of several it waits for as many again, but no more than a millisecond.

    `send` gets the items of a batch and the moment until which it may take: that of the item with
    the least time. It gives an outcome for each item, in their order; an error among them is that
    item's alone, and one that it raises is everybody's.
    """

    def __init__(
        self, send: Callable[[list[_Item], float], Awaitable[Sequence[_Outcome | Exception]]]
    ) -> None:
        self._send = send
        self._waiting: dict[asyncio.Future[_Outcome], tuple[_Item, float]] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._latest: asyncio.Task[None] | None = None  # while the rest has patience with it
        self._size = 0  # of the batch that was sent last
        self._gathering: asyncio.TimerHandle | None = None

    async def outcome(self, item: _Item, moment: float) -> _Outcome:
        """What becomes of an item until the moment.

        Raises `Unavailable` where it was not sent: there is no room, or not enough time.
        """
        seconds = moment - time.monotonic() - LEAST_SECONDS
        if seconds < 0 or len(self._waiting) == _MOST_WAITING:
            raise Unavailable
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[_Outcome] = loop.create_future()
        self._waiting[waiter] = item, moment
        self._send_more()
        timer = loop.call_later(seconds, self._refuse, waiter)
        try:
            return await waiter
        finally:
            timer.cancel()
            self._waiting.pop(waiter, None)

    def _refuse(self, waiter: asyncio.Future[_Outcome]) -> None:
        if self._waiting.pop(waiter, None):
            _settle(waiter, Unavailable())

    def _send_more(self) -> None:
        if self._gathering is not None:
            if len(self._waiting) < self._size:
                return
            self._gathering.cancel()
            self._gathering = None
        if self._waiting and self._latest is None and len(self._under_way) < _MOST_UNDER_WAY:
            self._latest = asyncio.get_running_loop().create_task(self._send_batch())
            self._under_way.add(self._latest)
            # It is called after those who get their outcomes, who may have more to send.
            self._latest.add_done_callback(self._end)

    def _end(self, batch: asyncio.Task[None]) -> None:
        self._under_way.remove(batch)
        if batch is self._latest and self._size > 1:
            loop = asyncio.get_running_loop()
            self._gathering = loop.call_later(_GATHERING_SECONDS, self._gathered)
        self._let_pass(batch)

    def _gathered(self) -> None:
        self._gathering = None
        self._send_more()

    def _let_pass(self, batch: asyncio.Task[None] | None) -> None:
        if batch is self._latest:
            self._latest = None
        self._send_more()

    async def _send_batch(self) -> None:
        taken = [(waiter, *self._waiting.pop(waiter)) for waiter in self._first_waiting()]
        batch = [entry for entry in taken if not entry[0].done()]
        if not batch:
            return
        self._size = len(batch)
        waiters, items, moments = zip(*batch, strict=True)
        timer = asyncio.get_running_loop().call_later(
            _PATIENCE_SECONDS, self._let_pass, self._latest
        )
        outcomes: Sequence[_Outcome | Exception]
        try:
            outcomes = await self._send(list(items), min(moments))
        except Exception as error:  # noqa: BLE001  # those who wait raise it
            outcomes = [error] * len(batch)
        timer.cancel()
        for waiter, outcome in zip(waiters, outcomes, strict=True):
            _settle(waiter, outcome)

    def _first_waiting(self) -> list[asyncio.Future[_Outcome]]:
        return list(islice(self._waiting, _MOST_IN_A_BATCH))


def _settle(waiter: asyncio.Future[_Outcome], outcome: _Outcome | Exception) -> None:
    if waiter.done():
        return  # It was cancelled.
    if isinstance(outcome, Exception):
        waiter.set_exception(outcome)
        # Who is cancelled now will not ask for it, and asyncio would log that.
        waiter.exception()
    else:
        waiter.set_result(outcome)

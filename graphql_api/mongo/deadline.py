"""Runs commands to MongoDB until a deadline, and no longer."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar

import pymongo
from pymongo.database import Database
from pymongo.errors import PyMongoError

from ..deadline import GRACE_SECONDS, PAUSE_SECONDS, deadline_in
from ..faults import Misconfigured, Unavailable
from .driver import Driver
from .driver_errors import is_transient

_Result = TypeVar("_Result")

# How long one step of an operator's command may usually take, and for how long it is tried again.
_STEP_SECONDS = 30.0
_PATIENCE_SECONDS = 60.0

# Work for which no caller waits. Without a reference, a task may be deleted before it ends.
_abandoned: set[asyncio.Future[Any]] = set()


def ended_by_driver(deadline: float) -> AbstractContextManager[None]:
    """A context in which the driver ends its commands by the deadline."""
    # To the driver, 0 seconds mean no limit.
    return pymongo.timeout(max(deadline - time.monotonic(), 0.001))


async def run_until(
    deadline: float, work: Callable[[], Awaitable[_Result]], grace: float = GRACE_SECONDS
) -> _Result:
    """Returns the result of the work, which the driver must end by the deadline.

    `deadline` is a time of `time.monotonic`, and `grace` is in seconds. Work that the driver has
    not ended at the deadline plus the grace goes on, but its caller gets `TimeoutError`. Work also
    goes on if the caller is cancelled. Raises what the work raises, too.
    """
    with ended_by_driver(deadline):
        working = asyncio.ensure_future(work())
    try:
        await asyncio.wait([working], timeout=deadline + grace - time.monotonic())
        if not working.done():
            raise TimeoutError
        return working.result()
    finally:
        if not working.done():
            # Not cancelled: PyMongo would close the connection of its command, and clients that
            # leave early could have it connect all the time.
            _abandoned.add(working)
            working.add_done_callback(_forget)


def _forget(work: asyncio.Future[Any]) -> None:
    _abandoned.remove(work)
    # asyncio would log an exception that no code reads. An event loop that ends cancels tasks.
    with contextlib.suppress(asyncio.CancelledError):
        work.exception()


async def within_deadline(
    deadline: float, work: Callable[[], Awaitable[_Result]], grace: float = GRACE_SECONDS
) -> _Result:
    """As `run_until`, for work that stores no customer.

    Raises `Unavailable` in place of a transient error, without its cause: messages of the driver
    name hosts, and some contain documents. Raises `pymongo.errors.PyMongoError` if a second try
    would fail as well.
    """
    try:
        return await run_until(deadline, work, grace)
    except (TimeoutError, PyMongoError) as error:
        if is_transient(error):
            raise Unavailable from None
        raise


async def with_retries(
    driver: Driver,
    work: Callable[[Database[dict[str, Any]]], _Result],
    step_seconds: float = _STEP_SECONDS,
) -> _Result:
    """The result of work for which no request waits, in one of the driver's threads.

    The work is repeated for a minute after transient errors, so it must be safe to repeat, also
    while an earlier try still runs. Raises what `within_deadline` and the work raise.
    """
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return await within_deadline(deadline_in(step_seconds), partial(driver.in_thread, work))
        except Misconfigured:
            raise
        except Unavailable:
            if time.monotonic() > give_up:
                raise
        await asyncio.sleep(PAUSE_SECONDS)

"""Bounds on the time that MongoDB may take, and what it means when it is over."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pymongo
from dns.exception import DNSException
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, WriteConcernError

from ..customers.store import Unavailable

_Result = TypeVar("_Result")

# One operation, with all that it sends and every retry of the driver, ends within this time. A
# request has at most one, and is to be answered within 5 seconds.
OPERATION_SECONDS = 4.1

# While it looks for a primary, the driver looks at the time every half second alone.
_GRACE_SECONDS = 0.6

# Of these the driver makes no ConnectionFailure; see the server's error_codes.yml.
_PASSING_CODES = {
    6,  # HostUnreachable
    7,  # HostNotFound
    89,  # NetworkTimeout
    117,  # ConflictingOperationInProgress
    134,  # ReadConcernMajorityNotAvailableYet
    262,  # ExceededTimeLimit
    276,  # IndexBuildAborted
    9001,  # SocketException
    11601,  # Interrupted
    12587,  # BackgroundOperationInProgressForNamespace
}


def seconds_from_now(seconds: float) -> float:
    """A moment, as `until` takes it."""
    return time.monotonic() + seconds


async def until(
    moment: float, work: Callable[[], Awaitable[_Result]], grace: float = _GRACE_SECONDS
) -> _Result:
    """What comes of the work, or an error that is `passing` where there is nothing by then.

    The driver is told the moment; what it has not ended some grace later goes on without us.
    """
    seconds = moment - time.monotonic()
    # To the driver, 0 seconds are no bound at all.
    with pymongo.timeout(max(seconds, 0.001)):
        working = asyncio.ensure_future(work())
    try:
        await asyncio.wait([working], timeout=seconds + grace)
        if not working.done():
            raise TimeoutError
        return working.result()
    finally:
        working.cancel()


async def available_until(
    moment: float, work: Callable[[], Awaitable[_Result]], grace: float = _GRACE_SECONDS
) -> _Result:
    """As `until`, for work that keeps no customer: what is `passing` becomes `Unavailable`.

    The cause is dropped: driver messages name hosts, and some carry documents.
    """
    try:
        return await until(moment, work, grace)
    except (TimeoutError, PyMongoError) as error:
        if passing(error):
            raise Unavailable from None
        raise


def passing(error: TimeoutError | PyMongoError) -> bool:
    """Whether the database is away, slow or changing its primary, so that it may work later."""
    if isinstance(error, TimeoutError | ConnectionFailure | WriteConcernError):
        return True
    # The host of a `mongodb+srv` URI is not found, or not yet.
    if isinstance(error.__cause__, DNSException):
        return True
    return error.timeout or (isinstance(error, OperationFailure) and error.code in _PASSING_CODES)

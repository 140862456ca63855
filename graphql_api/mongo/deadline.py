"""Bounds on the time that MongoDB may take, and what it means when it is over."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pymongo
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, WriteConcernError

from ..customers.store import Unavailable

# One operation, with all that it sends and every retry of the driver, ends within this time. A
# request has at most one, and is to be answered within 5 seconds.
OPERATION_SECONDS = 4.2

# Motor cannot end a command that has no thread yet, or one that is stuck outside of the driver.
_GRACE_SECONDS = 0.3

# Of these the driver makes no ConnectionFailure; see the server's error_codes.yml.
_PASSING_CODES = {
    6,  # HostUnreachable
    7,  # HostNotFound
    89,  # NetworkTimeout
    134,  # ReadConcernMajorityNotAvailableYet
    262,  # ExceededTimeLimit
    276,  # IndexBuildAborted
    9001,  # SocketException
    11601,  # Interrupted
}


def seconds_from_now(seconds: float) -> float:
    """A moment, as `until` takes it."""
    return time.monotonic() + seconds


@asynccontextmanager
async def until(moment: float) -> AsyncIterator[None]:
    """Raises an error that is `passing` where what is within has not ended by then."""
    seconds = moment - time.monotonic()
    async with asyncio.timeout(seconds + _GRACE_SECONDS):
        # To the driver, 0 seconds are no bound at all.
        with pymongo.timeout(max(seconds, 0.001)):
            yield


@asynccontextmanager
async def available_until(moment: float) -> AsyncIterator[None]:
    """As `until`, where nothing is written: what is `passing` becomes `Unavailable`.

    The cause is dropped: driver messages name hosts, and some carry documents.
    """
    try:
        async with until(moment):
            yield
    except (TimeoutError, PyMongoError) as error:
        if passing(error):
            raise Unavailable from None
        raise


def passing(error: TimeoutError | PyMongoError) -> bool:
    """Whether the database is away, slow or changing its primary, so that it may work later."""
    if isinstance(error, TimeoutError | ConnectionFailure | WriteConcernError):
        return True
    return error.timeout or (isinstance(error, OperationFailure) and error.code in _PASSING_CODES)

"""Bounds on the time that MongoDB may take, and what it means when it is over."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pymongo
from dns.exception import DNSException
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, WriteConcernError

from ..deadline import GRACE_SECONDS
from ..faults import Unavailable

_Result = TypeVar("_Result")

# What may pass by itself, or once an operator has helped: it is no fault of what was sent. From the
# server's error_codes.yml: the categories RetriableError, Interruption, ExceededTimeLimitError,
# NotPrimaryError, ShutdownError, NetworkError, SystemOverloadedError and SnapshotError, as far as
# clients can get them, and those of no category that say the same.
PASSING_CODES = {
    6,  # HostUnreachable
    7,  # HostNotFound
    24,  # LockTimeout
    43,  # CursorNotFound
    46,  # LockBusy
    50,  # MaxTimeMSExpired
    89,  # NetworkTimeout
    91,  # ShutdownInProgress
    112,  # WriteConflict
    117,  # ConflictingOperationInProgress
    133,  # FailedToSatisfyReadPreference
    134,  # ReadConcernMajorityNotAvailableYet
    145,  # PooledConnectionsDropped
    146,  # ExceededMemoryLimit
    149,  # NoConfigPrimary
    175,  # QueryPlanKilled
    189,  # PrimarySteppedDown
    202,  # NetworkInterfaceExceededTimeLimit
    215,  # DatabaseDropPending
    216,  # ElectionInProgress
    237,  # CursorKilled
    239,  # SnapshotTooOld
    246,  # SnapshotUnavailable
    250,  # StaleChunkHistory
    262,  # ExceededTimeLimit
    264,  # TooManyFilesOpen
    272,  # MigrationConflict
    276,  # IndexBuildAborted
    279,  # ClientDisconnect
    285,  # IndexBuildAlreadyInProgress
    290,  # TransactionExceededLifetimeLimitSeconds
    314,  # ObjectIsBusy
    355,  # InterruptedDueToStorageChange
    358,  # InternalTransactionNotSupported
    365,  # TemporarilyUnavailable
    371,  # UserWritesBlocked
    402,  # ResourceExhausted
    406,  # MigrationBlockingOperationCoordinatorCleaningUp
    407,  # PooledConnectionAcquisitionExceededTimeLimit
    412,  # UpdatesStillPending
    433,  # AdmissionQueueOverflow
    449,  # RateLimitExceeded
    450,  # PooledConnectionAcquisitionRejected
    453,  # InterruptedDueToReshardingCriticalSection
    462,  # IngressRequestRateLimitExceeded
    8000,  # AtlasError, of which MongoDB itself knows nothing
    9001,  # SocketException
    10058,  # LegacyNotPrimary
    10107,  # NotWritablePrimary
    11600,  # InterruptedAtShutdown
    11601,  # Interrupted
    11602,  # InterruptedDueToReplStateChange
    12586,  # BackgroundOperationInProgressForDatabase
    12587,  # BackgroundOperationInProgressForNamespace
    13435,  # NotPrimaryNoSecondaryOk
    13436,  # NotPrimaryOrSecondary
    14031,  # OutOfDiskSpace
    46841,  # ClientMarkedKilled
    50915,  # BackupCursorOpenConflictWithCheckpoint
    56846,  # ConfigServerUnreachable
    91331,  # RetriableRemoteCommandFailure
    10045600,  # InterruptedDueToFCVChange
}

# Codes that are not known here yet may come with one of these.
_PASSING_LABELS = ("RetryableError", "RetryableWriteError", "SystemOverloadedError")


async def until(
    moment: float, work: Callable[[], Awaitable[_Result]], grace: float = GRACE_SECONDS
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
    moment: float, work: Callable[[], Awaitable[_Result]], grace: float = GRACE_SECONDS
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
    if error.timeout or any(map(error.has_error_label, _PASSING_LABELS)):
        return True
    return isinstance(error, OperationFailure) and error.code in PASSING_CODES

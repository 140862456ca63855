"""What the driver's errors mean: which are transient, and what an operator may read of them."""

import contextlib
from collections.abc import Iterator

from dns.exception import DNSException
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError, WriteConcernError

from ..faults import Misconfigured

# The codes of errors that end by themselves, or after an operator has acted: the command was not at
# fault. From the server's error_codes.yml: the categories RetriableError, Interruption,
# ExceededTimeLimitError, NotPrimaryError, ShutdownError, NetworkError, SystemOverloadedError and
# SnapshotError, as far as clients can receive them, and codes of no category that mean the same.
TRANSIENT_CODES = {
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
    8000,  # AtlasError, which only MongoDB Atlas sends
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

# Servers newer than the list above may send an unknown code with one of these labels.
_TRANSIENT_LABELS = ("RetryableError", "RetryableWriteError", "SystemOverloadedError")


def is_transient(error: TimeoutError | PyMongoError) -> bool:
    """Whether the same command may succeed later.

    True while the database is unreachable or slow, or while it elects another primary.
    """
    if isinstance(error, TimeoutError | ConnectionFailure | WriteConcernError):
        return True
    # DNS does not find the host of a `mongodb+srv` URI, or does not find it yet.
    if isinstance(error.__cause__, DNSException):
        return True
    if error.timeout or any(map(error.has_error_label, _TRANSIENT_LABELS)):
        return True
    return isinstance(error, OperationFailure) and error.code in TRANSIENT_CODES


def error_name(error: PyMongoError) -> str:
    """The name of an error, such as `AuthenticationFailed`.

    The driver's own text names hosts, and may show a customer's values.
    """
    details = (error.details if isinstance(error, OperationFailure) else None) or {}
    return str(details.get("codeName", type(error).__name__))


@contextlib.contextmanager
def driver_errors_explained() -> Iterator[None]:
    """Raises `Misconfigured`, whose message is a sentence, in place of each error of the driver.

    For commands whose transient errors were already turned into `Unavailable`.
    """
    try:
        yield
    except PyMongoError as error:
        raise Misconfigured(f"MongoDB refuses the command: {error_name(error)}.") from None

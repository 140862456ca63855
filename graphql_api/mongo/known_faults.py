"""Faults of MongoDB itself that its operator must correct, found by its version."""

import contextlib
from collections.abc import Sequence
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

# The first patch of each release without CVE-2025-14847. No other release before the last one of
# these was corrected; see SERVER-115508.
_CORRECTED = {(4, 4): 30, (5, 0): 32, (6, 0): 27, (7, 0): 28, (8, 0): 17, (8, 2): 3}
_LAST = max(_CORRECTED)


def known_fault(database: Database[dict[str, Any]]) -> str | None:
    """A sentence about the fault of the MongoDB that answers, and what to do; None without one.

    Needs no rights. Raises `pymongo.errors.PyMongoError` if MongoDB cannot be reached.
    """
    # A service that only resembles MongoDB may refuse a command.
    with contextlib.suppress(OperationFailure):
        build = database.command("buildInfo")
        if not leaks_memory(build["versionArray"]):
            return None
        # The answer has those of the named compressors that this MongoDB uses.
        if "zlib" in database.command("hello", compression=["zlib"]).get("compression", ()):
            return (
                f"MongoDB {build['version']} has the fault CVE-2025-14847: every program that can "
                "connect to it can read parts of its memory without a password. Update MongoDB, or "
                "start it with --networkMessageCompressors snappy,zstd."
            )
    return None


def leaks_memory(version: Sequence[int]) -> bool:
    """Whether this version of MongoDB, such as [6, 0, 5, 0], has CVE-2025-14847."""
    major, minor, patch, *_ = version
    corrected = _CORRECTED.get((major, minor))
    return (major, minor) < _LAST if corrected is None else patch < corrected

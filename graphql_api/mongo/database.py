"""The application's MongoDB database: connecting, setting up, readiness and closing."""

import asyncio
import contextvars
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pymongo
import structlog
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from pymongo.monitoring import CommandListener

from ..deadline import READY_GRACE_SECONDS, READY_SECONDS, REQUEST_SECONDS, deadline_in
from ..faults import Unavailable
from ..logs import stack_frames
from ..metrics.measurements import Measurements
from .connection import connect
from .deadline import within_deadline
from .set_up import SetUp

if TYPE_CHECKING:
    from ..tracing.tracing import Tracing

logger = structlog.get_logger()

# For this time after a write, the database counts as ready without another write.
_PROOF_SECONDS = 1.0

_CLOSE_SECONDS = 1.0


class MongoDatabase:
    """One database and its connections, which all repositories share.

    It connects with the first command. `customers_set_up` sets up the customers' collection, which
    every write of a customer must wait for. `batch_spans` makes the spans of batches, if the server
    sends traces.
    """

    def __init__(
        self,
        uri: str,
        driver: str,
        measurements: Measurements | None = None,
        tracing: "Tracing | None" = None,
        *,
        is_sharded: bool = False,
    ) -> None:
        """`driver` is `motor` or `pymongo`. `is_sharded`: stored in the form for sharding.

        With `measurements`, the commands of requests are measured. Raises
        `pymongo.errors.PyMongoError` or `ValueError` for an invalid URI.
        """
        self.measurements = measurements
        self.batch_spans = None if tracing is None else tracing.batches
        listeners: list[CommandListener] = [] if tracing is None else [tracing.commands]
        self.driver = connect(uri, driver, listeners)
        if measurements is not None:
            self.driver.durations = measurements.commands
            measurements.connections = self.driver.connections
        self.customers_set_up = SetUp(self.driver, is_sharded=is_sharded)
        self._readiness = self.collection("readiness")
        self._written_at = self._tried_at = -_PROOF_SECONDS
        self._trying: asyncio.Task[None] | None = None

    def collection(self, name: str) -> AsyncCollection[dict[str, Any]]:
        """A collection whose writes are acknowledged by a majority, and whose reads see those."""
        return self.driver.database[name]

    async def set_up(self) -> None:
        """Sets up what customers need; continues in the background if that takes long.

        Raises `Misconfigured`, `SettingUp` and `Unavailable`.
        """
        await self.customers_set_up.collection_uuid(deadline_in(REQUEST_SECONDS), REQUEST_SECONDS)

    async def ready(self) -> None:
        """Returns if customers can be created and read now.

        Raises `Misconfigured`, `SettingUp` or `Unavailable` within a second if not.
        """
        deadline = deadline_in(READY_SECONDS)
        await self.customers_set_up.collection_uuid(deadline)
        now = time.monotonic()
        if now < self._written_at + _PROOF_SECONDS:
            return
        if self._trying is None or (self._trying.done() and now >= self._tried_at + _PROOF_SECONDS):
            self._tried_at = now
            self._trying = asyncio.get_running_loop().create_task(
                self._try_to_write(deadline), context=contextvars.Context()
            )
        await asyncio.wait([self._trying], timeout=deadline + READY_GRACE_SECONDS - now)
        if self._written_at < self._tried_at:
            raise Unavailable

    def record_write(self) -> None:
        """Notes that a majority has just acknowledged a write, so that `ready` needs none."""
        self._written_at = time.monotonic()

    async def aclose(self) -> None:
        """Closes all connections within a second or so."""
        self.customers_set_up.close()
        # The driver ends its sessions, and would wait long for a server that is unreachable.
        with pymongo.timeout(_CLOSE_SECONDS):
            await self.driver.aclose()

    async def _try_to_write(self, deadline: float) -> None:
        """Writes as for a customer: only a write proves that the database accepts writes."""
        now = {"$set": {"at": datetime.now(UTC)}}
        write = partial(self._readiness.update_one, {"_id": "write"}, now, upsert=True)
        try:
            await within_deadline(deadline, write, READY_GRACE_SECONDS)
            await self.customers_set_up.require_indexes(deadline)
        except Unavailable:
            return
        except PyMongoError as error:
            logger.error(  # noqa: TRY400  # the error's own text may show values
                "MongoDB refuses the write that checks readiness.", exception=stack_frames(error)
            )
            return
        self.record_write()

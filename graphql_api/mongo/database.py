"""The MongoDB database of an application: connecting, setting up, readiness and closing."""

import asyncio
import contextvars
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pymongo
import structlog
from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import PyMongoError

from ..deadline import REQUEST_SECONDS, within
from ..faults import Unavailable
from ..logs import places
from .connection import connect
from .deadline import available_until
from .set_up import SetUp

logger = structlog.get_logger()

# `/readyz` is to fail within a second.
_READY_SECONDS = 0.8
_READY_GRACE_SECONDS = 0.1

# So long does a write prove that writes are possible, and no sooner is another one tried for it.
_PROOF_SECONDS = 1.0

_GOODBYE_SECONDS = 1.0


class MongoDatabase:
    """One database and its connections; every repository takes it."""

    def __init__(self, uri: str) -> None:
        """Raises as `connect` does."""
        self.motor = connect(uri)
        # Customers are written only after this has set their collection up.
        self.customers_set_up = SetUp(self.motor)
        self._readiness = self.collection("readiness")
        self._written_at = self._tried_at = -_PROOF_SECONDS
        self._trying: asyncio.Task[None] | None = None

    def collection(self, name: str) -> AsyncIOMotorCollection[dict[str, Any]]:
        """A collection that is written and read with a majority."""
        return self.motor[name]

    async def set_up(self) -> None:
        """Makes the collection what it must be; raises `Unavailable`, and `Unusable` among it.

        What takes longer than a request may goes on in the background.
        """
        await self.customers_set_up.identity(within(REQUEST_SECONDS), REQUEST_SECONDS)

    async def ready(self) -> None:
        """Returns when customers can be created and read; raises `Unavailable` within a second."""
        moment = within(_READY_SECONDS)
        await self.customers_set_up.identity(moment)
        now = time.monotonic()
        if now < self._written_at + _PROOF_SECONDS:
            return
        if self._trying is None or (self._trying.done() and now >= self._tried_at + _PROOF_SECONDS):
            self._tried_at = now
            self._trying = asyncio.get_running_loop().create_task(
                self._try_to_write(moment), context=contextvars.Context()
            )
        await asyncio.wait([self._trying], timeout=moment + _READY_GRACE_SECONDS - now)
        if self._written_at < self._tried_at:
            raise Unavailable

    def record_write(self) -> None:
        """A majority has acknowledged a write just now, which proves that the database is ready."""
        self._written_at = time.monotonic()

    def close(self) -> None:
        self.customers_set_up.close()
        # The driver says goodbye to its servers, and would look long for one that is away.
        with pymongo.timeout(_GOODBYE_SECONDS):
            self.motor.client.close()

    async def _try_to_write(self, moment: float) -> None:
        """As a customer is stored: only that proves that one can be."""
        now = {"$set": {"at": datetime.now(UTC)}}
        write = partial(self._readiness.update_one, {"_id": "write"}, now, upsert=True)
        try:
            await available_until(moment, write, _READY_GRACE_SECONDS)
            await self.customers_set_up.require_indexes(moment)
        except Unavailable:
            return
        except PyMongoError as error:
            logger.error("A write to `readiness` failed.", exception=places(error))  # noqa: TRY400  # no texts
            return
        self.record_write()

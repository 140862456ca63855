"""Sets the `customers` collection up in the background, however long its indexes take."""

import asyncio
import contextvars
import time
from functools import partial
from typing import Any

import pymongo
import structlog
from bson import Binary
from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo.database import Database
from pymongo.errors import PyMongoError

from ..deadline import within
from ..faults import SettingUp, Unavailable
from .connection import in_a_thread_of_its_own, in_one_thread
from .customers_collection import NAME, Unusable, ensure_collection, has_indexes
from .deadline import available_until

logger = structlog.get_logger()

# Indexes of very many customers take hours. To give up is to begin anew.
_SET_UP_SECONDS = 24 * 3600.0

# So long does a request wait for it, where it is not known to take longer.
_PATIENCE_SECONDS = 1.0

# Between two tries while the database is away, and at least so long after one that it refused.
_PAUSE_SECONDS = 0.2
_REFUSED_SECONDS = 1.0

# How often it is asked how far the indexes are, and how often the log says so.
_LOOK_SECONDS = 1.0
_LOG_SECONDS = 10.0


class SetUp:
    """The set-up of one database's collection, one at a time, as often as there must be one."""

    def __init__(self, database: AsyncIOMotorDatabase[dict[str, Any]]) -> None:
        self._database = database
        self._identity: Binary | None = None
        self._task: asyncio.Task[None] | None = None
        self._began_at = 0.0
        self._refusal: str | None = None
        self._next_at = 0.0
        # While there may be much to do.
        self._indexing_since: float | None = None
        self._progress: str | None = None

    async def identity(self, moment: float, patience: float = _PATIENCE_SECONDS) -> Binary:
        """That of the collection, once it is set up: until the moment, or until patience is lost.

        Raises `Unusable`, and `Unavailable`, at once where it is known to take longer.
        """
        if self._identity is None:
            task = self._begin()
            seconds = min(moment - time.monotonic(), patience)
            await asyncio.wait([task], timeout=max(0.0, seconds) if self._progress is None else 0.0)
        if self._identity is not None:
            return self._identity
        if self._refusal is not None:
            raise Unusable(self._refusal)
        if self._progress is not None:
            raise SettingUp(self._progress)
        raise Unavailable

    def again(self, identity: Binary) -> None:
        """The collection of this identity is gone, or is not as it must be."""
        if identity is self._identity:
            logger.warning("The collection `customers` or an index is gone; it is set up again.")
            self._identity = None
            self._begin()

    async def require_indexes(self, moment: float) -> None:
        """Returns where the collection has its indexes, so that what it has is there once.

        Raises `Unavailable`, and `pymongo.errors.PyMongoError` as `available_until`.
        """
        identity = await self.identity(moment)
        if not await available_until(moment, partial(in_one_thread, self._database, has_indexes)):
            self.again(identity)
            raise Unavailable

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> asyncio.Task[None]:
        now = time.monotonic()
        if self._task is None or (
            self._task.done() and (self._refusal is None or now >= self._next_at)
        ):
            self._began_at = now
            # Of whoever asked for it first, it has neither the deadline nor the driver's.
            self._task = asyncio.get_running_loop().create_task(
                self._run(), context=contextvars.Context()
            )
        return self._task

    async def _run(self) -> None:
        while True:
            watching = asyncio.create_task(self._watch())
            try:
                self._identity = await in_a_thread_of_its_own(self._database, self._set_up)
            except Unusable as error:
                # Each request finds it so; the log says it once.
                if str(error) != self._refusal:
                    logger.error(str(error))  # noqa: TRY400  # the message says it all
                self._refusal, now = str(error), time.monotonic()
                # What took long is not to be all that the database does.
                self._next_at = now + max(_REFUSED_SECONDS, now - self._began_at)
                return
            except (Unavailable, PyMongoError, IndexError):
                # The database is away or changes its primary, or the collection was dropped.
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                self._refusal = None
                if self._progress is not None:
                    logger.info("The collection `customers` is set up.")
                return
            finally:
                watching.cancel()
                self._indexing_since = self._progress = None

    def _set_up(self, database: Database[dict[str, Any]]) -> Binary:
        with pymongo.timeout(_SET_UP_SECONDS):
            return ensure_collection(database, self._indexes_begin)

    def _indexes_begin(self) -> None:
        self._indexing_since = time.monotonic()

    async def _watch(self) -> None:
        logged_at = -_LOG_SECONDS
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._indexing_since is None:
                continue
            step = await self._step()
            seconds = time.monotonic() - self._indexing_since
            self._progress = f"The indexes of `customers` are built for {seconds:.0f} s now{step}."
            if seconds > logged_at + _LOG_SECONDS:
                logged_at = seconds
                logger.warning(self._progress)

    async def _step(self) -> str:
        """How far MongoDB is, if it tells this user, and if anything is built."""
        pipeline = [
            {"$currentOp": {"allUsers": True}},
            {
                "$match": {
                    "ns": f"{self._database.name}.{NAME}",
                    "command.createIndexes": NAME,
                    "progress.total": {"$gt": 0},
                }
            },
        ]
        work = partial(
            self._database.client["admin"].command, "aggregate", 1, pipeline=pipeline, cursor={}
        )
        try:
            [operation, *_] = (await available_until(within(_LOOK_SECONDS), work))["cursor"][
                "firstBatch"
            ]
        except (Unavailable, PyMongoError, ValueError):
            return ""
        done, total = operation["progress"]["done"], operation["progress"]["total"]
        what = "read" if "scanning" in operation["msg"] else "sorted in"
        return f": {min(done, total) * 100 // total} % of the customers are {what}"

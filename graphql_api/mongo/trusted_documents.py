"""Trusted documents in a MongoDB collection."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from pymongo.database import Database
from pymongo.errors import PyMongoError

from ..access.trusted_documents import IdsTaken, TrustedDocument
from ..deadline import LOOK_UP_SECONDS, PAUSE_SECONDS, REQUEST_SECONDS, deadline_in
from .batches import Batches
from .database import MongoDatabase
from .deadline import within_deadline

_Result = TypeVar("_Result")

_NAME = "documents"
_DUPLICATE_KEY = 11000


class MongoTrustedDocuments:
    """The repository of trusted documents, an `access.trusted_documents.TrustedDocuments`.

    It is the collection `documents`. Every method raises `Unavailable`, and
    `pymongo.errors.PyMongoError` if a second try would fail as well.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._driver = database.driver
        self._collection = database.collection(_NAME)
        # Clients can ask for any number of unknown ids. In batches, they use few threads.
        self._look_ups = Batches(self._look_up, name="find", spans=database.batch_spans)

    async def add(self, texts: Mapping[str, str], at: datetime) -> int:
        """Registers texts by their ids, all or none. Returns how many of them are new.

        Raises `IdsTaken` if an id belongs to another text.
        """
        deadline = deadline_in(REQUEST_SECONDS)
        return await within_deadline(deadline, partial(self._add, texts, at, deadline))

    async def _add(self, texts: Mapping[str, str], at: datetime, deadline: float) -> int:
        work = partial(_add, texts=texts, at=at)
        while True:
            try:
                return await self._driver.in_thread(work)
            except PyMongoError as error:
                # Another command registers documents at the same time. The driver's
                # `with_transaction` would not retry if it is the commit that fails with this label,
                # nor if the insert finds an id that the read in the same transaction did not find.
                if not _is_conflict(error) or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)

    async def get(self, id_: str) -> str | None:
        """The text with this id, or None."""
        return await self._look_ups.outcome(id_, deadline_in(LOOK_UP_SECONDS))

    async def _look_up(self, ids: list[str], deadline: float) -> list[str | None]:
        texts = await within_deadline(deadline, partial(self._texts, ids))
        return [texts.get(id_) for id_ in ids]

    async def texts(self, ids: Collection[str]) -> dict[str, str]:
        """The texts by their ids, without the ids that are unknown."""
        return await _in_time(partial(self._texts, ids))

    async def all(self) -> list[TrustedDocument]:
        """Every trusted document, the oldest first."""
        cursor = self._collection.find(sort=[("registeredAt", 1), ("_id", 1)])
        return [
            TrustedDocument(document["_id"], document["text"], document["registeredAt"])
            for document in await _in_time(partial(cursor.to_list, None))
        ]

    async def remove(self, id_: str) -> bool:
        """Removes a document. Returns whether the id was known."""
        result = await _in_time(partial(self._collection.delete_one, {"_id": id_}))
        return result.deleted_count == 1

    async def _texts(self, ids: Collection[str]) -> dict[str, str]:
        return _by_id(await self._collection.find(*_query(ids)).to_list(None))


def _add(database: Database[dict[str, Any]], *, texts: Mapping[str, str], at: datetime) -> int:
    """Adds the texts in one transaction. Returns how many of them are new."""
    collection = database[_NAME]
    with (
        database.client.start_session() as session,
        # A session does not inherit the options of the database.
        session.start_transaction(
            database.read_concern, database.write_concern, database.read_preference
        ),
    ):
        stored = _by_id(collection.find(*_query(texts), session=session).to_list())
        if taken := [id_ for id_, text in stored.items() if text != texts[id_]]:
            raise IdsTaken(taken)
        new = [
            {"_id": id_, "text": text, "registeredAt": at}
            for id_, text in texts.items()
            if id_ not in stored
        ]
        if new:
            collection.insert_many(new, session=session)
        return len(new)


def _is_conflict(error: PyMongoError) -> bool:
    details = getattr(error, "details", None) or {}
    errors = details.get("writeErrors", [details])
    are_duplicates = all(one.get("code") == _DUPLICATE_KEY for one in errors)
    return are_duplicates or error.has_error_label("TransientTransactionError")


def _query(ids: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    return {"_id": {"$in": list(ids)}}, ["text"]


def _by_id(documents: list[dict[str, Any]]) -> dict[str, str]:
    return {document["_id"]: document["text"] for document in documents}


async def _in_time(work: Callable[[], Awaitable[_Result]]) -> _Result:
    return await within_deadline(deadline_in(REQUEST_SECONDS), work)

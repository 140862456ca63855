"""Trusted documents in a MongoDB collection."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo.errors import PyMongoError

from ..access.trusted_documents import IdsTaken, TrustedDocument
from ..deadline import LOOK_UP_SECONDS, REQUEST_SECONDS, deadline_in
from .batches import Batches
from .database import MongoDatabase
from .deadline import within_deadline

_Result = TypeVar("_Result")


class MongoTrustedDocuments:
    """The repository of trusted documents, an `access.trusted_documents.TrustedDocuments`.

    It is the collection `documents`. Every method raises `Unavailable`, and
    `pymongo.errors.PyMongoError` if a second try would fail as well.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database.motor
        self._collection = database.collection("documents")
        # Clients can ask for any number of unknown ids. In batches, they use few threads.
        self._look_ups = Batches(self._look_up, name="find", spans=database.batch_spans)

    async def add(self, texts: Mapping[str, str], at: datetime) -> int:
        """Registers texts by their ids, all or none. Returns how many of them are new.

        Raises `IdsTaken` if an id belongs to another text.
        """
        return await _in_time(partial(self._add, texts, at))

    async def _add(self, texts: Mapping[str, str], at: datetime) -> int:
        database = self._database
        while True:
            try:
                # A session does not inherit the options of the database.
                async with (
                    await database.client.start_session() as session,
                    session.start_transaction(
                        database.read_concern, database.write_concern, database.read_preference
                    ),
                ):
                    return await self._add_within(session, texts, at)
            except PyMongoError as error:
                # Another command registers documents at the same time. Motor's `with_transaction`
                # would not retry if it is the commit that fails with this label.
                if not error.has_error_label("TransientTransactionError"):
                    raise

    async def _add_within(
        self, session: AsyncIOMotorClientSession, texts: Mapping[str, str], at: datetime
    ) -> int:
        stored = await self._texts(texts, session)
        if taken := [id_ for id_, text in stored.items() if text != texts[id_]]:
            raise IdsTaken(taken)
        new = [
            {"_id": id_, "text": text, "registeredAt": at}
            for id_, text in texts.items()
            if id_ not in stored
        ]
        if new:
            await self._collection.insert_many(new, session=session)
        return len(new)

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

    async def _texts(
        self, ids: Collection[str], session: AsyncIOMotorClientSession | None = None
    ) -> dict[str, str]:
        query: dict[str, Any] = {"_id": {"$in": list(ids)}}
        cursor = self._collection.find(query, ["text"], session=session)
        return {document["_id"]: document["text"] for document in await cursor.to_list(None)}


async def _in_time(work: Callable[[], Awaitable[_Result]]) -> _Result:
    return await within_deadline(deadline_in(REQUEST_SECONDS), work)

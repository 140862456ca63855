"""Trusted documents in a MongoDB collection beside the customers."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo.errors import PyMongoError

from ..access.trusted_documents import IdsTaken, TrustedDocument
from ..deadline import LOOK_UP_SECONDS, REQUEST_SECONDS, within
from .batches import Batches
from .database import MongoDatabase
from .deadline import available_until

_Result = TypeVar("_Result")


class MongoTrustedDocuments:
    """The `documents` collection of the customers' database, by the same connections."""

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database.motor
        self._collection = database.collection("documents")
        # Whoever makes up ids, however many, leaves the database and its threads to the others.
        self._batches = Batches(self._send)

    async def add(self, texts: Mapping[str, str], at: datetime) -> int:
        return await _in_time(partial(self._add, texts, at))

    async def _add(self, texts: Mapping[str, str], at: datetime) -> int:
        database = self._database
        while True:
            try:
                # A session knows nothing of what the database was opened with.
                async with (
                    await database.client.start_session() as session,
                    session.start_transaction(
                        database.read_concern, database.write_concern, database.read_preference
                    ),
                ):
                    return await self._add_within(session, texts, at)
            except PyMongoError as error:
                # Another one registers at the same time. Motor's `with_transaction` would not try
                # again where the commit says so.
                if not error.has_error_label("TransientTransactionError"):
                    raise

    async def _add_within(
        self, session: AsyncIOMotorClientSession, texts: Mapping[str, str], at: datetime
    ) -> int:
        kept = await self._texts(texts, session)
        if taken := [id_ for id_, text in kept.items() if text != texts[id_]]:
            raise IdsTaken(taken)
        new = [
            {"_id": id_, "text": text, "registeredAt": at}
            for id_, text in texts.items()
            if id_ not in kept
        ]
        if new:
            await self._collection.insert_many(new, session=session)
        return len(new)

    async def get(self, id_: str) -> str | None:
        return await self._batches.outcome(id_, within(LOOK_UP_SECONDS))

    async def _send(self, ids: list[str], moment: float) -> list[str | None]:
        texts = await available_until(moment, partial(self._texts, ids))
        return [texts.get(id_) for id_ in ids]

    async def texts(self, ids: Collection[str]) -> dict[str, str]:
        return await _in_time(partial(self._texts, ids))

    async def all(self) -> list[TrustedDocument]:
        cursor = self._collection.find(sort=[("registeredAt", 1), ("_id", 1)])
        return [
            TrustedDocument(document["_id"], document["text"], document["registeredAt"])
            for document in await _in_time(partial(cursor.to_list, None))
        ]

    async def remove(self, id_: str) -> bool:
        result = await _in_time(partial(self._collection.delete_one, {"_id": id_}))
        return result.deleted_count == 1

    async def _texts(
        self, ids: Collection[str], session: AsyncIOMotorClientSession | None = None
    ) -> dict[str, str]:
        query: dict[str, Any] = {"_id": {"$in": list(ids)}}
        cursor = self._collection.find(query, ["text"], session=session)
        return {document["_id"]: document["text"] for document in await cursor.to_list(None)}


async def _in_time(work: Callable[[], Awaitable[_Result]]) -> _Result:
    return await available_until(within(REQUEST_SECONDS), work)

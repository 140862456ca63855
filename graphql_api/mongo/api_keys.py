"""API keys in a MongoDB collection."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from ..access.api_keys import ApiKey
from ..access.principal import known_scopes
from ..deadline import LOOK_UP_SECONDS, REQUEST_SECONDS, deadline_in
from .database import MongoDatabase
from .deadline import within_deadline

_Result = TypeVar("_Result")


class MongoApiKeys:
    """The repository of API keys, an `access.api_keys.ApiKeys`: the collection `api_keys`.

    Every method raises `Unavailable`, and `pymongo.errors.PyMongoError` if a second try would
    fail as well.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._collection = database.collection("api_keys")

    async def add(self, new: ApiKey) -> None:
        """Stores a new API key."""
        await _in_time(partial(self._collection.insert_one, _to_document(new)))

    async def get(self, id_: str) -> ApiKey | None:
        """The API key with this id, even if it is revoked or expired, or None."""
        document = await _in_time(partial(self._collection.find_one, {"_id": id_}), LOOK_UP_SECONDS)
        return None if document is None else _from_document(document)

    async def all(self) -> list[ApiKey]:
        """Every API key, the oldest first."""
        documents = await _in_time(
            partial(self._collection.find(sort=[("createdAt", 1)]).to_list, None)
        )
        return [_from_document(document) for document in documents]

    async def revoke(self, id_: str, at: datetime) -> bool:
        """Revokes an API key, unless it was revoked before. Returns whether the id is known."""
        # The time of the first revocation remains.
        first = {"$set": {"revokedAt": {"$ifNull": ["$revokedAt", at]}}}
        result = await _in_time(partial(self._collection.update_one, {"_id": id_}, [first]))
        return result.matched_count == 1


async def _in_time(
    work: Callable[[], Awaitable[_Result]], seconds: float = REQUEST_SECONDS
) -> _Result:
    return await within_deadline(deadline_in(seconds), work)


def _to_document(key: ApiKey) -> dict[str, Any]:
    return {
        "_id": key.id,
        "name": key.name,
        "digest": key.digest,
        "scopes": sorted(key.scopes),
        "createdAt": key.created_at,
        "expiresAt": key.expires_at,
        "revokedAt": key.revoked_at,
    }


def _from_document(document: Mapping[str, Any]) -> ApiKey:
    return ApiKey(
        id=document["_id"],
        name=document["name"],
        digest=document["digest"],
        scopes=known_scopes(document["scopes"]),
        created_at=document["createdAt"],
        expires_at=document["expiresAt"],
        revoked_at=document["revokedAt"],
    )

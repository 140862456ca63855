"""The endpoints of webhooks in a MongoDB collection, and the lease of the process that delivers."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from pymongo import ReturnDocument

from ..deadline import REQUEST_SECONDS, deadline_in
from ..webhooks.endpoints import Endpoint, Failure
from .database import MongoDatabase
from .deadline import within_deadline

_Result = TypeVar("_Result")

_LEASE = "webhooks"


class MongoEndpoints:
    """The repository of endpoints, a `webhooks.endpoints.Endpoints`: the collection `webhooks`.

    The lease is a document of the collection `leases`. Every method raises `Unavailable`, and
    `pymongo.errors.PyMongoError` if a second try would fail as well.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._collection = database.collection("webhooks")
        self._leases = database.collection("leases")

    async def add(self, new: Endpoint) -> None:
        """Stores a new endpoint."""
        document = {
            "_id": new.id,
            "url": new.url,
            "types": sorted(new.types),
            "allowsPrivate": new.allows_private,
            # As it is: a digest could not sign.
            "secret": new.secret,
            "createdAt": new.created_at,
            "revision": new.revision,
            **_progress(new),
        }
        await _in_time(partial(self._collection.insert_one, document))

    async def get(self, id_: str) -> Endpoint | None:
        """The endpoint with this id, or None."""
        document = await _in_time(partial(self._collection.find_one, {"_id": id_}))
        return None if document is None else _from_document(document)

    async def all(self) -> list[Endpoint]:
        """Every endpoint, the oldest first."""
        documents = await _in_time(
            partial(self._collection.find(sort=[("createdAt", 1)]).to_list, None)
        )
        return [_from_document(document) for document in documents]

    async def save(self, endpoint: Endpoint) -> bool:
        """Stores the progress of an endpoint, unless it has another revision now."""
        query = {"_id": endpoint.id, "revision": endpoint.revision}
        update = {"$set": _progress(endpoint)}
        result = await _in_time(partial(self._collection.update_one, query, update))
        return result.matched_count == 1

    async def resume(self, id_: str, cursor: str | None) -> bool:
        """Forgets the failure of an endpoint, and moves its place. Returns whether it exists."""
        new: dict[str, Any] = {"failure": None}
        if cursor is not None:
            new["cursor"] = cursor
        update = {"$set": new, "$inc": {"revision": 1}}
        result = await _in_time(partial(self._collection.update_one, {"_id": id_}, update))
        return result.matched_count == 1

    async def remove(self, id_: str) -> bool:
        """Removes an endpoint. Returns whether it existed."""
        result = await _in_time(partial(self._collection.delete_one, {"_id": id_}))
        return result.deleted_count == 1

    async def take_lease(self, holder: str, seconds: float) -> bool:
        """Takes or renews the lease, unless another process has it. The clock is MongoDB's."""
        is_free = {
            # A missing time is less than any other.
            "$or": [{"$eq": ["$holder", holder]}, {"$lte": ["$expiresAt", "$$NOW"]}],
        }
        new = {"holder": holder, "expiresAt": {"$add": ["$$NOW", round(seconds * 1000)]}}
        update = [
            {"$set": {name: {"$cond": [is_free, new[name], f"${name}"]} for name in new}},
        ]
        lease = await _in_time(
            partial(
                self._leases.find_one_and_update,
                {"_id": _LEASE},
                update,
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        )
        assert lease is not None  # noqa: S101  # with `upsert`, there is one
        return bool(lease["holder"] == holder)

    async def release_lease(self, holder: str) -> None:
        """Removes the lease, if this process has it."""
        query = {"_id": _LEASE, "holder": holder}
        await _in_time(partial(self._leases.delete_one, query))


async def _in_time(work: Callable[[], Awaitable[_Result]]) -> _Result:
    return await within_deadline(deadline_in(REQUEST_SECONDS), work)


def _progress(endpoint: Endpoint) -> dict[str, Any]:
    failure = endpoint.failure
    return {
        "cursor": endpoint.cursor,
        "deliveredAt": endpoint.delivered_at,
        "failure": None
        if failure is None
        else {
            "attempts": failure.attempts,
            "reason": failure.reason,
            "at": failure.at,
            "nextAttemptAt": failure.next_attempt_at,
        },
    }


def _from_document(document: Mapping[str, Any]) -> Endpoint:
    failure = document["failure"]
    return Endpoint(
        id=document["_id"],
        url=document["url"],
        types=frozenset(document["types"]),
        allows_private=document["allowsPrivate"],
        secret=document["secret"],
        created_at=document["createdAt"],
        cursor=document["cursor"],
        revision=document["revision"],
        delivered_at=document["deliveredAt"],
        failure=None
        if failure is None
        else Failure(
            failure["attempts"], failure["reason"], failure["at"], failure["nextAttemptAt"]
        ),
    )

"""The floor: the same answers from bare ASGI, without GraphQL.

It has the same uvicorn, JSON, rules and database as our server. Requests that arrive while the
database handles a batch become the next batch.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

import orjson
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import BulkWriteError

from graphql_api.customers.cursors import cursor_of
from graphql_api.customers.fields import FIELDS
from graphql_api.customers.judge import NOT_TEXT, Value, judge
from graphql_api.customers.list_customers import DEFAULT_SIZE, listing
from graphql_api.customers.problems import (
    DuplicateInList,
    InvalidFormat,
    Missing,
    Problem,
    Rejected,
    Taken,
    TooLong,
    TooShort,
    WrongType,
)
from graphql_api.mongo.customer_documents import SEARCH, from_document

_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")
_Message = MutableMapping[str, Any]

_DUPLICATE_KEY = 11000
_NAMES = [(field.name, field.public_name) for field in FIELDS]
_EMAIL = next(field for field in FIELDS if field.name == "email")


class Batches(Generic[_Item, _Outcome]):
    """Does the work for many items at once. Items that arrive meanwhile become the next batch."""

    def __init__(self, work: Callable[[list[_Item]], Awaitable[list[_Outcome]]]) -> None:
        self._work = work
        self._waiting: list[tuple[_Item, asyncio.Future[_Outcome]]] = []
        self._working: asyncio.Task[None] | None = None

    async def outcome(self, item: _Item) -> _Outcome:
        future: asyncio.Future[_Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._working is None:
            self._working = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            outcomes = await self._work([item for item, _ in batch])
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                future.set_result(outcome)
        self._working = None


class Floor:
    """An ASGI application that answers the requests of `loads` only."""

    def __init__(self, uri: str) -> None:
        self._client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
            uri,
            tz_aware=True,
            uuidRepresentation="standard",
            w="majority",
            journal=True,
            readConcernLevel="majority",
        )
        self._customers = self._client.get_default_database()["customers"]
        self._inserts = Batches(self._insert)
        self._reads = Batches(self._read)

    def close(self) -> None:
        self._client.close()

    async def __call__(
        self,
        _scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        variables = orjson.loads(body)["variables"]
        if "id" in variables:
            data = {"customer": await self._customer(variables["id"])}
        elif "input" in variables:
            data = {"createCustomer": await self._create_customer(variables["input"])}
        else:
            data = {"customers": await self._page()}
        answer = orjson.dumps({"data": data})
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", b"%d" % len(answer)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _create_customer(self, given: dict[str, Any]) -> dict[str, Any]:
        judged = judge({name: _text(given.get(public_name)) for name, public_name in _NAMES})
        if isinstance(judged, Rejected):
            return _failure(judged)
        now = datetime.now(UTC)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        document = {
            "_id": uuid4(),
            **{
                public_name: value
                for name, public_name in _NAMES
                if (value := getattr(judged, name)) is not None
            },
            "emailCaseFolded": judged.email.casefold(),
            "createdAt": now,
            "updatedAt": now,
        }
        if not await self._inserts.outcome(document):
            return _failure(Rejected((Taken(_EMAIL),)))
        return {
            "__typename": "CreateCustomerSuccess",
            "replayed": False,
            "customer": _shown(document),
        }

    async def _customer(self, id_: str) -> dict[str, Any] | None:
        document = await self._reads.outcome(UUID(id_))
        return document and _shown(document)

    async def _page(self) -> dict[str, Any]:
        """The newest customers, which the index `createdAt` has in this order."""
        found = self._customers.find(
            {}, {SEARCH: False}, sort=[("createdAt", -1), ("_id", -1)], limit=DEFAULT_SIZE + 1
        )
        documents = await found.to_list(None)
        page = documents[:DEFAULT_SIZE]
        return {
            "nodes": [_shown(document) for document in page],
            "pageInfo": {
                "hasNextPage": len(documents) > DEFAULT_SIZE,
                "endCursor": cursor_of(from_document(page[-1]).customer, listing()),
            },
        }

    async def _insert(self, documents: list[dict[str, Any]]) -> list[bool]:
        """Whether each document is stored. False: its email address is taken."""
        try:
            await self._customers.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            rejected = {
                write_error["index"]: write_error["code"]
                for write_error in error.details["writeErrors"]
            }
            if set(rejected.values()) != {_DUPLICATE_KEY}:
                raise
            return [index not in rejected for index in range(len(documents))]
        return [True] * len(documents)

    async def _read(self, ids: list[UUID]) -> list[dict[str, Any] | None]:
        documents = await self._customers.find({"_id": {"$in": ids}}).to_list(None)
        found = {document["_id"]: document for document in documents}
        return [found.get(id_) for id_ in ids]


def create() -> Floor:
    """The application, as uvicorn's option `--factory` needs it."""
    return Floor(os.environ["BENCHMARK_MONGODB_URI"])


def _text(value: object) -> Value:
    if value is None or isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else NOT_TEXT


def _shown(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(document["_id"]),
        **{public_name: document.get(public_name) for _, public_name in _NAMES},
        "createdAt": _instant(document["createdAt"]),
        "updatedAt": _instant(document["updatedAt"]),
    }


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _failure(rejected: Rejected) -> dict[str, Any]:
    return {
        "__typename": "CreateCustomerFailure",
        "errors": [_error(problem) for problem in rejected.problems],
    }


def _error(problem: Problem) -> dict[str, Any]:
    at = {
        "field": problem.field.name.upper(),
        "path": ["input", problem.field.public_name],
        "message": problem.message,
    }
    match problem:
        case Missing():
            return {"__typename": "RequiredFieldError", **at}
        case TooShort(_, low, length):
            return {"__typename": "TooShortError", **at, "minLength": low, "actualLength": length}
        case TooLong(_, high, length):
            return {"__typename": "TooLongError", **at, "maxLength": high, "actualLength": length}
        case InvalidFormat():
            more = {"allowed": problem.allowed, "example": problem.example}
            return {"__typename": "InvalidFormatError", **at, **more}
        case WrongType():
            return {"__typename": "WrongTypeError", **at, "expected": problem.expected}
        # The second one is for lists, which no benchmark creates.
        case Taken() | DuplicateInList():
            return {"__typename": "EmailTakenError", **at}

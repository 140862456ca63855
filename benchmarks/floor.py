"""The floor: the least work that gives the same answers to the loads in Python, on uvicorn.

It reads no GraphQL, and has only the rules that the loads need. It sends commands to MongoDB as the
server does, but without the check of the indexes. This takes a third of the CPU time of PyMongo's
public methods, and nine tenths of that of PyMongo's blocking driver in a thread.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import cache
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

import orjson
from pymongo import AsyncMongoClient

from graphql_api.customers import formats
from graphql_api.customers.cursors import cursor_of
from graphql_api.customers.fields import FIELDS, Field
from graphql_api.customers.list_customers import DEFAULT_SIZE, listing
from graphql_api.customers.problems import InvalidFormat, TooLong, TooShort
from graphql_api.mongo.customer_documents import SEARCH, from_document
from graphql_api.mongo.customers_collection import NAME
from graphql_api.mongo.exchange import Exchange

_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")
_Message = MutableMapping[str, Any]

_NAMES = [field.public_name for field in FIELDS]

# Texts of ASCII that need no normalisation.
_PATTERNS = {
    formats.ALPHABETIC: r"[A-Za-z]+",
    formats.ALPHABETIC_AND_WHITE_SPACE: r"[A-Za-z ]+",
    formats.ALPHANUMERIC: r"[A-Za-z0-9 ]+",
    formats.PRINTABLE: r"[ -~]+",
    formats.EMAIL: r"[a-z0-9.]+@[a-z0-9]+\.[a-z]+",
    formats.NUMERIC: r"[0-9]+",
    formats.NUMERIC_AND_HYPHEN: r"[0-9]+(?:-[0-9]+)*",
}
_RULES = [
    (
        field,
        field.public_name,
        re.compile(_PATTERNS[field.rule.format]).fullmatch,
        field.rule.min_length or 0,
        field.rule.max_length,
    )
    for field in FIELDS
]
_FAILURE = b'{"data":{"createCustomer":{"__typename":"CreateCustomerFailure","errors":[%b]}}}'
_NEWEST_FIRST = listing()


class Batches(Generic[_Item, _Outcome]):
    """Does work for several items together. Items that arrive meanwhile become the next batch."""

    def __init__(self, work: Callable[[list[_Item]], Awaitable[list[_Outcome]]]) -> None:
        self._work = work
        self._waiting: list[tuple[_Item, asyncio.Future[_Outcome]]] = []
        self._working: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    def outcome(self, item: _Item) -> asyncio.Future[_Outcome]:
        future: asyncio.Future[_Outcome] = self._loop.create_future()
        self._waiting.append((item, future))
        if self._working is None:
            # What arrives in the same round of the event loop is in the same batch.
            self._working = self._loop.create_task(self._run())
        return future

    async def _run(self) -> None:
        while batch := self._waiting:
            self._waiting = []
            outcomes = await self._work([item for item, _ in batch])
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                future.set_result(outcome)
        self._working = None


class Floor:
    """An ASGI application that answers the requests of `loads` only.

    An error of MongoDB ends a task: then no request is answered, and the benchmark fails.
    """

    def __init__(self, uri: str) -> None:
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            uri, tz_aware=True, uuidRepresentation="standard"
        )
        database = self._client.get_default_database()
        self._options = database.codec_options
        self._exchange = Exchange(database, lambda _: nullcontext())
        self._inserts = Batches(self._insert)
        self._reads = Batches(self._read)
        self._lists = Batches(self._list)

    async def aclose(self) -> None:
        await self._exchange.aclose()
        await self._client.close()

    async def __call__(
        self,
        _scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        message = await receive()
        body = message["body"]
        while message["more_body"]:
            message = await receive()
            body += message["body"]
        variables = orjson.loads(body)["variables"]
        if "input" in variables:
            answer = await self._create_customer(variables["input"])
        elif "id" in variables:
            document = await self._reads.outcome(UUID(variables["id"]))
            answer = orjson.dumps({"data": {"customer": document and _shown(document)}})
        else:
            answer = orjson.dumps({"data": {"customers": await self._lists.outcome(None)}})
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", b"%d" % len(answer)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _create_customer(self, given: dict[str, str]) -> bytes:
        errors = []
        for field, name, matches, low, high in _RULES:
            text = given[name]
            is_allowed = matches(text) is not None
            if not (is_allowed and low <= len(text) <= high):
                errors.append(_errors(field, len(text), is_allowed=is_allowed))
        if errors:
            return _FAILURE % b",".join(errors)

        now = datetime.now(UTC)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        document = {
            "_id": uuid4(),
            **given,
            "emailCaseFolded": given["email"].lower(),
            "createdAt": now,
            "updatedAt": now,
        }
        await self._inserts.outcome(document)
        success = {
            "__typename": "CreateCustomerSuccess",
            "replayed": False,
            "customer": _shown(document),
        }
        return orjson.dumps({"data": {"createCustomer": success}})

    async def _insert(self, documents: list[dict[str, Any]]) -> list[None]:
        insert = {
            "insert": NAME,
            "documents": documents,
            "ordered": False,
            "writeConcern": {"w": "majority", "j": True},
        }
        [answer] = await self._exchange.send([insert], self._options)
        if answer["n"] != len(documents):
            raise ValueError(answer)
        return [None] * len(documents)

    async def _read(self, ids: list[UUID]) -> list[dict[str, Any] | None]:
        query = {"_id": ids[0] if len(ids) == 1 else {"$in": ids}}
        documents = await self._find({"filter": query, "batchSize": len(ids) + 1})
        found = {document["_id"]: document for document in documents}
        return [found.get(id_) for id_ in ids]

    async def _list(self, requests: list[None]) -> list[dict[str, Any]]:
        """The newest customers, once for each request."""
        return [await self._page() for _ in requests]

    async def _page(self) -> dict[str, Any]:
        size = DEFAULT_SIZE + 1
        newest_first = {"createdAt": -1, "_id": -1}
        documents = await self._find(
            {"projection": {SEARCH: False}, "sort": newest_first, "limit": size, "batchSize": size}
        )
        page = documents[:DEFAULT_SIZE]
        return {
            "nodes": [_shown(document) for document in page],
            "pageInfo": {
                "hasNextPage": len(documents) > DEFAULT_SIZE,
                "endCursor": cursor_of(from_document(page[-1]).customer, _NEWEST_FIRST),
            },
        }

    async def _find(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        command = {"find": NAME, "readConcern": {"level": "majority"}, **options}
        [answer] = await self._exchange.send([command], self._options)
        documents: list[dict[str, Any]] = answer["cursor"]["firstBatch"]
        return documents


def create() -> Floor:
    """The application, as uvicorn's option `--factory` needs it."""
    return Floor(os.environ["BENCHMARK_MONGODB_URI"])


def _shown(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(document["_id"]),
        **{name: document.get(name) for name in _NAMES},
        "createdAt": _instant(document["createdAt"]),
        "updatedAt": _instant(document["updatedAt"]),
    }


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@cache
def _errors(field: Field, length: int, *, is_allowed: bool) -> bytes:
    """The errors of a text of this length, as JSON with commas between them."""
    rule = field.rule
    low, high = rule.min_length or 0, rule.max_length
    errors: list[tuple[str, TooShort | TooLong | InvalidFormat, dict[str, Any]]] = []
    if length < low:
        limits = {"minLength": low, "actualLength": length}
        errors.append(("TooShortError", TooShort(field, low, length), limits))
    if length > high:
        limits = {"maxLength": high, "actualLength": length}
        errors.append(("TooLongError", TooLong(field, high, length), limits))
    if not is_allowed:
        more = {"allowed": rule.format.allowed, "example": rule.example}
        errors.append(("InvalidFormatError", InvalidFormat(field), more))
    path = ["input", field.public_name]
    return b",".join(
        orjson.dumps(
            {
                "__typename": typename,
                "field": field.name.upper(),
                "path": path,
                "message": problem.message,
                **more,
            }
        )
        for typename, problem, more in errors
    )

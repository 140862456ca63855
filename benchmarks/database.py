"""A new database for each server, with customers in it before the measurement."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import count, islice
from typing import Any
from uuid import UUID, uuid4

from pymongo import MongoClient

from graphql_api.customers.fields import FIELDS, Customer
from graphql_api.customers.judge import judge
from graphql_api.customers.problems import Rejected
from graphql_api.customers.store import StoredCustomer
from graphql_api.mongo.customer_documents import from_document, indexes, to_document
from graphql_api.mongo.database import MongoDatabase
from graphql_api.settings import Settings

from .loads import VALID
from .processes import cpu_seconds

_BATCH = 10_000
_numbers = count(1)


class Database:
    """The collection `customers` of one database, set up as our own server does."""

    def __init__(self, mongodb_uri: str, documents: Iterable[dict[str, Any]] = ()) -> None:
        """A new database. `mongodb_uri` is of an embedded MongoDB and names no database.

        It has these documents of customers, whose indexes are built afterwards: that is faster.
        """
        self.uri = mongodb_uri.replace("/?", f"/benchmark-{next(_numbers)}?")
        self._client: MongoClient[dict[str, Any]] = MongoClient(
            self.uri, tz_aware=True, uuidRepresentation="standard"
        )
        self._customers = self._client.get_default_database()["customers"]
        self._mongod = self._client.admin.command("serverStatus")["pid"]
        self._insert(documents)
        self._customers.create_indexes(indexes(is_sharded=False))
        asyncio.run(_ensure(self.uri))

    def close(self) -> None:
        """Drops the database. mongod keeps its files for some minutes."""
        with self._client:
            self._client.drop_database(self._client.get_default_database())

    def __len__(self) -> int:
        return self._customers.estimated_document_count()

    def mongod_cpu_seconds(self) -> float:
        """The CPU time so far, user and system, of mongod, for all databases."""
        return cpu_seconds(self._mongod)

    def checkpoint(self) -> None:
        """Lets mongod write the changed pages of all databases, as it does each minute."""
        self._client.admin.command("fsync")

    def fill(self, size: int) -> None:
        """Adds valid customers until there are `size` of them."""
        self._insert(islice(_customers(), max(0, size - len(self))))

    def customer(self, number: int) -> Customer:
        """The customer before which this number of customers is in the list, the newest first."""
        newest_first = self._customers.find(sort=[("createdAt", -1), ("_id", -1)])
        return from_document(newest_first.skip(number).next()).customer

    def ids(self, most: int) -> list[UUID]:
        """The ids of at most `most` customers, chosen at random."""
        chosen = self._customers.aggregate(
            [{"$sample": {"size": most}}, {"$project": {"_id": True}}]
        )
        return [document["_id"] for document in chosen]

    def _insert(self, documents: Iterable[dict[str, Any]]) -> None:
        remaining = iter(documents)
        while batch := list(islice(remaining, _BATCH)):
            self._customers.insert_many(batch, ordered=False)


async def _ensure(uri: str) -> None:
    async with contextlib.aclosing(MongoDatabase(uri, Settings().mongodb_driver)) as database:
        await database.set_up()


def _customers() -> Iterator[dict[str, Any]]:
    """Documents of customers, each with its own email address."""
    judged = judge({field.name: VALID[field.public_name] for field in FIELDS})
    if isinstance(judged, Rejected):
        raise TypeError("The examples of the fields are valid.")
    now = datetime.now(UTC)
    while True:
        id_ = uuid4()
        values = {**vars(judged), "email": f"{id_.hex}@a.com"}
        customer = Customer(**values, id=id_, version=1, created_at=now, updated_at=now)
        yield to_document(StoredCustomer(customer, None))

"""A new database for each server, with customers in it before the measurement."""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count, islice
from typing import Any
from uuid import UUID, uuid4

from pymongo import MongoClient

from graphql_api.customers.fields import FIELDS, Customer
from graphql_api.customers.judge import judge
from graphql_api.customers.problems import Rejected
from graphql_api.customers.store import StoredCustomer
from graphql_api.mongo.customer_documents import to_document
from graphql_api.mongo.database import MongoDatabase

from .loads import VALID

_BATCH = 10_000
_numbers = count(1)


class Database:
    """The collection `customers` of one database, set up as our own server does."""

    def __init__(self, mongodb_uri: str) -> None:
        """A new database. `mongodb_uri` is of an embedded MongoDB and names no database."""
        self.uri = mongodb_uri.replace("/?", f"/benchmark-{next(_numbers)}?")
        client: MongoClient[dict[str, Any]] = MongoClient(self.uri, uuidRepresentation="standard")
        self._customers = client.get_default_database()["customers"]
        asyncio.run(_ensure(self.uri))

    def __len__(self) -> int:
        return self._customers.estimated_document_count()

    def fill(self, size: int) -> None:
        """Adds valid customers until there are `size` of them."""
        customers = _customers()
        while missing := max(0, size - len(self)):
            self._customers.insert_many(list(islice(customers, min(missing, _BATCH))))

    def ids(self, most: int) -> list[UUID]:
        """The ids of at most `most` customers, chosen at random."""
        chosen = self._customers.aggregate(
            [{"$sample": {"size": most}}, {"$project": {"_id": True}}]
        )
        return [document["_id"] for document in chosen]


async def _ensure(uri: str) -> None:
    with contextlib.closing(MongoDatabase(uri)) as database:
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
        customer = Customer(**values, id=id_, created_at=now, updated_at=now, version=1)
        yield to_document(StoredCustomer(customer, None))

"""Customers in MongoDB, without HTTP and without the rules."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pymongo.collection import Collection

from graphql_api.customers.fields import Customer
from graphql_api.customers.store import Attempt, StoredCustomer
from graphql_api.mongo.customer_documents import EMAIL_KEY, IDEMPOTENCY_KEY, INDEXES, validator
from graphql_api.mongo.customers import MongoCustomers
from graphql_api.mongo.database import MongoDatabase


@contextlib.asynccontextmanager
async def open_customers(database_uri: str) -> AsyncIterator[MongoCustomers]:
    """The customers of a database that is set up."""
    with contextlib.closing(MongoDatabase(database_uri)) as database:
        await database.set_up()
        yield MongoCustomers(database)


def new_customer(email: str, key: str | None = None, **fields: Any) -> StoredCustomer:
    """A new customer that was not checked against the rules."""
    now = datetime.now(UTC).replace(microsecond=0)
    customer = Customer(
        email=email, id=uuid4(), version=1, created_at=now, updated_at=now, **fields
    )
    return StoredCustomer(customer, None if key is None else Attempt(key, "fingerprint"))


async def add_all(
    customers: MongoCustomers, new_customers: list[StoredCustomer]
) -> list[StoredCustomer | BaseException]:
    """The results and errors of adding all at once."""
    return await asyncio.gather(*map(customers.add, new_customers), return_exceptions=True)


def assert_ensured(documents: Collection[dict[str, Any]]) -> None:
    """The collection has its indexes and its validator."""
    indexes = documents.index_information()
    assert indexes[EMAIL_KEY]["unique"]
    assert indexes[IDEMPOTENCY_KEY]["unique"]
    assert indexes[IDEMPOTENCY_KEY]["partialFilterExpression"] == {
        "idempotency.key": {"$type": "string"}
    }
    assert {index.document["name"] for index in INDEXES} < set(indexes)
    assert documents.options()["validator"] == validator()

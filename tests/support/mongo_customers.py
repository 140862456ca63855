"""Customers in MongoDB, without HTTP and without the rules."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

from pymongo.collection import Collection

from graphql_api.customers.fields import Customer
from graphql_api.customers.store import Attempt, StoredCustomer
from graphql_api.deadline import start_deadline
from graphql_api.mongo.customer_documents import EMAIL_KEY, IDEMPOTENCY_KEY, indexes, validator
from graphql_api.mongo.customers import MongoCustomers

from .databases import database_at

_Result = TypeVar("_Result")


@contextlib.asynccontextmanager
async def open_customers(database_uri: str) -> AsyncIterator[MongoCustomers]:
    """The customers of a database that is set up."""
    async with database_at(database_uri) as database:
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
    found = documents.index_information()
    assert found[EMAIL_KEY]["unique"]
    assert found[IDEMPOTENCY_KEY]["unique"]
    assert found[IDEMPOTENCY_KEY]["partialFilterExpression"] == {
        "idempotency.key": {"$type": "string"}
    }
    assert {index.document["name"] for index in indexes(is_sharded=False)} < set(found)
    assert documents.options()["validator"] == validator()


def several(count: int, *, keys: bool = False) -> list[StoredCustomer]:
    emails = [f"c{number}@example.com" for number in range(count)]
    return [new_customer(email, email if keys else None) for email in emails]


def ids(documents: Collection[dict[str, Any]]) -> set[UUID]:
    return set(documents.distinct("_id"))


async def request(work: Coroutine[Any, Any, _Result]) -> _Result:
    """The result of a request, which has a deadline of its own."""

    async def with_deadline() -> _Result:
        start_deadline()
        return await work

    return await asyncio.create_task(with_deadline())

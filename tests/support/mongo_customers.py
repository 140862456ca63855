"""Customers in MongoDB, past HTTP and past the rules."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pymongo.collection import Collection

from graphql_api.customers.fields import Customer
from graphql_api.customers.store import Attempt, Kept
from graphql_api.mongo.customer_documents import EMAIL_KEY, IDEMPOTENCY_KEY, validator
from graphql_api.mongo.customers import MongoCustomers


def new(email: str, key: str | None = None, **fields: Any) -> Kept:
    """A customer to store, which no rule has checked."""
    now = datetime.now(UTC).replace(microsecond=0)
    customer = Customer(email=email, id=uuid4(), created_at=now, updated_at=now, **fields)
    return Kept(customer, None if key is None else Attempt(key, "fingerprint"))


async def added(customers: MongoCustomers, kept: list[Kept]) -> list[Kept | BaseException]:
    """The outcome of each customer, where all are added at the same time."""
    return await asyncio.gather(*map(customers.add, kept), return_exceptions=True)


def assert_ensured(documents: Collection[dict[str, Any]]) -> None:
    """The collection has its indexes and its validator."""
    indexes = documents.index_information()
    assert indexes[EMAIL_KEY]["unique"]
    assert indexes[IDEMPOTENCY_KEY]["unique"]
    assert indexes[IDEMPOTENCY_KEY]["partialFilterExpression"] == {
        "idempotency.key": {"$type": "string"}
    }
    assert documents.options()["validator"] == validator()

"""A server notices that its collection was dropped before it acknowledges another customer."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pymongo.collection import Collection
from structlog.testing import capture_logs

from ..support.clients import (
    ask_to_create,
    code,
    create_customer,
    until_not_ready,
    until_ready,
    update_customer,
)
from ..support.mongo_customers import assert_ensured

Documents = Collection[dict[str, Any]]

EMAIL = "emailCaseFolded"
KEY = "idempotency.key"


def drop_and_create(documents: Documents) -> None:
    documents.drop()
    documents.insert_one({})


def drop_both(documents: Documents) -> None:
    documents.drop_index(EMAIL)
    documents.drop_index(KEY)


def replace_by_one_that_is_not_unique(documents: Documents) -> None:
    documents.drop_index(EMAIL)
    documents.create_index(EMAIL, name=EMAIL)


DROPS: dict[str, Callable[[Documents], object]] = {
    "database": lambda documents: documents.database.client.drop_database(documents.database.name),
    "collection": Documents.drop,
    "collection, and created": drop_and_create,
    "collection, by another name": lambda documents: documents.rename("renamed"),
    "all indexes": Documents.drop_indexes,
    "both indexes": drop_both,
    "index of addresses": lambda documents: documents.drop_index(EMAIL),
    "index of keys": lambda documents: documents.drop_index(KEY),
}


@pytest.mark.parametrize("drop", DROPS.values(), ids=DROPS.keys())
async def test_a_creation_sets_up_what_was_dropped(
    drop: Callable[[Documents], object], client: httpx.AsyncClient, documents: Documents
) -> None:
    await create_customer(client, email="first@example.com")
    drop(documents)

    with capture_logs() as logged:
        created = await create_customer(client)
        assert_ensured(documents)
        refused = await asyncio.gather(*(create_customer(client) for _ in range(3)))

    assert created["__typename"] == "CreateCustomerSuccess"
    assert [one["errors"][0]["__typename"] for one in refused] == ["EmailTakenError"] * 3
    assert documents.count_documents({"email": "john.smith@example.com"}) == 1
    assert str(logged).count("is setting it up again") == 1
    await until_ready(client)


@pytest.mark.parametrize("name", ["all indexes", "both indexes", "index of addresses"])
async def test_a_change_of_an_email_sets_up_the_indexes_that_were_dropped(
    name: str, client: httpx.AsyncClient, documents: Documents
) -> None:
    created = await create_customer(client, email="first@example.com")
    DROPS[name](documents)

    with capture_logs() as logged:
        updated = await update_customer(
            client, created["customer"]["id"], email="john.smith@example.com"
        )
        assert_ensured(documents)

    assert (updated["__typename"], updated["changed"]) == ("UpdateCustomerSuccess", True)
    assert str(logged).count("is setting it up again") == 1


@pytest.mark.parametrize("drop", [Documents.drop, drop_and_create])
async def test_a_customer_of_a_dropped_collection_is_not_found(
    drop: Callable[[Documents], object], client: httpx.AsyncClient, documents: Documents
) -> None:
    created = await create_customer(client)
    drop(documents)

    updated = await update_customer(client, created["customer"]["id"], name="John Smith")

    assert updated["__typename"] == "CustomerNotFound"


@pytest.mark.parametrize("drop", DROPS.values(), ids=DROPS.keys())
async def test_a_health_check_sets_up_what_was_dropped(
    drop: Callable[[Documents], object], client: httpx.AsyncClient, documents: Documents
) -> None:
    await until_ready(client)
    drop(documents)

    await until_not_ready(client)

    await until_ready(client)
    assert_ensured(documents)


@pytest.mark.parametrize("drop", [drop_both, replace_by_one_that_is_not_unique])
async def test_without_an_index_no_second_customer_with_an_address_is_acknowledged(
    drop: Callable[[Documents], object], client: httpx.AsyncClient, documents: Documents
) -> None:
    await create_customer(client)
    drop(documents)

    answers = await asyncio.gather(
        *(ask_to_create(client, "john.smith@example.com") for _ in "123")
    )

    assert {code(answer) for answer in answers} <= {"OUTCOME_UNKNOWN", "UNAVAILABLE"}
    await until_not_ready(client)

"""Imports store each customer once, and know which, while MongoDB fails."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect, WriteError

from graphql_api.customers.import_customers import Accepted, import_customers
from graphql_api.customers.store import StoredCustomer
from graphql_api.faults import Unavailable
from graphql_api.mongo import imports as mongo_imports
from graphql_api.mongo.find import find
from graphql_api.mongo.imports import MongoImports

from ..support.databases import database_at
from ..support.faults import AFTER_THE_WRITE, BEFORE_THE_WRITE, faults
from ..support.mongo_customers import assert_ensured, ids, new_customer, several
from ..support.replica_sets import Member, ReplicaSet
from ..support.servers import until

Documents = Collection[dict[str, Any]]


@pytest.fixture
def database_uri(failing_set: ReplicaSet) -> str:
    return failing_set.database_uri()


@pytest.fixture
async def imports(database_uri: str) -> AsyncIterator[MongoImports]:
    """The imports of a database that is set up."""
    async with database_at(database_uri) as database:
        await database.set_up()
        yield MongoImports(database)


def own_ids(customers: list[StoredCustomer]) -> set[Any]:
    return {one.customer.id for one in customers}


@faults(BEFORE_THE_WRITE, "connection closed", "not writable primary", "blocked")
async def test_an_insert_is_repeated_after_a_fault_before_the_write(
    fault: dict[str, Any], imports: MongoImports, member: Member, documents: Documents
) -> None:
    new = several(5, keys=True)

    with member.failing("insert", mode={"times": 1}, **fault):
        existing = await imports.add_new(new)

    assert existing == [None] * 5
    assert ids(documents) == own_ids(new)


@faults(AFTER_THE_WRITE)
async def test_customers_are_found_after_a_fault_after_the_write(
    fault: dict[str, Any], imports: MongoImports, member: Member, documents: Documents
) -> None:
    new = several(5, keys=True)

    with member.failing("insert", mode={"times": 1}, writeConcernError=fault):
        existing = await imports.add_new(new)

    assert existing == [None] * 5
    assert ids(documents) == own_ids(new)


async def test_what_was_stored_before_is_returned_in_both_ways_of_finding_it(
    imports: MongoImports,
) -> None:
    first, second = several(3, keys=True), several(3, keys=True)
    await imports.add_new(first)

    inserted = await imports.add_new(second)
    found = await imports.add_new(second)
    mixed = await imports.add_new([*second, new_customer("new@example.com", "new")])

    assert inserted == found == first
    assert mixed == [*first, None]
    assert await imports.find_existing([*second, new_customer("x@example.com")]) == [*first, None]


async def test_a_collection_that_was_dropped_is_set_up_again(
    imports: MongoImports, documents: Documents
) -> None:
    await imports.add_new(several(1))
    documents.drop()
    new = several(5)

    assert await imports.add_new(new) == [None] * 5
    assert ids(documents) == own_ids(new)
    assert_ensured(documents)


async def test_an_import_gives_up_after_a_while(
    imports: MongoImports, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo_imports, "_PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(mongo_imports, "_STEP_SECONDS", 1)
    fault = BEFORE_THE_WRITE["host unreachable"]

    with member.failing("insert", "find", **fault):
        with pytest.raises(Unavailable):
            await imports.add_new(several(5))
        with pytest.raises(Unavailable):
            await imports.find_existing(several(5))


async def test_a_read_that_fails_is_repeated(
    imports: MongoImports, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0

    async def fails_at_first(*arguments: Any) -> list[list[dict[str, Any]]]:
        nonlocal reads
        reads += 1
        # The driver itself repeats a read for as long as it may.
        if reads % 2:
            raise Unavailable
        return await find(*arguments)

    monkeypatch.setattr(mongo_imports, "find", fails_at_first)
    new = several(5)
    await imports.add_new(new)

    assert await imports.find_existing(several(5)) == new
    assert await imports.add_new(several(5)) == new
    assert reads == 4


async def test_a_customer_that_mongodb_refuses_ends_the_import(imports: MongoImports) -> None:
    with pytest.raises(WriteError):
        await imports.add_new([*several(2), new_customer("x@example.com", name="J0")])


async def test_an_import_survives_that_the_primary_steps_down(
    imports: MongoImports, member: Member, documents: Documents
) -> None:
    rows = [{"email": f"c{number}@example.com"} for number in range(3000)]

    async def batches() -> AsyncIterator[list[dict[str, str]]]:
        for start in range(0, len(rows), 200):
            if start in (600, 1800):
                until(lambda: member.says("isWritablePrimary"), "there is a primary")
                with contextlib.suppress(AutoReconnect):
                    member.client.admin.command("replSetStepDown", 1, force=True)
            yield rows[start : start + 200]

    outcomes = [one async for batch in import_customers(imports, batches()) for one in batch]

    assert outcomes == [Accepted.CREATED] * 3000
    assert sorted(document["email"] for document in documents.find()) == sorted(
        row["email"] for row in rows
    )

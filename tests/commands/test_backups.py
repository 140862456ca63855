"""A copy of the data directory is a backup, as docs/backups.md describes it."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from graphql_api.customers.events import HistoryLost, Moment
from graphql_api.mongo.change_stream import MongoHistory
from graphql_api.mongo.customers import MongoCustomers
from graphql_api.mongo.mongod import embedded_mongod, find_mongod

from ..conftest import Command
from ..support.databases import database_at
from ..support.mongo_customers import new_customer


def test_a_copy_of_a_locked_data_directory_has_the_customers_of_that_moment(
    graphql_api: Command, data_dir: Path
) -> None:
    copy = data_dir.with_name("copy")

    with (
        embedded_mongod(find_mongod(None), data_dir) as uri,
        MongoClient[dict[str, Any]](uri) as mongo,
    ):
        asyncio.run(added(uri, "a@example.com", "b@example.com"))
        mongo.admin.command("fsync", lock=True)
        # As an operator does it: Python cannot copy a directory with a socket.
        subprocess.run(["cp", "--archive", data_dir, copy], check=True)  # noqa: S603,S607  # our own paths
        mongo.admin.command("fsyncUnlock")
        _, exported, _ = graphql_api("export", GRAPHQL_API_MONGODB_URI=uri)
        [missing] = asyncio.run(added(uri, "c@example.com"))

    with embedded_mongod(find_mongod(None), copy) as uri:
        checked = graphql_api("database", "check", GRAPHQL_API_MONGODB_URI=uri)
        restored = graphql_api("export", GRAPHQL_API_MONGODB_URI=uri)
        # The copy has another history after its first change.
        asyncio.run(added(uri, "d@example.com"))
        with pytest.raises(HistoryLost):
            asyncio.run(events_after(uri, missing))

    assert checked[0] == 0
    assert checked[1].startswith("Customers: 2; ")
    assert restored[:2] == (0, exported)
    assert exported.count("@example.com") == 2


async def added(uri: str, *emails: str) -> list[Moment]:
    """Adds customers. Returns the moments of their creations."""
    async with database_at(uri) as database:
        await database.set_up()
        began = await MongoHistory(database).moment_at(None)
        customers = MongoCustomers(database)
        for email in emails:
            await customers.add(new_customer(email))
        return [event.moment for event in (await MongoHistory(database).since(began)).events]


async def events_after(uri: str, moment: Moment) -> None:
    async with database_at(uri) as database:
        await MongoHistory(database).since(moment)

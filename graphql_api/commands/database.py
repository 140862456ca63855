"""What an operator's commands share: the database of the settings, and tables."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from ..app import open_database
from ..mongo.customers_collection import refusals_in_a_sentence
from ..mongo.database import MongoDatabase
from ..mongo.mongod import running_or_embedded_mongod
from ..settings import Settings


def on_database(settings: Settings, work: Callable[[MongoDatabase], Awaitable[int]]) -> int:
    """Does the work where a server with these settings keeps its customers, also while it runs.

    Gives the exit code. Raises `SettingsError`, `MongodError` and `Unavailable`, `Unusable` among
    it.
    """

    async def run(uri: str) -> int:
        with contextlib.closing(open_database(uri)) as database, refusals_in_a_sentence():
            return await work(database)

    with contextlib.ExitStack() as stack:
        uri = settings.mongodb_uri or stack.enter_context(
            running_or_embedded_mongod(settings.mongod, settings.data_dir)
        )
        return asyncio.run(run(uri))


def print_table(*rows: tuple[str, ...]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())

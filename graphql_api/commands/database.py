"""What an operator's commands share: the database of the settings, and tables."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from ..app import open_database
from ..mongo.database import MongoDatabase
from ..mongo.driver_errors import driver_errors_explained
from ..mongo.mongod import running_or_embedded_mongod
from ..settings import Settings


def on_database(settings: Settings, work: Callable[[MongoDatabase], Awaitable[int]]) -> int:
    """Does the work in the database of a server with these settings, even while the server runs.

    Returns the exit code of the work. Raises `SettingsError`, `MongodError`, `Misconfigured` and
    `Unavailable`.
    """

    async def run(uri: str) -> int:
        with contextlib.closing(open_database(uri)) as database, driver_errors_explained():
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

"""Opens the database of the settings for one command, and sets it up."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from ..app import open_database
from ..faults import SettingUp
from ..logs import log_to_standard_error
from ..mongo.database import MongoDatabase
from ..mongo.driver_errors import driver_errors_explained
from ..mongo.mongod import running_or_embedded_mongod
from ..settings import Settings

_PAUSE_SECONDS = 0.5


def with_database(
    settings: Settings,
    work: Callable[[MongoDatabase], Awaitable[int]],
    *,
    creates: bool = False,
) -> int:
    """Runs `work` on the database that a server with these settings uses.

    Returns the exit code that `work` returns, also if Ctrl-C is pressed after `work` was complete,
    while the database is being closed. Starts the embedded MongoDB, unless the settings
    name another one or a server is running it. Only with `creates`, its data directory may be new:
    other commands would find nothing in the new database of a wrong directory.
    Raises `SettingsError`, `MongodError`, and `Unavailable` with its subclass `Misconfigured`.
    """

    codes: list[int] = []

    async def run(uri: str) -> None:
        async with contextlib.aclosing(open_database(uri, settings)) as database:
            with driver_errors_explained():
                codes.append(await work(database))

    log_to_standard_error()
    try:
        with contextlib.ExitStack() as stack:
            uri = settings.mongodb_uri or stack.enter_context(
                running_or_embedded_mongod(settings.mongod, settings.data_dir, creates=creates)
            )
            asyncio.run(run(uri))
    except KeyboardInterrupt:
        if not codes:
            raise
    return codes[0]


async def set_up(database: MongoDatabase) -> None:
    """Sets up the collection, however long its indexes take. Raises `Unavailable`."""
    while True:
        try:
            return await database.set_up()
        except SettingUp:
            # The log shows how far the indexes are.
            await asyncio.sleep(_PAUSE_SECONDS)

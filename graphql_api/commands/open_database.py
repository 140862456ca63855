"""Opens the database of the settings for one command."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from ..app import open_customers
from ..mongo.collection import refusals_in_a_sentence
from ..mongo.customers import MongoCustomers
from ..mongo.mongod import running_or_embedded_mongod
from ..settings import Settings


def with_database(settings: Settings, work: Callable[[MongoCustomers], Awaitable[int]]) -> int:
    """Runs `work` on the database that a server with these settings uses.

    Returns the exit code that `work` returns. Starts the embedded MongoDB, unless the settings
    name another one or a server is running it.
    Raises `SettingsError`, `MongodError` and `Unavailable` with its subclass `Unusable`.
    """

    async def run(uri: str) -> int:
        with contextlib.closing(open_customers(uri)) as customers, refusals_in_a_sentence():
            return await work(customers)

    with contextlib.ExitStack() as stack:
        uri = settings.mongodb_uri or stack.enter_context(
            running_or_embedded_mongod(settings.mongod, settings.data_dir)
        )
        return asyncio.run(run(uri))

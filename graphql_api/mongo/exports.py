"""All customers of a list as they were at one moment, for an export."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from ..customers.fields import Customer
from ..customers.listings import Listing, Position, position_of
from ..deadline import deadline_in
from ..faults import Misconfigured, Unavailable
from .customers_collection import NAME
from .database import MongoDatabase
from .deadline import with_retries, within_deadline
from .driver import blocking
from .pages import read_on

_PART = 1_000

# Several conditions may have MongoDB read every customer for one part.
_PART_SECONDS = 600.0

# How long a client that leaves may wait until MongoDB ends its part.
_KILL_SECONDS = 5.0

_SNAPSHOT_TOO_OLD = 239


async def export_customers(
    database: MongoDatabase, listing: Listing
) -> AsyncGenerator[list[Customer], None]:
    """Yields the customers of a listing in parts, all as they were when the first part was read.

    The collection must be set up. Transient errors are tried again for a minute. Raises
    `Unavailable`, `Misconfigured` if the export takes longer than MongoDB knows that moment, and
    `pymongo.errors.PyMongoError`.
    """
    after: Position | None = None
    # The session reads everything at the time of its first read, also from another primary.
    with database.driver.snapshot() as session:
        while True:
            try:
                part = await with_retries(
                    database.driver,
                    # In a thread, because the event loop has other work while documents are read.
                    blocking(partial(_read, listing=listing, after=after, session=session)),
                    _PART_SECONDS,
                )
            except asyncio.CancelledError:
                await _kill(database, session)
                raise
            if part:
                yield part
            if len(part) < _PART:
                return
            after = position_of(part[-1], listing.order)


async def _kill(database: MongoDatabase, session: AsyncClientSession) -> None:
    """Ends what MongoDB does for a session. Otherwise a thread would wait for it for minutes."""
    # Without a server, the thread waits for one, and nothing is to be ended.
    if not database.driver.blocking.client.topology_description.has_writable_server():
        return
    with contextlib.suppress(Unavailable, PyMongoError):
        await within_deadline(
            deadline_in(_KILL_SECONDS),
            partial(
                database.driver.database.client.admin.command, "killSessions", [session.session_id]
            ),
        )


async def estimated_customers(database: MongoDatabase) -> int:
    """About how many customers are stored. Raises what `export_customers` raises."""
    return await with_retries(database.driver, lambda db: db[NAME].estimated_document_count())


async def _read(
    database: AsyncDatabase[dict[str, Any]],
    *,
    listing: Listing,
    after: Position | None,
    session: AsyncClientSession,
) -> list[Customer]:
    try:
        return await read_on(database, listing=listing, after=after, size=_PART, session=session)
    except OperationFailure as error:
        if error.code != _SNAPSHOT_TOO_OLD:
            raise
        raise Misconfigured(
            "The export took longer than MongoDB stores old versions of customers. Export fewer "
            "customers at once, or increase MongoDB's parameter minSnapshotHistoryWindowInSeconds."
        ) from None

"""The connection to MongoDB, and the options that its URI cannot change."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import dns.resolver
from bson import CodecOptions
from bson.binary import UuidRepresentation
from bson.codec_options import DatetimeConversion
from motor.frameworks.asyncio import max_workers, run_on_executor
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import ReadPreference
from pymongo.database import Database
from pymongo.monitoring import CommandListener
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from ..deadline import REQUEST_SECONDS

_Result = TypeVar("_Result")

DEFAULT_DATABASE = "graphql_api"

# Motor runs each command in one of this number of threads.
THREADS: int = max_workers


def connect(
    uri: str, listeners: Sequence[CommandListener] = ()
) -> AsyncIOMotorDatabase[dict[str, Any]]:
    """The database that the URI's path names; `graphql_api` if it names none.

    The driver tells the listeners of each command, in the context of the task that sends it.
    Nothing connects before the first command. For a `mongodb+srv` URI, each command looks up the
    hosts in DNS until one look-up has succeeded. Raises `pymongo.errors.PyMongoError` or
    `ValueError` for an invalid URI.
    """
    dns.resolver.default_resolver = _SystemResolver(configure=False)
    # These options override the URI's, which could make writes unsafe and requests hang.
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        uri,
        appname="graphql-api",
        retryWrites=True,
        retryReads=True,
        timeoutMS=int(REQUEST_SECONDS * 1000),
        serverSelectionTimeoutMS=int(REQUEST_SECONDS * 1000),
        # The driver gives up a primary, and everything that waits for it, when the primary's
        # heartbeat, which is due every second, is a second late: 1.5 to 2.5 seconds after the
        # primary froze or was cut off (measured; the election of another primary takes at least 1
        # second). With the driver's defaults, 10 and 20 seconds, requests would wait for it until
        # their deadline.
        heartbeatFrequencyMS=1000,
        connectTimeoutMS=1000,
        # One connection for each thread, one for the thread that sets up the collection, and one
        # for the thread that reads the change stream.
        maxPoolSize=THREADS + 2,
        event_listeners=listeners,
    )
    return client.get_default_database(
        DEFAULT_DATABASE,
        codec_options=CodecOptions(
            tz_aware=True,
            uuid_representation=UuidRepresentation.STANDARD,
            # Another program may store a time of any year. Without this option, the driver would
            # fail to read all documents that it reads together.
            datetime_conversion=DatetimeConversion.DATETIME_AUTO,
            # The same for a text that is not UTF-8: its bytes become lone surrogates.
            unicode_decode_error_handler="surrogateescape",
        ),
        write_concern=WriteConcern("majority", j=True),
        # Reads return only what a majority of the replica set has.
        read_concern=ReadConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )


class _SystemResolver(dns.resolver.Resolver):
    """Looks up what the driver needs, with the system's DNS configuration of that time.

    Uses dnspython's own time limit: 5 seconds, with a second query after 2. The driver would use
    the time limit of a connection, which is too short for many first answers.
    """

    def resolve(
        self,
        qname: dns.name.Name | str,
        rdtype: dns.rdatatype.RdataType | str = dns.rdatatype.A,
        *_args: object,
        **_options: object,
    ) -> dns.resolver.Answer:
        return dns.resolver.Resolver().resolve(qname, rdtype)


async def in_motor_thread(
    database: AsyncIOMotorDatabase[dict[str, Any]],
    work: Callable[[Database[dict[str, Any]]], _Result],
) -> _Result:
    """Does work of several commands in one of Motor's threads.

    Two commands in one thread cost half as much as two in a thread each. Raises what the work
    raises.
    """
    loop = asyncio.get_running_loop()
    result: _Result = await run_on_executor(loop, work, database.delegate)  # type: ignore[no-untyped-call]  # Motor has no types for it
    return result


async def in_new_thread(
    database: AsyncIOMotorDatabase[dict[str, Any]],
    work: Callable[[Database[dict[str, Any]]], _Result],
) -> _Result:
    """Does work that may take hours in a new thread. The process can end before the thread does.

    Raises what the work raises.
    """
    done: Future[_Result] = Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done.set_result(work(database.delegate))
        except Exception as error:  # noqa: BLE001  # the waiting task raises it
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(done)

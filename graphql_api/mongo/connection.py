"""The connection to MongoDB: what the URI decides, and what it cannot."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import dns.resolver
from bson import CodecOptions
from bson.binary import UuidRepresentation
from motor.frameworks.asyncio import max_workers, run_on_executor
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import ReadPreference
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from ..deadline import REQUEST_SECONDS

_Result = TypeVar("_Result")

DEFAULT_DATABASE = "graphql_api"

# Motor runs each command in one of its threads.
THREADS: int = max_workers


def connect(uri: str) -> AsyncIOMotorDatabase[dict[str, Any]]:
    """The database that the URI's path names, else `graphql_api`; connects lazily.

    Of a `mongodb+srv` URI, the first commands look its hosts up in DNS, each until one has found
    them. Raises `pymongo.errors.PyMongoError` or `ValueError` where the URI is none.
    """
    dns.resolver.default_resolver = _SystemResolver(configure=False)
    # What is given here wins over the URI, which could make writes unsafe and requests hang.
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        uri,
        appname="graphql-api",
        retryWrites=True,
        retryReads=True,
        timeoutMS=int(REQUEST_SECONDS * 1000),
        serverSelectionTimeoutMS=int(REQUEST_SECONDS * 1000),
        # A primary that is frozen or cut off is given up when its heartbeat, which comes every
        # second, is a second late, with all that waits for it: 1.5 to 2.5 seconds after it froze
        # (measured; the election of another one takes at least 1). With the driver's own 10 and
        # 20 seconds, requests wait for it until their deadline.
        heartbeatFrequencyMS=1000,
        connectTimeoutMS=1000,
        # No thread waits for a connection, and none is kept that no thread could use. Setting up
        # has a thread of its own.
        maxPoolSize=THREADS + 1,
    )
    return client.get_default_database(
        DEFAULT_DATABASE,
        codec_options=CodecOptions(tz_aware=True, uuid_representation=UuidRepresentation.STANDARD),
        write_concern=WriteConcern("majority", j=True),
        # Read from a primary that knows what a majority has.
        read_concern=ReadConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )


class _SystemResolver(dns.resolver.Resolver):
    """Looks up what the driver wants, as the system is configured at that moment.

    With dnspython's own time limit: 5 seconds, in which it asks again after 2. The driver would
    allow as long as for a connection, which is shorter than the way of many a first answer.
    """

    def resolve(
        self,
        qname: dns.name.Name | str,
        rdtype: dns.rdatatype.RdataType | str = dns.rdatatype.A,
        *_args: object,
        **_options: object,
    ) -> dns.resolver.Answer:
        return dns.resolver.Resolver().resolve(qname, rdtype)


async def in_one_thread(
    database: AsyncIOMotorDatabase[dict[str, Any]],
    work: Callable[[Database[dict[str, Any]]], _Result],
) -> _Result:
    """Does work of several commands in one of Motor's threads; one for each would cost twice."""
    loop = asyncio.get_running_loop()
    result: _Result = await run_on_executor(loop, work, database.delegate)  # type: ignore[no-untyped-call]  # Motor leaves its types out
    return result


async def in_a_thread_of_its_own(
    database: AsyncIOMotorDatabase[dict[str, Any]],
    work: Callable[[Database[dict[str, Any]]], _Result],
) -> _Result:
    """Does work that may take hours; the process does not wait for it when it ends."""
    done: Future[_Result] = Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done.set_result(work(database.delegate))
        except Exception as error:  # noqa: BLE001  # whoever waits for it raises it
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(done)

"""The connection to MongoDB: what the URI decides, and what it cannot."""

from typing import Any

from bson import CodecOptions
from bson.binary import UuidRepresentation
from motor.frameworks.asyncio import max_workers
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import ReadPreference
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from .deadline import OPERATION_SECONDS

DEFAULT_DATABASE = "graphql_api"

# Motor runs each command in one of its threads.
THREADS: int = max_workers


def connect(uri: str) -> AsyncIOMotorDatabase[dict[str, Any]]:
    """The database that the URI's path names, else `graphql_api`; connects lazily.

    Raises `pymongo.errors.PyMongoError` or `ValueError` where the URI is none.
    """
    # What is given here wins over the URI, which could make writes unsafe and requests hang.
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        uri,
        appname="graphql-api",
        retryWrites=True,
        retryReads=True,
        timeoutMS=int(OPERATION_SECONDS * 1000),
        serverSelectionTimeoutMS=int(OPERATION_SECONDS * 1000),
        # A primary that is frozen or cut off is given up when its heartbeat, which comes every
        # second, is a second late, with all that waits for it: 1.5 to 2.5 seconds after it froze
        # (measured; the election of another one takes at least 1). With the driver's own 10 and
        # 20 seconds, requests wait for it until their deadline.
        heartbeatFrequencyMS=1000,
        connectTimeoutMS=1000,
        # No thread waits for a connection, and none is kept that no thread could use.
        maxPoolSize=THREADS,
    )
    return client.get_default_database(
        DEFAULT_DATABASE,
        codec_options=CodecOptions(tz_aware=True, uuid_representation=UuidRepresentation.STANDARD),
        write_concern=WriteConcern("majority", j=True),
        # Read from a primary that knows what a majority has.
        read_concern=ReadConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )

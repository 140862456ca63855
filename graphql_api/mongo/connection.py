"""The connection to MongoDB, and the options that its URI cannot change."""

from collections.abc import Sequence
from typing import Any

import dns.asyncresolver
import dns.resolver
from bson import CodecOptions
from bson.binary import UuidRepresentation
from bson.codec_options import DatetimeConversion
from pymongo import ReadPreference
from pymongo.monitoring import CommandListener
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from ..deadline import REQUEST_SECONDS
from .driver import COMMANDS_AT_ONCE, DRIVERS, Driver

DEFAULT_DATABASE = "graphql_api"

# These options override the URI's, which could make writes unsafe and requests hang.
_OPTIONS = {
    "appname": "graphql-api",
    "retryWrites": True,
    "retryReads": True,
    "timeoutMS": int(REQUEST_SECONDS * 1000),
    "serverSelectionTimeoutMS": int(REQUEST_SECONDS * 1000),
    # The driver gives up a primary, and everything that waits for it, when the primary's heartbeat,
    # which is due every second, is a second late: 1.5 to 2.5 seconds after the primary froze or was
    # cut off (measured; the election of another primary takes at least 1 second). With the driver's
    # defaults, 10 and 20 seconds, requests would wait for it until their deadline.
    "heartbeatFrequencyMS": 1000,
    "connectTimeoutMS": 1000,
    # One connection for each command, one for the thread that sets up the collection, and one for
    # the thread that reads the change stream.
    "maxPoolSize": COMMANDS_AT_ONCE + 2,
}

_DATABASE_OPTIONS = {
    "codec_options": CodecOptions[dict[str, Any]](
        tz_aware=True,
        uuid_representation=UuidRepresentation.STANDARD,
        # Another program may store a time of any year. Without this option, the driver would fail
        # to read all documents that it reads together.
        datetime_conversion=DatetimeConversion.DATETIME_AUTO,
        # The same for a text that is not UTF-8: its bytes become lone surrogates.
        unicode_decode_error_handler="surrogateescape",
    ),
    "write_concern": WriteConcern("majority", j=True),
    # Reads return only what a majority of the replica set has.
    "read_concern": ReadConcern("majority"),
    "read_preference": ReadPreference.PRIMARY,
}


def connect(uri: str, driver: str, listeners: Sequence[CommandListener] = ()) -> Driver:
    """Connects to the database that the URI's path names; to `graphql_api` if it names none.

    `driver` is one of the names in `DRIVERS`.

    The driver tells the listeners of each command, in the context of the task that sends it.
    Nothing connects before the first command. For a `mongodb+srv` URI, each command looks up the
    hosts in DNS until one look-up has succeeded. Raises `pymongo.errors.PyMongoError` or
    `ValueError` for an invalid URI.
    """
    dns.resolver.default_resolver = _SystemResolver(configure=False)
    dns.asyncresolver.default_resolver = _AsyncSystemResolver(configure=False)  # type: ignore[assignment]  # dnspython declares None
    options = {**_OPTIONS, "event_listeners": listeners}
    return DRIVERS[driver](uri, options, DEFAULT_DATABASE, _DATABASE_OPTIONS)


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


class _AsyncSystemResolver(dns.asyncresolver.Resolver):
    """The same for the asynchronous driver."""

    async def resolve(
        self,
        qname: dns.name.Name | str,
        rdtype: dns.rdatatype.RdataType | str = dns.rdatatype.A,
        *_args: object,
        **_options: object,
    ) -> dns.resolver.Answer:
        return await dns.asyncresolver.Resolver().resolve(qname, rdtype)

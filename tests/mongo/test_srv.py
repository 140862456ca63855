"""A `mongodb+srv` URI: DNS lists its hosts, and may be slow, unreachable or wrong."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import httpx
import pytest

from graphql_api.faults import Misconfigured, Unavailable
from graphql_api.mongo.api_keys import MongoApiKeys
from graphql_api.mongo.driver import DRIVERS

from ..conftest import Command
from ..support.clients import connected, create_customer
from ..support.databases import database_at
from ..support.replica_sets import Member
from ..support.servers import serving, until

# The hosts must be in the domain that follows the first dot, as 127.0.0.1 is.
URI = "mongodb+srv://cluster.0.0.1/test-srv?tls=false"


class NameServer(asyncio.DatagramProtocol):
    """Answers in the test's own event loop, which shows that a look-up does not block it."""

    def __init__(self, host: str, port: str) -> None:
        self.records = {
            dns.rdatatype.SRV: f"0 0 {port} {host}.",
            dns.rdatatype.TXT: '"replicaSet=tests"',
        }
        self.rcode = dns.rcode.NOERROR
        self.seconds = 0.0
        self.look_ups = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        query = dns.message.from_wire(data)
        [question] = query.question
        self.look_ups += question.rdtype == dns.rdatatype.SRV
        answer = dns.message.make_response(query)
        answer.set_rcode(self.rcode)
        if self.rcode == dns.rcode.NOERROR:
            record = self.records[question.rdtype]
            answer.answer.append(
                dns.rrset.from_text(question.name, 60, "IN", question.rdtype, record)
            )
        asyncio.get_running_loop().call_later(
            self.seconds, self._transport.sendto, answer.to_wire(), addr
        )


@pytest.fixture
async def name_server(member: Member, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NameServer]:
    """The only name server of this system, as the driver sees it."""
    server = NameServer(*member.address.split(":"))
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: server, local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    configure(monkeypatch, "nameserver 127.0.0.1", port)
    yield server
    transport.close()


def configure(monkeypatch: pytest.MonkeyPatch, resolv_conf: str, port: int = 53) -> None:
    """Replaces the system's /etc/resolv.conf, which cannot name a port."""
    read = dns.resolver.BaseResolver.read_resolv_conf

    def read_ours(resolver: dns.resolver.BaseResolver, _file: str) -> None:
        read(resolver, io.StringIO(resolv_conf))
        resolver.port = port

    monkeypatch.setattr(dns.resolver.BaseResolver, "read_resolv_conf", read_ours)


@pytest.mark.parametrize("driver", sorted(DRIVERS))
async def test_hosts_are_found_even_if_dns_is_slow(
    driver: str,
    name_server: NameServer,
) -> None:
    # The driver's own limit would be that of a connection, a second.
    name_server.seconds = 1.5

    async with connected(URI, mongodb_driver=driver) as client:
        await becomes_ready(client)
        created = await create_customer(client, email=f"{driver}@example.com")

    assert created["__typename"] == "CreateCustomerSuccess"


@pytest.mark.parametrize("driver", sorted(DRIVERS))
async def test_commands_that_begin_together_look_up_the_hosts_once(
    driver: str,
    name_server: NameServer,
) -> None:
    async with database_at(URI, driver) as database:
        keys = MongoApiKeys(database)
        name_server.rcode = dns.rcode.SERVFAIL
        failed = await asyncio.gather(*[keys.all() for _ in range(4)], return_exceptions=True)
        name_server.rcode, name_server.seconds = dns.rcode.NOERROR, 0.2
        before = name_server.look_ups
        read = await asyncio.gather(*[keys.all() for _ in range(4)])

    assert [type(error) for error in failed] == [Unavailable] * 4
    assert read == [[]] * 4
    assert name_server.look_ups == before + 1


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.NXDOMAIN])
async def test_a_server_starts_while_dns_fails_and_serves_when_it_answers(
    rcode: dns.rcode.Rcode, name_server: NameServer
) -> None:
    name_server.rcode = rcode

    async with connected(URI) as client:
        health = await client.get("/healthz")
        readiness = [await client.get("/readyz") for _ in range(2)]
        name_server.rcode = dns.rcode.NOERROR
        await becomes_ready(client)
        created = await create_customer(client, email=f"{rcode.name}@example.com")

    assert health.status_code == 200
    assert [answer.status_code for answer in readiness] == [503, 503]
    assert created["__typename"] == "CreateCustomerSuccess"


async def test_hosts_of_another_domain_are_rejected_with_a_sentence(
    name_server: NameServer,
) -> None:
    name_server.records[dns.rdatatype.SRV] = "0 0 27017 evil.example."

    async with contextlib.AsyncExitStack() as stack:
        with pytest.raises(
            Misconfigured, match=r"^MongoDB refuses to set up .*: ConfigurationError\.$"
        ):
            await stack.enter_async_context(connected(URI))


async def test_a_storage_of_rate_limits_waits_for_dns_as_well(
    name_server: NameServer, database_uri: str
) -> None:
    name_server.rcode = dns.rcode.SERVFAIL

    async with connected(database_uri, rate_limit="100/second", rate_limit_storage=URI) as client:
        created = await create_customer(client)

    assert created["__typename"] == "CreateCustomerSuccess"


@pytest.mark.parametrize("command", [("keys", "list"), ("documents", "list")])
def test_a_command_whose_host_is_not_found_ends_with_a_sentence(
    command: tuple[str, ...], graphql_api: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, "# no name server")

    ended = graphql_api(*command, GRAPHQL_API_MONGODB_URI="mongodb+srv://db.invalid/")

    assert ended == (2, "", "graphql-api: The database is unavailable. Try again.\n")


def test_a_real_server_whose_host_is_not_found_serves_until_it_is_stopped(
    tmp_path: Path,
) -> None:
    errors = tmp_path / "stderr"
    with serving(
        errors=errors, measured=True, GRAPHQL_API_MONGODB_URI="mongodb+srv://db.invalid/"
    ) as server:
        waits = "The database is unavailable. Each request tries to reach it again."
        until(lambda: waits in server.errors.read_text(), "it is logged")


async def becomes_ready(client: httpx.AsyncClient) -> None:
    """Waits until the server is ready, which takes at least one look-up."""
    statuses = [503]
    async with asyncio.timeout(40):
        while statuses[-1] != 200:
            statuses.append((await client.get("/readyz")).status_code)

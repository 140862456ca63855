"""The files of compose.cluster.yml, with three real members, two servers and nginx.

What one server does, the other one knows, and a replacement of both of them loses nothing.
"""

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from graphql_api.mongo.api_keys import MongoApiKeys

from ..conftest import Command
from ..support.alerts import queries
from ..support.builds import document_id
from ..support.clients import CREATE_CUSTOMER, create_customer, until_ready
from ..support.clusters import (
    Cluster,
    cluster,
    is_healthy,
    needs_nginx,
    needs_prometheus,
    set_up,
)
from ..support.databases import database_at
from ..support.servers import Server, until
from ..support.subscribers import CUSTOMER_EVENTS, subscribed
from ..support.tokens import api_key, bearer, id_of

pytestmark = pytest.mark.in_time

Mongo = MongoClient[dict[str, Any]]

TYPENAME = "{ __typename }"

_LIMIT = 120
_CLIENTS = 4
# More requests would exceed the rate limit.
_MOST_CUSTOMERS = 90


@pytest.fixture(scope="module")
def two(  # pragma: no cover  # where nginx is missing
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    """A cluster whose scripts have run."""
    with cluster(tmp_path_factory.mktemp("cluster")) as two:
        set_up(two)
        until(two.members.is_whole, "there are a primary and secondaries")
        yield two


@pytest.fixture(scope="module")
def servers(two: Cluster) -> Iterator[list[Server]]:  # pragma: no cover  # where nginx is missing
    """The two servers behind nginx."""
    limit = {"GRAPHQL_API_RATE_LIMIT": f"{_LIMIT}/hour"}
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(two.server(number, **limit)) for number in (0, 1)]
        stack.enter_context(two.nginx())
        yield servers


@pytest.fixture
def app_uri(two: Cluster) -> str:  # pragma: no cover  # where nginx is missing
    """The URI with which the servers sign in."""
    return (two.secrets / "mongodb_uri").read_text().strip()


@needs_nginx
def test_each_member_can_become_the_primary_and_is_healthy_unless_it_recovers(two: Cluster) -> None:
    primary = two.members.primary()
    secondary = next(member for member in two.members.members if member is not primary)
    alone = f"mongodb://{secondary.address}/?directConnection=true"
    password = two.admin_uri.removeprefix("mongodb://").partition("@")[0]

    assert is_healthy(alone)
    with Mongo(two.admin_uri) as mongo:
        config = mongo.admin.command("replSetGetConfig")["config"]
    assert {member["priority"] for member in config["members"]} == {1}
    with Mongo(alone.replace("//", f"//{password}@")) as mongo:
        mongo.admin.command("replSetMaintenance", True)  # noqa: FBT003  # its only parameter
        assert not is_healthy(alone)
        mongo.admin.command("replSetMaintenance", False)  # noqa: FBT003
    until(two.members.is_whole, "it is a secondary again")


@needs_nginx
def test_the_user_of_the_servers_can_do_what_they_do_and_nothing_else(
    two: Cluster, app_uri: str, graphql_api: Command, tmp_path: Path
) -> None:
    uri = {"GRAPHQL_API_MONGODB_URI_FILE": str(two.secrets / "mongodb_uri")}
    (tmp_path / "people.csv").write_text("Email\nimported@example.com\n")
    (tmp_path / "documents.json").write_text(json.dumps({document_id(TYPENAME): TYPENAME}))
    done = [
        graphql_api(*arguments, **uri)[0]
        for arguments in (
            ("database", "migrate"),
            ("import", str(tmp_path / "people.csv")),
            ("export", str(tmp_path / "exported.csv")),
            ("database", "check"),
            ("documents", "register", str(tmp_path / "documents.json")),
            ("documents", "list"),
            ("webhooks", "create", "https://example.com/"),
            ("webhooks", "list"),
        )
    ]
    refused = []
    with Mongo(app_uri) as mongo:
        database = mongo.get_default_database()
        for command in (
            lambda: mongo.drop_database("graphql_api"),
            lambda: database.drop_collection("customers"),
            lambda: database["customers"].drop_index("emailKey"),
            lambda: database["customers"].rename("others"),
            lambda: database.command("usersInfo"),
            mongo["other"]["customers"].find_one,
            lambda: mongo["other"]["customers"].insert_one({}),
            mongo["local"]["oplog.rs"].find_one,
            mongo["admin"]["system.users"].find_one,
            lambda: mongo.admin.command("shutdown"),
            lambda: mongo.admin.command("replSetStepDown", 1),
            lambda: mongo.admin.command("setParameter", 1, logLevel=1),
        ):
            with pytest.raises(OperationFailure) as error:
                command()
            refused.append(error.value.code)

    assert done == [0] * 8
    assert refused == [13] * 12


@needs_nginx
async def test_what_one_server_does_the_other_one_knows(
    servers: list[Server], app_uri: str
) -> None:
    key = await api_key(app_uri)
    async with (
        httpx.AsyncClient(base_url=servers[0].url, headers=bearer(key)) as first,
        httpx.AsyncClient(base_url=servers[1].url, headers=bearer(key)) as second,
    ):
        await until_ready(first)
        await until_ready(second)
        async with subscribed(second) as subscriber:
            created = await create_customer(first, email="a@example.com", idempotency_key="k")
            event = await asyncio.wait_for(subscriber.next(), 20)
        again = await create_customer(second, email="a@example.com", idempotency_key="k")
        sent = 3
        while (answer := await asyncio.gather(*map(ask, [first, second] * 10)))[0] == 200:
            sent += answer.count(200)
        sent += answer.count(200)
        limited = [await ask(first), await ask(second)]

        async with database_at(app_uri) as database:
            await MongoApiKeys(database).revoke(id_of(key), datetime.now(UTC))
        revoked_at = time.monotonic()
        statuses = {200}
        while statuses != {401}:
            assert time.monotonic() < revoked_at + 20
            await asyncio.sleep(0.2)
            statuses = {await ask(first), await ask(second)}

    assert (created["replayed"], again["replayed"]) == (False, True)
    assert again["customer"] == created["customer"]
    assert event.event["customer"]["id"] == created["customer"]["id"]
    assert (sent, limited) == (_LIMIT, [429, 429])


async def ask(client: httpx.AsyncClient) -> int:  # pragma: no cover  # where nginx is missing
    """The status of the answer to the smallest query."""
    return (await client.post("/graphql", json={"query": TYPENAME})).status_code


@needs_nginx
@pytest.mark.usefixtures("servers")
async def test_nginx_passes_on_requests_events_and_the_address_of_the_client(
    two: Cluster, app_uri: str
) -> None:
    key = await api_key(app_uri)
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
    async with httpx.AsyncClient(
        base_url=two.url, verify=two.trust, headers={**bearer(key), **forged}
    ) as client:
        await until_ready(client)
        async with subscribed(client) as subscriber, socket(two, key) as subscription:
            created = await create_customer(client, email="b@example.com")
            streamed = (await asyncio.wait_for(subscriber.next(), 20)).event
            message = json.loads(await asyncio.wait_for(subscription.recv(), 20))
        stranger = await client.post("/graphql", json={"query": TYPENAME}, headers=bearer("guess"))
        large = await client.post("/graphql", content=b"x" * 6_291_457)
        with Mongo(two.admin_uri) as mongo:
            counts = " ".join(mongo["graphql_api"]["rate_limits"].distinct("_id"))

    assert created["__typename"] == "CreateCustomerSuccess"
    assert streamed["customer"]["email"] == "b@example.com"
    assert message["payload"]["data"]["customerEvents"]["customer"] == streamed["customer"]
    assert (stranger.status_code, large.status_code) == (401, 413)
    assert "127.0.0.1" in counts
    assert "203.0.113.9" not in counts


@contextlib.asynccontextmanager
async def socket(
    two: Cluster, key: str
) -> AsyncIterator[Any]:  # pragma: no cover  # where nginx is missing
    """A WebSocket through nginx, of a page of the server's own origin, that has subscribed."""
    async with connect(
        two.url.replace("https", "wss") + "/graphql",
        ssl=two.trust,
        # The server compares the origin with the scheme and the host that nginx passes on.
        additional_headers={"Origin": two.url, **bearer(key)},
        subprotocols=[Subprotocol("graphql-transport-ws")],
    ) as opened:
        await opened.send(json.dumps({"type": "connection_init"}))
        assert json.loads(await opened.recv()) == {"type": "connection_ack"}
        payload = {"query": CUSTOMER_EVENTS}
        await opened.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        # The server has received the subscription when it answers the ping.
        await opened.send(json.dumps({"type": "ping"}))
        assert json.loads(await opened.recv()) == {"type": "pong"}
        yield opened


@needs_nginx
@needs_prometheus
def test_prometheus_answers_each_query_of_the_alerts_and_of_the_dashboard(
    two: Cluster, servers: list[Server]
) -> None:
    with two.prometheus() as url, httpx.Client(base_url=f"{url}/api/v1") as prometheus:

        def result(query: str) -> list[dict[str, Any]]:
            reply = prometheus.get("/query", params={"query": query})
            assert reply.status_code == 200, reply.text
            found: list[dict[str, Any]] = reply.json()["data"]["result"]
            return found

        until(
            lambda: len(result('count_over_time(up{job="graphql-api"}[1m]) > 2')) == len(servers),
            "both servers are scraped three times",
        )
        answers = {query: result(query) for query in queries()}
        rules = prometheus.get("/rules").json()["data"]["groups"][0]["rules"]
        firing = [rule["name"] for rule in rules if rule["state"] != "inactive"]

    assert {rule["health"] for rule in rules} == {"ok"}
    assert firing == []
    assert answers['sum(up{job="graphql-api"})'][0]["value"][1] == "2"
    assert (
        answers['count(count by (version) (graphql_api_build_info{job="graphql-api"})) > 1'] == []
    )


class Load:  # pragma: no cover  # where nginx is missing
    """Clients that create one customer after another, and repeat each unclear request."""

    def __init__(self, client: httpx.AsyncClient, keys: list[str]) -> None:
        self._client = client
        self._keys = keys
        self._ended = False
        self.sent = 0
        self.acknowledged: dict[str, str] = {}  # the ids, by email address

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as clients:
            for number, key in enumerate(self._keys):
                clients.create_task(self._create(number, key))
            yield
            self._ended = True

    async def _create(self, client: int, key: str) -> None:
        for number in range(_MOST_CUSTOMERS):
            email = f"load{client}-{number}@example.com"
            body = {
                "query": CREATE_CUSTOMER,
                "variables": {"input": {"email": email}, "idempotencyKey": email},
            }
            while email not in self.acknowledged:
                self.sent += 1
                # Without an answer, or with one of nginx, the request is sent again.
                with contextlib.suppress(httpx.TransportError, ValueError, KeyError, TypeError):
                    reply = await self._client.post("/graphql", json=body, headers=bearer(key))
                    result = reply.json()["data"]["createCustomer"]
                    self.acknowledged[email] = result["customer"]["id"]
                await asyncio.sleep(0.5)
            if self._ended:
                return


@needs_nginx
async def test_a_replacement_of_both_servers_under_load_loses_no_customer(
    two: Cluster, servers: list[Server], app_uri: str
) -> None:
    keys = [await api_key(app_uri) for _ in range(_CLIENTS)]
    async with (
        httpx.AsyncClient(base_url=two.url, verify=two.trust, timeout=30) as client,
        contextlib.AsyncExitStack() as stack,
    ):
        await until_ready(client)
        load = Load(client, keys)
        async with load.running():
            for number, server in enumerate(servers):
                server.process.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(server.process.wait, 40) == 0
                new = two.server(number, GRAPHQL_API_RATE_LIMIT=f"{_LIMIT}/hour")
                replaced = await asyncio.to_thread(stack.enter_context, new)
                await until_used(replaced, client)

    with Mongo(two.admin_uri, uuidRepresentation="standard") as mongo:
        found = mongo["graphql_api"]["customers"].find({"email": {"$regex": "^load"}})
        stored = {customer["email"]: str(customer["_id"]) for customer in found}
    assert stored == load.acknowledged
    # A connection can end just when nginx sends a request on it.
    assert load.sent <= len(stored) + _CLIENTS


async def until_used(  # pragma: no cover  # where nginx is missing
    server: Server, client: httpx.AsyncClient
) -> None:
    """Waits until nginx sends requests to the server."""
    async with asyncio.timeout(40):
        while not any(line.get("path") == "/readyz" for line in server.log()):
            await client.get("/readyz")
            await asyncio.sleep(0.1)

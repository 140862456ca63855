"""The rate limit: which requests share a count, and where counts are stored."""

import asyncio
import socket
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from limits import parse
from limits.aio.strategies import FixedWindowRateLimiter

from graphql_api import settings as settings_module
from graphql_api.app import create_app
from graphql_api.http import authentication, rate_limit
from graphql_api.http.rate_limit import InMemoryCounts
from graphql_api.mongo.mongod import embedded_mongod, find_mongod
from graphql_api.settings import Settings, SettingsError

from ..support.clients import client_of, connected
from ..support.databases import settings_for
from ..support.servers import frozen, mongods, serving
from ..support.tokens import api_key, bearer

QUERY = {"query": "{ __typename }"}


async def test_a_request_over_the_limit_gets_a_graphql_error(database_uri: str) -> None:
    async with connected(database_uri, rate_limit="2/hour", graphiql=True) as client:
        statuses = await sent(client, 2)
        refusal = await client.post("/graphql", json=QUERY)
        page = await client.get("/graphql", headers={"Accept": "text/html"})
        health = await client.get("/healthz")

    seconds = int(refusal.headers["retry-after"])
    assert statuses == [200, 200]
    assert refusal.status_code == 429
    assert 3500 < seconds <= 3600
    assert refusal.json()["errors"] == [
        {
            "message": f"Too many requests. Retry in {seconds} seconds.",
            "extensions": {"code": "RATE_LIMITED", "retryAfter": seconds},
        }
    ]
    assert (page.status_code, health.status_code) == (200, 200)


async def test_requests_are_accepted_again_after_the_time_in_retry_after(database_uri: str) -> None:
    async with connected(database_uri, rate_limit="1/second") as client:
        statuses = await sent(client, 2)
        refusal = await client.post("/graphql", json=QUERY)
        await asyncio.sleep(int(refusal.headers.get("retry-after", 0)))
        later = await sent(client, 1)

    assert 200 in statuses
    assert later == [200]


async def test_each_token_has_its_own_count_and_addresses_do_not_matter(
    database_uri: str,
) -> None:
    first, second = await api_key(database_uri), await api_key(database_uri)
    app = create_app(settings_for(database_uri, keys=True, rate_limit="2/hour"))
    async with (
        app.router.lifespan_context(app),
        client_of(app, "192.0.2.1") as here,
        client_of(app, "192.0.2.2") as there,
    ):
        statuses = [
            await sent(here, 1, first),
            await sent(there, 2, first),
            await sent(there, 2, second),
        ]

    assert statuses == [[200], [200, 429], [200, 200]]


@pytest.mark.parametrize("token", [None, "guess", "gak_0123456789ab_" + "x" * 43])
async def test_requests_without_a_valid_token_are_counted_by_address(
    token: str | None, database_uri: str
) -> None:
    good = await api_key(database_uri)
    app = create_app(settings_for(database_uri, keys=True, rate_limit="2/hour"))
    async with (
        app.router.lifespan_context(app),
        client_of(app, "192.0.2.1") as stranger,
        client_of(app, "192.0.2.2") as neighbour,
    ):
        guesses = await sent(stranger, 3, token)
        found_at_last = await sent(stranger, 1, good)
        elsewhere = await sent(neighbour, 1, good)
        remembered = await sent(stranger, 1, good)

    assert guesses == [401, 401, 429]
    # Not even looked up.
    assert found_at_last == [429]
    # The address does not matter for a token that is cached as valid.
    assert (elsewhere, remembered) == ([200], [200])


async def test_guesses_do_not_lock_out_a_token_that_was_valid_at_the_same_address(
    database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each request looks the token up again.
    monkeypatch.setattr(authentication, "_REMEMBERED_SECONDS", 0.0)
    good = await api_key(database_uri)
    app = create_app(settings_for(database_uri, keys=True, rate_limit="3/hour"))
    async with app.router.lifespan_context(app), client_of(app, "192.0.2.1") as client:
        before = await sent(client, 1, good)
        guesses = await sent(client, 4, "gak_0123456789ab_guess")
        after = await sent(client, 1, good)

    assert (before, guesses, after) == ([200], [401, 401, 401, 429], [200])


@pytest.mark.parametrize(
    ("addresses", "statuses"),
    [
        (["192.0.2.1", "192.0.2.1"], [200, 429]),
        (["192.0.2.1", "192.0.2.2"], [200, 200]),
        (["192.0.2.1", "::ffff:192.0.2.1"], [200, 429]),
        (["::ffff:192.0.2.1", "::ffff:192.0.2.2"], [200, 200]),
        (["2001:db8::1", "2001:db8::ffff:2"], [200, 429]),
        (["2001:db8::1", "2001:db8:0:1::1"], [200, 200]),
        (["fe80::1%eth0", "fe80::2%eth0"], [200, 429]),
        (["a socket", "another"], [200, 429]),
    ],
)
async def test_an_address_is_ipv4_or_a_whole_ipv6_network(
    addresses: list[str], statuses: list[int], database_uri: str
) -> None:
    app = create_app(settings_for(database_uri, insecure=True, rate_limit="1/hour"))
    async with app.router.lifespan_context(app):
        answers = [
            await client_of(app, address).post("/graphql", json=QUERY) for address in addresses
        ]

    assert [answer.status_code for answer in answers] == statuses


async def test_a_request_that_has_no_address_is_counted_too(database_uri: str) -> None:
    app = create_app(settings_for(database_uri, insecure=True, rate_limit="1/hour"))
    transport = httpx.ASGITransport(without_address(app))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        assert await sent(client, 2) == [200, 429]


def without_address(app: Any) -> Any:
    """The application behind a server on a Unix socket."""

    async def call(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await app({**scope, "client": None}, receive, send)

    return call


@pytest.mark.parametrize(
    ("settings", "statuses"),
    [
        ({"keys": True}, [200, 429]),
        ({"insecure": True}, [200, 429]),
        ({}, [200, 200]),
        ({"keys": True, "rate_limit": "2/hour"}, [200, 200]),
    ],
)
async def test_there_is_a_limit_by_default_except_on_the_own_machine(
    settings: dict[str, Any],
    statuses: list[int],
    database_uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings_module, "_DEFAULT_RATE_LIMIT", "1/hour")
    key = await api_key(database_uri)

    async with connected(database_uri, **settings) as client:
        assert await sent(client, 2, key) == statuses


async def test_servers_share_a_count_in_mongodb(database_uri: str) -> None:
    settings = {"rate_limit": "3/hour", "rate_limit_storage": database_uri}
    async with (
        connected(database_uri, **settings) as one,
        connected(database_uri, **settings) as other,
    ):
        statuses = [*await sent(one, 2), *await sent(other, 2), *await sent(one, 1)]
        refusal = await other.post("/graphql", json=QUERY)

    assert statuses == [200, 200, 200, 429, 429]
    assert 3500 < int(refusal.headers["retry-after"]) <= 3600


async def test_while_the_shared_storage_is_unavailable_each_server_counts_alone(
    tmp_path: Path,
    database_uri: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(rate_limit, "_RETRY_SHARED_SECONDS", 1.0)
    with embedded_mongod(find_mongod(None), tmp_path) as storage:
        settings = {"rate_limit": "2/hour", "rate_limit_storage": storage}
        async with connected(database_uri, **settings) as client:
            before = await sent(client, 2)
            [pid] = mongods(tmp_path)
            with frozen(pid):
                away = await sent(client, 3)
            await asyncio.sleep(1)
            back = await sent(client, 1)

    assert before == [200, 200]
    # The server counts alone, and waits once at most.
    assert away == [200, 200, 429]
    assert back == [429]
    [message] = [message for message in caplog.messages if "storage" in message]
    assert message == "The rate limit storage is unavailable. Each worker counts separately."


async def test_the_server_answers_while_redis_is_unavailable(
    database_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        uri = f"redis://:s3cr3t@127.0.0.1:{closed_soon.getsockname()[1]}/0"

    async with connected(database_uri, rate_limit="1/hour", rate_limit_storage=uri) as client:
        statuses = await sent(client, 2)

    assert statuses == [200, 429]
    assert "Each worker counts separately" in caplog.text
    assert "s3cr3t" not in caplog.text


@pytest.mark.parametrize(
    "uri", ["mongodb://user:s3cr3t@@", "mongodb://s3cr3t:port", "redis://:s3cr3t@host:port/x"]
)
def test_an_invalid_storage_uri_is_rejected_at_the_start_and_not_shown(uri: str) -> None:
    with pytest.raises(SettingsError, match=r"^GRAPHQL_API_RATE_LIMIT_STORAGE must") as refusal:
        create_app(Settings(mongodb_uri="mongodb://localhost", rate_limit_storage=uri))

    assert "s3cr3t" not in str(refusal.value)


def test_redis_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)

    with pytest.raises(SettingsError, match="the extra `redis`"):
        create_app(
            Settings(mongodb_uri="mongodb://localhost", rate_limit_storage="redis://127.0.0.1:6379")
        )


async def test_counts_are_bounded_and_the_oldest_are_forgotten_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rate_limit, "_MAX_COUNTS", 3)
    counts = InMemoryCounts()
    for name in "abcd":
        await counts.incr(name, 3600)

    assert [await counts.get(name) for name in "abcd"] == [0, 1, 1, 1]
    assert await counts.reset() == 3


async def test_counts_of_ended_windows_are_forgotten() -> None:
    counts = InMemoryCounts()
    for number in range(100):
        await counts.incr(f"short {number}", 0.01)
    await asyncio.sleep(0.02)

    assert await counts.get("short 0") == 0
    assert await counts.incr("short 0", 0.01) == 1
    assert await counts.reset() == 1


async def test_the_counts_are_a_storage_of_the_library() -> None:
    counts, rate = InMemoryCounts(), parse("1/hour")
    limiter = FixedWindowRateLimiter(counts)

    assert await counts.check()
    assert counts.base_exceptions == ()
    assert [await limiter.hit(rate, "a"), await limiter.hit(rate, "a")] == [True, False]
    assert (await limiter.get_window_stats(rate, "b")).reset_time <= time.time()
    await limiter.clear(rate, "a")
    assert await limiter.hit(rate, "a")


@pytest.mark.parametrize(
    ("trusted", "statuses"),
    [
        # The header of an unknown proxy is ignored.
        (None, [200, 429]),
        ("192.0.2.0/24", [200, 429]),
        ("127.0.0.1", [200, 200]),
        ("::1, 127.0.0.0/8", [200, 200]),
    ],
)
def test_a_proxy_is_believed_only_when_it_is_named(
    trusted: str | None, statuses: list[int], database_uri: str, tmp_path: Path
) -> None:
    variables = {} if trusted is None else {"GRAPHQL_API_TRUSTED_PROXIES": trusted}

    with serving(
        errors=tmp_path / "stderr",
        stop=True,
        measured=False,
        GRAPHQL_API_MONGODB_URI=database_uri,
        GRAPHQL_API_INSECURE="true",
        GRAPHQL_API_RATE_LIMIT="1/hour",
        # uvicorn reads this variable itself.
        FORWARDED_ALLOW_IPS="*",
        **variables,
    ) as server:
        answers = [
            httpx.post(
                f"{server.url}/graphql",
                json=QUERY,
                headers={"X-Forwarded-For": address},
                timeout=20,
            )
            for address in ("198.51.100.1", "10.0.0.1, 198.51.100.2")
        ]

    assert [answer.status_code for answer in answers] == statuses


async def sent(client: httpx.AsyncClient, number: int, token: str | None = None) -> list[int]:
    """The statuses of the answers to this number of requests."""
    headers = {} if token is None else bearer(token)
    return [
        (await client.post("/graphql", json=QUERY, headers=headers)).status_code
        for _ in range(number)
    ]

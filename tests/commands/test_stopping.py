"""Servers that hang, stop or are replaced answer requests, and store all confirmed customers."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from graphql_api.mongo.mongod import embedded_mongod, find_mongod

from ..support.clients import CREATE_CUSTOMER
from ..support.servers import Server, all_serve, freeze, frozen, mongods, serving, until
from ..support.wires import Wire, get, post, wire


class Mongod(NamedTuple):
    """A MongoDB that a test may freeze."""

    uri: str
    pid: int


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    folder = tmp_path_factory.mktemp("mongod")
    with embedded_mongod(find_mongod(None), folder) as uri:
        [pid] = mongods(folder)
        yield Mongod(uri, pid)


def creation(number: int, *headers: bytes) -> bytes:
    """A whole request to create a customer."""
    variables = {"input": {"email": f"customer{number}@example.com"}}
    content = json.dumps({"query": CREATE_CUSTOMER, "variables": variables}).encode()
    return post(content, *headers)


async def assert_healthy(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}


async def connections(server: Server, stack: AsyncExitStack, number: int) -> list[Wire]:
    return [await stack.enter_async_context(wire(server.url)) for _ in range(number)]


def refuses_connections(server: Server) -> bool:
    address = urlsplit(server.url)
    with socket.socket() as client:
        return client.connect_ex((address.hostname, address.port)) != 0


@pytest.mark.parametrize("workers", [1, 2])
async def test_requests_from_before_the_stop_are_answered_and_their_customers_stored(
    workers: int, mongod: Mongod, errors: Path
) -> None:
    uri = mongod.uri.replace("/?", f"/stopped-{workers}?")
    flags = ("--workers", str(workers))
    with serving(*flags, errors=errors, GRAPHQL_API_MONGODB_URI=uri) as server:
        all_serve(server, workers)
        async with AsyncExitStack() as stack:
            clients = await connections(server, stack, 20)
            with frozen(mongod.pid):
                for number, client in enumerate(clients):
                    await client.send(creation(number))
                # Neither the frozen database nor the requests that wait for it delay this answer.
                await assert_healthy(server)
                server.process.terminate()
                until(lambda: refuses_connections(server), "the server refuses connections")

            answers = [await client.answer() for client in clients]

            assert {answer.headers["connection"] for answer in answers} == {"close"}
            created = [answer.json()["data"]["createCustomer"] for answer in answers]
            assert {result["__typename"] for result in created} == {"CreateCustomerSuccess"}
            assert server.process.wait(20) == 0
    with MongoClient[dict[str, Any]](uri) as mongo:
        customers = mongo.get_default_database()["customers"]
        assert customers.count_documents({}) == len(clients)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_server_with_a_frozen_mongod_stops_in_time_even_after_a_second_signal(
    number: signal.Signals, workers: int, data_dir: Path, errors: Path
) -> None:
    flags = ("--workers", str(workers), "--data-dir", str(data_dir))
    with serving(*flags, errors=errors, measured=workers == 2, stop=False) as server:
        all_serve(server, workers)
        [pid] = mongods(data_dir)
        async with wire(server.url) as client:
            freeze(pid)
            await client.send(creation(0))
            await assert_healthy(server)

            os.killpg(server.process.pid, number)
            until(lambda: refuses_connections(server), "it stops")
            os.killpg(server.process.pid, number)

            answer = await client.answer()
            # A second Ctrl-C does not wait for the answers.
            assert answer.status == (503 if number == signal.SIGINT else 200)
        # The answers may take 10 seconds (they take 5), and mongod may take 3.
        assert server.process.wait(15) == 0
    assert not mongods(data_dir)
    log = json.dumps(server.log())
    assert "exception" not in log
    assert "Traceback" not in log


@pytest.mark.in_time
async def test_a_server_that_stops_answers_one_more_request_on_each_connection(
    mongodb_uri: str, errors: Path
) -> None:
    with serving(errors=errors, measured=True, GRAPHQL_API_MONGODB_URI=mongodb_uri) as server:
        async with AsyncExitStack() as stack:
            idle, slow, new, silent = await connections(server, stack, 4)
            await idle.send(get("/healthz"))
            await idle.answer()
            await slow.send(get("/healthz")[:-9])
            await assert_healthy(server)

            server.process.terminate()
            until(lambda: refuses_connections(server), "the server refuses connections")
            await idle.send(get("/healthz"))
            await slow.send(get("/healthz")[-9:])
            await new.send(get("/healthz"))

            for client in (idle, slow, new):
                answer = await client.answer()
                assert (answer.status, answer.headers["connection"]) == (200, "close")
                assert await client.rest() == b""
            assert await silent.rest() == b""


async def test_a_request_that_takes_longer_than_the_stop_gets_an_error(
    mongod: Mongod, errors: Path
) -> None:
    with (
        serving(
            errors=errors,
            measured=True,
            GRAPHQL_API_MONGODB_URI=mongod.uri,
            GRAPHQL_API_SHUTDOWN_SECONDS="1",
        ) as server,
        frozen(mongod.pid),
    ):
        async with wire(server.url) as client:
            await client.send(creation(0))
            await assert_healthy(server)

            server.process.terminate()

            answer = await client.answer()
            assert answer.status == 503
            assert answer.headers["retry-after"] == "1"
            assert answer.code == "SHUTTING_DOWN"
            assert server.process.wait(20) == 0
    assert "CancelledError" not in json.dumps(server.log())


@pytest.fixture(scope="module")
def hasty_server(mongod: Mongod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a limit of one second for an operation."""
    with serving(
        errors=tmp_path_factory.mktemp("hasty-server") / "stderr",
        measured=True,
        GRAPHQL_API_MONGODB_URI=mongod.uri,
        GRAPHQL_API_EXECUTION_SECONDS="1",
    ) as server:
        yield server


@pytest.mark.parametrize(
    ("accept", "status"), [("application/json", 200), ("application/graphql-response+json", 504)]
)
async def test_an_operation_that_takes_too_long_ends_and_its_connection_stays_open(
    mongod: Mongod, hasty_server: Server, accept: str, status: int
) -> None:
    async with wire(hasty_server.url) as client:
        with frozen(mongod.pid):
            await client.send(creation(1, b"Accept: " + accept.encode()))

            answer = await client.answer()

            assert answer.status == status
            assert answer.headers["content-type"] == f"{accept}; charset=utf-8"
            [error] = answer.json()["errors"]
            assert error["extensions"] == {"code": "TIMEOUT"}
            assert "data" not in answer.json()
            # A recent write may have proved for a moment that writes are possible.
            ready = 200
            while ready == 200:
                await client.send(get("/readyz"))
                ready = (await client.answer()).status
            assert ready == 503

        await client.send(get("/healthz"))
        assert (await client.answer()).status == 200

    def seen() -> set[tuple[str | None, str | None]]:
        return {(line.get("path"), line.get("outcome")) for line in hasty_server.log()}

    until(lambda: {("/graphql", "TIMEOUT"), ("/readyz", "failure")} <= seen(), "both are logged")


@pytest.mark.in_time
async def test_a_rolling_restart_under_load_loses_no_request(
    database_uri: str, documents: Collection[dict[str, Any]], errors: Path
) -> None:
    numbers = count()
    acknowledged: list[str] = []
    restarted = asyncio.Event()

    async def create_customers(url: str, pause: float, *headers: bytes) -> None:
        while not restarted.is_set():
            async with wire(url) as client:
                last = False
                while not (last or restarted.is_set()):
                    number = next(numbers)
                    await client.send(creation(number, *headers))
                    answer = await client.answer()
                    result = answer.json()["data"]["createCustomer"]
                    assert result["__typename"] == "CreateCustomerSuccess"
                    acknowledged.append(result["customer"]["email"])
                    last = answer.headers.get("connection") == "close"
                    await asyncio.sleep(pause)

    def restart(server: Server) -> None:
        before = set(server.workers())
        server.process.send_signal(signal.SIGHUP)
        until(lambda: len(before & set(server.workers())) == 1, "the first worker is replaced")
        until(lambda: not before & set(server.workers()), "the second worker is replaced")

    with serving("--workers", "2", errors=errors, GRAPHQL_API_MONGODB_URI=database_uri) as server:
        until(lambda: len(server.workers()) == 2, "both workers run")
        async with asyncio.TaskGroup() as clients:
            # Some clients always have a request in flight, some an idle connection, some a new one.
            for pause in [0.0] * 3 + [0.3] * 20:
                clients.create_task(create_customers(server.url, pause))
            for _ in range(5):
                clients.create_task(create_customers(server.url, 0.0, b"Connection: close"))
            await asyncio.to_thread(restart, server)
            restarted.set()

    assert sorted(customer["email"] for customer in documents.find()) == sorted(acknowledged)
    assert len(acknowledged) == next(numbers)

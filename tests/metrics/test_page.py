"""The page for Prometheus: the numbers of all server processes, whatever becomes of them."""

import contextlib
import importlib.metadata
import os
import signal
import socket
import struct
import time
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from graphql_api.commands import own_version, serve
from graphql_api.metrics.page import MetricsPage
from graphql_api.settings import Settings

from ..support.clients import create_customer
from ..support.scrapes import Numbers, increase, named, scrape
from ..support.servers import Server, frozen, serving, until
from ..support.subscribers import CUSTOMER_EVENTS, subscribed
from ..support.wires import wire

CREATED = "operations_total createCustomer success mutation"


def page_of(server: Server) -> str:
    assert server.metrics is not None
    return server.metrics


async def create(server: Server, numbers: range) -> None:
    """Creates customers over a connection each, so that any worker may get each of them."""
    for number in numbers:
        async with httpx.AsyncClient(base_url=server.url) as client:
            await create_customer(client, email=f"customer{number}@secret.example")


async def test_the_numbers_of_workers_survive_their_replacement_and_their_death(
    database_uri: str, errors: Path
) -> None:
    flags = ("--workers", "2", "--metrics-port", "0")
    with serving(
        *flags, errors=errors, measured=True, GRAPHQL_API_MONGODB_URI=database_uri
    ) as server:
        page = page_of(server)

        def both_answer() -> bool:
            return scrape(page)["workers"] == 2

        until(both_answer, "both workers serve")
        await create(server, range(20))
        assert scrape(page)[CREATED] == 20

        # Replaced.
        first = server.workers()
        server.process.send_signal(signal.SIGHUP)
        sent = 20
        while len(server.workers()) != 2 or {*first} & {*server.workers()}:
            await create(server, range(sent, sent + 1))
            sent += 1
        until(both_answer, "the new workers serve")
        until(lambda: "All server processes are replaced." in errors.read_text(), "it is logged")
        scraped = scrape(page)
        assert scraped[CREATED] == scraped["batch_wait_seconds_count"] == sent
        assert scraped["worker_restarts_total"] == 0

        # One does not answer.
        silent, killed = server.workers()
        with frozen(silent):
            began = time.monotonic()
            scraped = scrape(page)
            took = time.monotonic() - began
        assert scraped["workers"] == 1
        assert scraped["configured_workers"] == 2
        assert scraped[CREATED] == sent
        assert 1 <= took < 20
        until(both_answer, "both answer again")

        # Killed.
        os.kill(killed, signal.SIGKILL)
        until(lambda: scrape(page)["worker_restarts_total"] == 1, "it is noticed")
        until(both_answer, "another one serves")
        await create(server, range(sent, sent + 1))
        assert scrape(page)[CREATED] == sent + 1
        assert "secret" not in " ".join(scrape(page))


async def test_the_only_server_process_is_measured_on_all_its_connections(server: Server) -> None:
    page = page_of(server)
    before = scrape(page)

    def changes() -> Numbers:
        return increase(before, scrape(page))

    async with (
        httpx.AsyncClient(base_url=server.url) as client,
        subscribed(client),
        connect(
            server.url.replace("http", "ws", 1) + "/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
        ) as web_socket,
    ):
        await web_socket.send('{"type": "connection_init"}')
        await web_socket.recv()
        for id_, query in (("1", "mutation { deleteCustomer(id: 1) { __typename } }"), ("2", "{")):
            payload = f'{{"query": "{query}"}}'
            await web_socket.send(f'{{"type": "subscribe", "id": "{id_}", "payload": {payload}}}')
        received = [await web_socket.recv() for _ in range(3)]
        events = CUSTOMER_EVENTS.replace("\n", " ")
        payload = f'{{"query": "{events}"}}'
        for id_ in ("3", "4"):
            await web_socket.send(f'{{"type": "subscribe", "id": "{id_}", "payload": {payload}}}')
        until(
            lambda: named("subscriptions", changes()) == {"event_stream": 1, "websocket": 2},
            "all have subscribed",
        )
        await web_socket.send('{"type": "complete", "id": "3"}')
        async with wire(server.url) as malformed:
            await malformed.send(b"nonsense\r\n\r\n")
            assert (await malformed.answer()).status == 400
    assert any("CustomerNotFound" in str(message) for message in received)

    until(lambda: named("subscriptions", changes()) == {}, "all have ended")
    # The client completed one subscription. The others ended with their connections.
    ended = {
        "customerEvents disconnected subscription": 2,
        "customerEvents success subscription": 1,
    }
    until(lambda: ended.items() <= named("operations_total", changes()).items(), "all are counted")
    counted = changes()
    assert named("operations_total", counted) == {"deleteCustomer rejected mutation": 1, **ended}
    assert named("operation_duration_seconds_count", counted) == {"deleteCustomer": 1}
    assert named("errors_total", counted) == {"GRAPHQL_PARSE_FAILED": 1, "BAD_REQUEST": 1}
    assert named("http_responses_total", counted) == {"200": 1, "101": 1, "400": 1}
    assert scrape(page)["workers"] == scrape(page)["configured_workers"] == 1


def test_the_page_has_one_path_and_the_format_that_the_request_prefers(server: Server) -> None:
    page = page_of(server)

    answer = httpx.get(page, params={"name[]": "graphql_api_workers"})

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.text.splitlines()[1:] == [
        "# TYPE graphql_api_workers gauge",
        "graphql_api_workers 1.0",
    ]
    assert httpx.get(page.removesuffix("metrics")).status_code == 404
    assert httpx.post(page).status_code == 405


def test_connections_without_a_request_end_and_each_other_one_has_one_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = "graphql_api.metrics.page._CONNECTION_SECONDS"
    monkeypatch.setattr(seconds, 0.2)
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    with MetricsPage(listener, ("1", "2", "3"), 1).shown(), contextlib.ExitStack() as stack:
        # So many that another one would be refused.
        idle = [
            stack.enter_context(socket.create_connection(address, timeout=40)) for _ in range(20)
        ]
        assert [connection.recv(1) for connection in idle] == [b""] * 20
        monkeypatch.setattr(seconds, 40.0)

        answer = httpx.get(f"http://127.0.0.1:{address[1]}/metrics", timeout=40)

    assert (answer.status_code, answer.headers["connection"]) == (200, "close")


def test_a_failure_of_the_page_or_of_a_report_is_logged_once_and_the_server_goes_on() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.close()
    page = MetricsPage(listener, ("1", "2", "3"), 1)

    with capture_logs() as logged, page.shown():
        until(lambda: len(logged) == 1, "the failure of the page is logged")
        with page.connect() as reports:
            reports.sendall(struct.pack("!II", 0, 1) + b"{")
            until(lambda: len(logged) == 2, "the failure of the report is logged")

    for line in logged:
        assert line["event"].startswith("The metrics page failed")
        assert line["log_level"] == "error"


def test_a_port_for_metrics_that_is_in_use_is_a_clear_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serve, "_LEFT_BEHIND_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match="in use") as failure:
            serve._metrics_listener(Settings(metrics_port=port))

    assert str(failure.value) == (
        f"Port {port} is in use. Stop the program that uses it, or choose another port with "
        "--metrics-port or GRAPHQL_API_METRICS_PORT."
    )


def test_a_server_that_runs_from_its_source_has_the_version_of_the_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def version(package: str) -> str:
        if package == "graphql-api":
            raise PackageNotFoundError
        return "1"

    own = importlib.metadata.version("graphql-api")
    for module in (serve, own_version):
        monkeypatch.setattr(module, "version", version)

    assert serve._build_info("motor")[0::2] == (own, "motor 1, pymongo 1")
    monkeypatch.setattr(own_version, "PROJECT", tmp_path / "pyproject.toml")
    assert serve._build_info("motor")[0] == "unknown"

"""Traces: what a collector receives of the requests to a server, and what it never receives."""

import asyncio
import contextlib
import contextvars
import hashlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient
from pymongo.errors import NetworkTimeout, OperationFailure
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from graphql_api.app import create_app
from graphql_api.mongo.batches import Batches
from graphql_api.mongo.trusted_documents import MongoTrustedDocuments
from graphql_api.settings import Settings, SettingsError
from graphql_api.tracing.exporter import Exporter
from graphql_api.tracing.requests import RequestTrace
from graphql_api.tracing.tracing import Tracing
from graphql_api.tracing.variables import valid_variables

from ..support.clients import CREATE_CUSTOMER
from ..support.databases import database_at
from ..support.receivers import Answer, Receiver, receiving
from ..support.servers import Server, all_serve, serving, until
from ..support.subscribers import CUSTOMER_EVENTS, subscribed
from ..support.tokens import api_key, bearer
from ..support.traces import spans_in, tree

ACCEPTED = Answer(200)

# A trace that a client has begun and sampled, the span in it that sends the request, and a trace
# that is not sampled.
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{PARENT}-01"
NOT_SAMPLED = f"00-{'8' * 32}-{PARENT}-00"

CUSTOMER = {
    "email": "grace.hopper@navy.example",
    "name": "Grace Brewster",
    "description": "compiler pioneer",
    "phoneNumber": "12125550123",
}
DOCUMENT_ID = hashlib.sha256(CREATE_CUSTOMER.encode()).hexdigest()
QUERY = "query Secretname($id: ID!) { customer(id: $id) { id } }"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A collector to which traces of this process are sent."""
    with receiving() as collector:
        collector.answer = lambda _: ACCEPTED
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        yield collector


def begun(tracing: Tracing, traceparent: str | None = None) -> RequestTrace:
    """A new request, in which the current task or thread works from now on."""
    headers = {} if traceparent is None else {b"traceparent": traceparent.encode()}
    trace = tracing.request("POST", "/graphql", "http", headers)
    assert trace is not None
    return trace


def test_each_command_of_a_request_has_a_span(collector: Receiver, database_uri: str) -> None:
    tracing = Tracing()

    def work(client: MongoClient[Any]) -> None:
        database = client.get_default_database()
        database["people"].insert_many([{}, {}])
        trace = begun(tracing)
        list(database["people"].find(batch_size=1))
        with pytest.raises(OperationFailure):
            database.command({"nonsense": 1, "email": CUSTOMER["email"]})
        with pytest.raises(NetworkTimeout):
            database["people"].find_one({"$where": "sleep(3000) || true"})
        trace.end(200, "success")
        database["people"].find_one()
        with pytest.raises(OperationFailure):
            database.command("nonsense")

    with (
        tracing.sending(),
        MongoClient[Any](
            database_uri,
            socketTimeoutMS=500,
            retryReads=False,
            event_listeners=[tracing.commands],
        ) as client,
    ):
        contextvars.Context().run(work, client)
        name = client.get_default_database().name

    [request, *commands] = reversed(spans_in(collector.received))
    assert (request.name, request.kind, request.parent) == ("POST /graphql", "SERVER", "")
    assert {(command.kind, command.parent) for command in commands} == {("CLIENT", request.id)}
    system = {"db.system.name": "mongodb", "db.namespace": name}
    people = {**system, "db.collection.name": "people"}
    assert {command.name: command.attributes for command in commands[1:]} == {
        "find people": {**people, "db.operation.name": "find"},
        "getMore people": {**people, "db.operation.name": "getMore"},
        f"nonsense {name}": {
            **system,
            "db.operation.name": "nonsense",
            "db.response.status_code": "59",
            "error.type": "CommandNotFound",
        },
    }
    assert commands[0].error == "NetworkTimeout"


async def test_a_batch_is_linked_to_the_requests_that_share_it(collector: Receiver) -> None:
    tracing = Tracing()
    may_end = asyncio.Event()

    async def send(items: list[int], _deadline: float) -> list[int]:
        await may_end.wait()
        return items

    batches = Batches(send, name="insert", spans=tracing.batches)

    async def request(traceparent: str | None, *items: int) -> None:
        trace = begun(tracing, traceparent)
        trace.begin_operation("mutation", "createCustomer")
        deadline = time.monotonic() + 60
        await asyncio.gather(*(batches.outcome(item, deadline) for item in items))
        trace.end_operation(None)
        trace.end(200, "success")

    with tracing.sending():
        alone = asyncio.create_task(request(None, 1))
        await asyncio.sleep(0)
        together = [
            asyncio.create_task(request(traceparent, *items))
            for traceparent, items in ((NOT_SAMPLED, [2]), (SAMPLED, [3, 4]), (None, [5]))
        ]
        may_end.set()
        await asyncio.gather(alone, *together)
        # A batch of requests that are not sampled has no span.
        await asyncio.create_task(request(NOT_SAMPLED, 6))

    spans = spans_in(collector.received)
    first, second = [span for span in spans if span.name == "batch insert"]
    operations = {span.id: span for span in spans if span.name == "mutation"}
    assert first.attributes == {"graphql_api.batch.size": 1}
    assert first.links == [first.parent]
    assert second.attributes == {"graphql_api.batch.size": 4}
    assert second.links[0] == second.parent
    assert second.trace == TRACE == operations[second.parent].trace
    assert [operations[id_].links for id_ in second.links] == [[], [second.id]]
    assert len(operations) == 3


def test_spans_end_with_the_outcome_of_a_request_that_fails(collector: Receiver) -> None:
    tracing = Tracing()

    def work() -> None:
        unanswered = begun(tracing)
        unanswered.begin_operation("query", "customer")
        unanswered.end(None, "disconnected")
        # The second end does nothing.
        unanswered.end(200, "success")
        unusual = tracing.request("BREW", None, "https", {b"traceparent": b"hopper"})
        assert unusual is not None
        unusual.end(501, "NOT_IMPLEMENTED")

    with tracing.sending():
        contextvars.Context().run(work)

    query, request, unusual = spans_in(collector.received)
    assert (query.name, query.error) == ("query", "disconnected")
    assert (request.name, request.error) == ("POST /graphql", "disconnected")
    assert "http.response.status_code" not in request.attributes
    assert (unusual.name, unusual.error, unusual.parent) == ("HTTP", "501", "")
    assert unusual.attributes == {
        "http.request.method": "_OTHER",
        "url.scheme": "https",
        "http.response.status_code": 501,
        "graphql_api.outcome": "NOT_IMPLEMENTED",
        "error.type": "501",
    }


def test_a_disabled_sdk_makes_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    trace = Tracing().request("POST", "/graphql", "http", {})

    assert trace is None


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("OTEL_BSP_SCHEDULE_DELAY", "secret", "DELAY must be a whole number greater than 0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "SIZE must be a whole number greater than 0"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "-secret", "TIMEOUT must be a number of seconds"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization: secret", "HEADERS must be a list"),
        ("OTEL_RESOURCE_ATTRIBUTES", "secret", "ATTRIBUTES must be a list"),
        ("OTEL_TRACES_SAMPLER", "secret", "SAMPLER must be always_on, always_off"),
        ("OTEL_TRACES_SAMPLER_ARG", "10 secret", "ARG must be a number from 0 to 1"),
        # OpenTelemetry itself rejects this one, and logs the other one.
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "secret", "begins with OTEL_"),
        ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "secret", "begins with OTEL_"),
        # The same when it is imported.
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "secret", "begins with OTEL_"),
    ],
)
def test_an_invalid_variable_of_opentelemetry_is_an_invalid_setting(
    name: str,
    value: str,
    advice: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if name == "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT":
        for module in ("graphql_api.tracing.tracing", "opentelemetry.sdk.trace"):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=advice) as raised:
        create_app(Settings(mongodb_uri="mongodb://localhost", telemetry=True))

    assert "secret" not in str(raised.value)
    assert caplog.text == ""


def test_valid_variables_of_opentelemetry_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted = {
        "OTEL_BSP_SCHEDULE_DELAY": " 100 ",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "0.5",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "GZIP",
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer a.b=,x-team= shop",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=tests,team=",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "1e-3",
        "OTEL_SDK_DISABLED": "",
    }
    for name, value in accepted.items():
        monkeypatch.setenv(name, value)

    with valid_variables(accepted):
        tracing = Tracing()

    assert tracing.message("/graphql", {}) is not None


def test_the_log_says_at_the_start_that_traces_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with capture_logs() as logged, Tracing().sending():
        pass
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with capture_logs() as logged_if_disabled, Tracing().sending():
        pass

    assert [line["event"] for line in logged] == ["Traces are sent to the collector."]
    assert logged_if_disabled == []


def test_without_the_extra_the_server_says_how_to_turn_traces_on() -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None; "
        "from graphql_api.__main__ import main; sys.exit(main(['serve']))"
    )

    ended = subprocess.run(  # noqa: S603  # our own command line
        [sys.executable, "-c", program],
        env={**os.environ, "GRAPHQL_API_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    assert "or run `make install` in the sources." in ended.stderr


async def test_a_server_sends_the_spans_of_its_requests(
    collector: Receiver, database_uri: str, errors: Path
) -> None:
    token = await api_key(database_uri)
    async with database_at(database_uri) as database:
        registered = MongoTrustedDocuments(database)
        await registered.add({DOCUMENT_ID: CREATE_CUSTOMER}, datetime.now(UTC))
    # At first the collector closes each connection.
    collector.answer = lambda _: None
    with serving(
        errors=errors,
        measured=True,
        GRAPHQL_API_MONGODB_URI=database_uri,
        GRAPHQL_API_TELEMETRY="true",
        GRAPHQL_API_WORKERS="2",
        GRAPHQL_API_KEYS="true",
        OTEL_BSP_SCHEDULE_DELAY="100",
        OTEL_EXPORTER_OTLP_TIMEOUT="0.5",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=tests",
    ) as server:
        all_serve(server, 2)
        processes = await lose_traces(server, collector)
        headers = {**bearer(token), "traceparent": SAMPLED, "tracestate": "vendor=hopper"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=40) as client:
            by_id = {"documentId": DOCUMENT_ID, "variables": {"input": CUSTOMER}}
            [created] = (await ask(client, by_id))["data"].values()
            id_ = created["customer"]["id"]
            read = {"query": QUERY, "variables": {"id": id_}}
            assert await ask(client, read) == {"data": {"customer": {"id": id_}}}
            failed = [
                await ask(client, {"query": "query Secretname { hopper }"}),
                await ask(client, {"query": QUERY}),
            ]
            await client.get(f"/{CUSTOMER['email']}")
            await client.get("/healthz")
            async with subscribed(client):
                await until_subscribed(collector, 1)
            async with web_socket(server, headers) as socket:
                await send_over(socket, "1", {"query": CUSTOMER_EVENTS})
                await until_subscribed(collector, 2)
                await send_over(socket, "2", read)
                for expected in ("next", "complete"):
                    assert json.loads(await socket.recv())["type"] == expected

    # The server sent the spans of the last request when it stopped.
    spans = [
        span
        for span in spans_in(collector.received)
        # The server may verify a key again, and the change stream may begin in a request.
        if span.trace == TRACE and not {"api_keys", "aggregate"} & set(span.name.split())
    ]
    found = ("query", ("batch find", ("find customers",)))
    writes = ("insert customers",), ("listIndexes customers",)
    assert tree(spans, PARENT) == [
        ("GET",),
        # A document that is not valid.
        ("POST /graphql",),
        (
            "POST /graphql",
            ("batch find", ("find documents",)),
            ("mutation", ("batch insert", *writes)),
        ),
        ("POST /graphql", ("query",)),
        ("POST /graphql", found),
        ("POST /graphql", ("subscription",)),
        ("WEBSOCKET /graphql", found),
        ("WEBSOCKET /graphql", ("subscription",)),
    ]
    # The name of a registered operation, and otherwise that of the root field.
    names = {span.attributes.get("graphql.operation.name") for span in spans}
    assert names == {"CreateCustomer", "customer", "customerEvents", None}
    assert [span.error for span in spans if span.failed] == ["BAD_USER_INPUT"]
    for span in spans:
        assert span.process["service.name"] == "graphql-api"
        assert span.process["deployment.environment.name"] == "tests"
        assert span.process["service.instance.id"] in processes
    for answer in failed:
        assert answer["extensions"]["traceId"] == TRACE
    log = [line for line in server.log() if line["event"] == "request"]
    assert sum(line.get("trace_id") == TRACE for line in log) == len(tree(spans, PARENT))
    # Probes, and the WebSocket itself.
    without = [line for line in log if "trace_id" not in line]
    assert {line["path"] for line in without if line["status"] != 101} == {"/healthz"}
    received = b"".join(request.body for request in collector.received).lower()
    for secret in (*CUSTOMER.values(), id_, token, "hopper", "Secretname"):
        assert secret.lower().encode() not in received


def test_a_header_for_the_collector_that_is_not_valid_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization: Bearer token")
    monkeypatch.setattr(logging.getLogger("opentelemetry.util.re"), "level", logging.NOTSET)

    Exporter()

    assert caplog.text == ""


async def lose_traces(server: Server, collector: Receiver) -> set[str]:
    """Requests succeed, and each process says once that the collector accepts no traces.

    Returns the ids of the processes, from what the collector accepts after that.
    """

    def lines(text: str) -> int:
        return sum(text in line["event"] for line in server.log())

    # Each connection is accepted by any of the processes.
    headers = {"Connection": "close"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=40) as client:

        async def request_until(condition: Callable[[], bool]) -> None:
            async with asyncio.timeout(40):
                while not condition():
                    assert (await client.get("/graphql")).status_code in (401, 429)
                    await asyncio.sleep(0.02)

        await request_until(lambda: lines("accepts no traces") == 2)
        attempts = len(collector.received)
        await request_until(lambda: len(collector.received) > attempts + 6)
        assert lines("accepts no traces") == 2
        collector.answer = lambda _: ACCEPTED
        await request_until(lambda: lines("accepts traces again") == 2)
    assert lines("accepts no traces") == 2
    processes = {span.process["service.instance.id"] for span in spans_in(collector.received)}
    assert len(processes) == 2
    collector.received.clear()
    return processes


async def ask(client: httpx.AsyncClient, request: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = (await client.post("/graphql", json=request)).json()
    return answer


async def until_subscribed(collector: Receiver, number: int) -> None:
    """Waits until the collector has the spans of this number of subscriptions.

    They do not wait for the end of the subscription.
    """

    def arrived() -> bool:
        spans = spans_in(list(collector.received))
        return sum(span.name == "subscription" for span in spans) == number

    await asyncio.to_thread(until, arrived, "the subscription's span has arrived")


@contextlib.asynccontextmanager
async def web_socket(server: Server, headers: dict[str, str]) -> AsyncIterator[ClientConnection]:
    url = server.url.replace("http", "ws", 1) + "/graphql"
    protocol = Subprotocol("graphql-transport-ws")
    async with connect(url, subprotocols=[protocol], additional_headers=headers) as socket:
        await socket.send('{"type": "connection_init"}')
        assert json.loads(await socket.recv()) == {"type": "connection_ack"}
        yield socket


async def send_over(socket: ClientConnection, id_: str, payload: dict[str, Any]) -> None:
    await socket.send(json.dumps({"type": "subscribe", "id": id_, "payload": payload}))

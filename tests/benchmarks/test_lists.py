"""Lists of few and of many customers are measured, on real servers with small collections."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest

import benchmarks.database
from benchmarks import lists
from benchmarks.database import Database
from benchmarks.lists import measure_lists
from benchmarks.many_customers import RARE_CITY, TENTH_COUNTRY, documents
from benchmarks.servers import OURS, STRAWBERRY, Server, ServerFailed, started
from graphql_api.customers.fields import FIELDS
from graphql_api.customers.judge import judge
from graphql_api.customers.problems import Rejected
from graphql_api.mongo.customer_documents import derived_fields

MANY = list(documents(2000))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """As few requests as possible, and databases that no other test has."""
    monkeypatch.setattr(lists, "_SECONDS", 0)
    monkeypatch.setattr(lists, "_REQUESTS", 1)
    monkeypatch.setattr(benchmarks.database, "_numbers", count(uuid4().int >> 96))
    # Coverage would only slow the servers down.
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


def test_the_customers_are_as_the_server_stores_them() -> None:
    for document in MANY:
        customer = judge({field.name: document.get(field.public_name) for field in FIELDS})
        assert not isinstance(customer, Rejected)
        assert derived_fields(customer).items() <= document.items()
        assert document["createdAt"] <= document["updatedAt"]
    assert list(documents(2000)) == MANY


def test_a_few_words_are_in_many_customers() -> None:
    first_names = Counter(document.get("name", "").split(" ")[0] for document in MANY)
    cities = Counter(document["city"] for document in MANY)

    assert first_names["Maria"] > first_names["John"] > 50
    assert list(first_names.values()).count(1) > 50
    assert cities[RARE_CITY] == 3
    assert sum("raritan" in document["search"] for document in MANY) == 3
    assert 100 < sum(document["country"] == TENTH_COUNTRY for document in MANY) < 300
    assert sum("description" in document for document in MANY) in range(1000, 1004)
    assert sum(document.get("name") == "Maria Smith" for document in MANY) > 10
    assert not [document for document in MANY if document.get("name") == "Maria Jones"]


def test_each_kind_of_list_is_measured_on_both_servers(
    mongodb_uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        closing(Database(mongodb_uri, documents(300))) as few,
        closing(Database(mongodb_uri, documents(600))) as many,
        started(OURS, few, tmp_path) as one,
        started(OURS, many, tmp_path) as other,
        started(STRAWBERRY, few, tmp_path) as peer,
    ):
        short = measure_lists([[one, one], [peer, peer]], 1, all_orders=False)
        long = measure_lists([[one, other]], 1, all_orders=True)

    assert len(short) == 14
    assert sum(STRAWBERRY in measured for measured in short.values()) == 6
    assert len(long) == 105
    assert short.keys() < long.keys()
    for measured in long.values():
        for cost in (measured[OURS]["300"], measured[OURS]["600"]):
            assert cost["cpu_milliseconds"] > 0
            assert cost["mongod_milliseconds"] > 0
            assert cost["milliseconds"] > 0
            assert cost["unavailable"] == 0
    assert "unavailable" not in capsys.readouterr().out


class Answer(BaseHTTPRequestHandler):
    """The same answer to every request."""

    content = b""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: Any) -> None:
        """Prints nothing."""


@pytest.fixture
def answering(mongodb_uri: str) -> Iterator[Server]:
    """A server with the answers of `Answer`."""
    with (
        closing(Database(mongodb_uri, documents(100))) as database,
        ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server,
    ):
        thread = Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/graphql"
        yield Server(OURS, os.getpid(), url, database)
        server.shutdown()
        thread.join()


def test_lists_without_an_answer_in_time_are_counted(
    answering: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = b'{"errors": [{"extensions": {"code": "UNAVAILABLE"}}]}'
    monkeypatch.setattr(Answer, "content", content)

    results = measure_lists([[answering, answering]], 2, all_orders=False)

    assert {measured[OURS]["100"]["unavailable"] for measured in results.values()} == {2}
    assert capsys.readouterr().out.count("4 unavailable\n") == 14


@pytest.mark.parametrize(
    "content",
    [
        b'{"data": {"customers": {"nodes": []}}}',
        b'{"data": {"customers": null}, "errors": [{}]}',
    ],
)
def test_another_answer_is_an_error(
    answering: Server, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(Answer, "content", content)

    with pytest.raises(ServerFailed, match=r"^graphql-api, CREATED_AT DESC, page 1,000: "):
        measure_lists([[answering, answering]], 1, all_orders=False)


def test_servers_that_list_different_customers_are_an_error(
    answering: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = (b'{"data": {"customers": {"nodes": [{"id": "%d"}]}}}' % number for number in count())
    monkeypatch.setattr(Answer, "content", property(lambda _: next(pages)))
    servers = [answering, answering]

    with pytest.raises(ServerFailed, match=r"page 1,000: the servers list different customers\.$"):
        measure_lists([servers, servers], 1, all_orders=False)

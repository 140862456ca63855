"""Creations are sent when they are due, and a late answer makes each creation late that waits."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from threading import Event, Thread
from typing import Any

import pytest

from benchmarks import open_loop
from benchmarks.open_loop import send_creations
from benchmarks.servers import ServerFailed

CREATED = b'{"data":{"createCustomer":{"__typename":"CreateCustomerSuccess"}}}'


class Slow(BaseHTTPRequestHandler):
    """Answers nothing until `expected` requests have arrived, and then the same to all."""

    protocol_version = "HTTP/1.1"
    expected = 1
    status = 200
    content = CREATED
    arrived = 0
    have_arrived = Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        Slow.arrived += 1
        if Slow.arrived >= self.expected:
            self.have_arrived.set()
        self.have_arrived.wait(30)
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: Any) -> None:
        """Prints nothing."""


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a server whose answers are those of `Slow`."""
    monkeypatch.setattr(open_loop, "_CONNECTIONS", 4)
    monkeypatch.setattr(Slow, "arrived", 0)
    monkeypatch.setattr(Slow, "have_arrived", Event())
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/graphql"
        Slow.have_arrived.set()
        server.shutdown()
        thread.join()


def test_latencies_count_from_when_the_creations_were_due(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Slow, "expected", 4)

    sent = send_creations(url, repeat(b"{}", 6), 100, lambda: False)

    # The first three wait for the fourth, 10 ms apart.
    first, second, third, *_ = sorted(sent.latencies, reverse=True)
    assert first >= 0.03
    assert second >= 0.02
    assert third >= 0.01
    assert len(sent.latencies) == len(sent.delays) == 6
    assert min(sent.delays) > 0


def test_a_creation_without_a_free_connection_is_sent_later(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = 0

    def is_over() -> bool:
        nonlocal due
        due += 1
        if due == 8:
            Slow.have_arrived.set()
        return due > 10

    monkeypatch.setattr(Slow, "expected", 100)

    sent = send_creations(url, repeat(b"{}"), 100, is_over)

    # There are four connections. The first answers arrived when the eighth was due.
    assert max(sent.delays) >= 0.03
    assert len(sent.latencies) == 10


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("status", 503, r'^The answer to a creation is 503: \{"data":'),
        ("content", b"{}", r"^The answer to a creation is 200: \{\}$"),
        ("expected", 100, r"^A creation has no answer\.$"),
    ],
)
def test_a_creation_that_fails_ends_the_measurement(
    name: str, value: object, message: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Slow, name, value)
    monkeypatch.setattr(open_loop, "_PATIENCE_SECONDS", 0.1)

    with pytest.raises(ServerFailed, match=message):
        send_creations(url, repeat(b"{}", 1 if name == "expected" else 1000), 100, lambda: False)

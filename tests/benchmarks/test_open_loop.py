"""Creations are sent when they are due, and a late answer makes each creation late that waits."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest

from benchmarks import open_loop
from benchmarks.loads import GAP
from benchmarks.open_loop import send_creations
from benchmarks.rounds import WrkMissing
from benchmarks.servers import ServerFailed

from .conftest import needs_wrk

BODIES = [
    json.dumps({"email": f"{name}{GAP}@example.com"}).encode() for name in ("a.", "bb.", "ccc.")
]
CREATED = '{"__typename": "CreateCustomerSuccess", "email": "%s"}'


class Slow(BaseHTTPRequestHandler):  # pragma: no cover  # where wrk is missing
    """Answers nothing until `expected` requests have arrived, and then all of them."""

    protocol_version = "HTTP/1.1"
    expected = 1
    status = 200
    content = CREATED
    is_closing = False
    emails: list[str] = []  # noqa: RUF012  # each test has another list
    have_arrived = Event()

    def do_POST(self) -> None:
        email = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["email"]
        self.emails.append(email)
        if len(self.emails) >= self.expected:
            self.have_arrived.set()
        self.have_arrived.wait(30)
        if self.is_closing:
            self.close_connection = True
            return
        content = self.content.replace("%s", email).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Prints nothing."""


@pytest.fixture
def url(  # pragma: no cover  # where wrk is missing
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """The URL of a server whose answers are those of `Slow`."""
    monkeypatch.setattr(open_loop, "_CONNECTIONS", 4)
    monkeypatch.setattr(Slow, "emails", [])
    monkeypatch.setattr(Slow, "have_arrived", Event())
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/graphql"
        Slow.have_arrived.set()
        server.shutdown()
        thread.join()


@needs_wrk
def test_latencies_count_from_when_the_creations_were_due(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Slow, "expected", 4)

    sent = send_creations(url, BODIES, 100, lambda: len(Slow.emails) >= 6)

    # The first three wait for the fourth, 10 ms apart.
    first, second, third, *_ = sorted(sent.latencies, reverse=True)
    assert first >= 0.03
    assert second >= 0.02
    assert third >= 0.01
    assert len(sent.latencies) == len(sent.delays) == len(Slow.emails)
    assert min(sent.delays) >= 0


@needs_wrk
def test_the_bodies_are_sent_in_turn_with_other_email_addresses(url: str) -> None:
    send_creations(url, BODIES, 100, lambda: len(Slow.emails) >= 6)

    numbers = sorted(Slow.emails, key=lambda email: email.partition(".")[2])
    assert len({*numbers}) == len(numbers)
    assert [email.partition(".")[0] for email in numbers[:6]] == ["a", "bb", "ccc"] * 2


@needs_wrk
def test_a_creation_without_a_free_connection_is_sent_later(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_over() -> bool:
        if len(Slow.emails) < 4:
            return False
        time.sleep(0.1)
        Slow.have_arrived.set()
        return True

    monkeypatch.setattr(Slow, "expected", 100)

    sent = send_creations(url, BODIES, 100, is_over)

    # There are four connections. The fourth creation is due after 30 ms, so the first answers
    # arrived after 130 ms, when the fifth was late by 90 ms and nine others were due too.
    assert max(sent.delays) >= 0.09
    assert len(sent.latencies) == len(Slow.emails) >= 14


@needs_wrk
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("status", 503, r'^The answer to a creation is 503: \{"__typename": '),
        ("content", "{}", r"^The answer to a creation is 200: \{\}$"),
        (
            "content",
            '{"email": "%s"}',
            r'200: \{"email": "[abc]\.[0-9a-f]{6}n[0-9a-f]{6}@example\.com"\}$',
        ),
        ("content", '"CreateCustomerSuccess"', r'200: "CreateCustomerSuccess"$'),
        ("expected", 100, r"^A creation has no answer\.$"),
        ("is_closing", True, r"^The server closed a connection\.$"),
    ],
)
def test_a_creation_that_fails_ends_the_measurement(
    name: str, value: object, message: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Slow, name, value)
    monkeypatch.setattr(open_loop, "_PATIENCE_SECONDS", 0.1)

    with pytest.raises(ServerFailed, match=message):
        send_creations(url, BODIES, 100, lambda: name == "expected" and bool(Slow.emails))


def test_without_wrk_no_creations_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(WrkMissing, match=r"^wrk is missing\. Run apt-get install wrk"):
        send_creations("http://127.0.0.1:1", BODIES, 100, lambda: True)

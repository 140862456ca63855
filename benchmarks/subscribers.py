"""What idle subscribers cost: `python -m benchmarks.subscribers` prints it for 1,000 of them.

It starts a server with its own MongoDB, and measures creations one after another, with and without
subscribers that hear of each: over server-sent events, and over WebSockets. The subscribers are in
a process of their own.
"""

import json
import multiprocessing
import selectors
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from tests.support.servers import Server, serving

SUBSCRIBERS = 1000
CREATIONS = 300
ROUNDS = 3
# Longer than the pause after which each event stream gets a comment.
IDLE_SECONDS = 13

_SUBSCRIPTION = """
subscription {
  customerEvents {
    __typename
    ... on CustomerCreated { cursor customer { id name email } }
    ... on CustomerUpdated { cursor customer { id name email } changedFields }
    ... on CustomerDeleted { cursor id }
    ... on EventsMissed { cursor message }
  }
}
"""
_CREATION = "mutation ($email: String!) { createCustomer(input: {email: $email}) { __typename } }"
_PRIVATE = "Private_Dirty:"
_TICKS = 100


def private_kilobytes(pid: int) -> int:
    """The memory that only this process uses."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(_PRIVATE))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def subscribe(url: str, number: int, ready: Event, done: Event, *, web_sockets: bool) -> None:
    """Opens subscriptions, and reads what they get until it is done."""
    address = urlsplit(url)
    selector = selectors.DefaultSelector()
    for _ in range(number):
        connection = socket.create_connection((address.hostname, address.port))
        open_one = open_web_socket if web_sockets else open_event_stream
        open_one(connection)
        selector.register(connection, selectors.EVENT_READ)
    ready.set()
    while not done.is_set():
        for key, _ in selector.select(0.1):
            key.fileobj.recv(65536)  # type: ignore[union-attr]  # a socket


def open_event_stream(connection: socket.socket) -> None:
    body = json.dumps({"query": _SUBSCRIPTION}).encode()
    connection.sendall(
        b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    assert connection.recv(4096).startswith(b"HTTP/1.1 200")  # noqa: S101  # a benchmark


def open_web_socket(connection: socket.socket) -> None:
    connection.sendall(
        b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert connection.recv(4096).startswith(b"HTTP/1.1 101")  # noqa: S101  # a benchmark
    connection.sendall(frame({"type": "connection_init"}))
    assert b"connection_ack" in connection.recv(4096)  # noqa: S101  # as above
    connection.sendall(frame({"type": "subscribe", "id": "1", "payload": {"query": _SUBSCRIPTION}}))


def frame(message: object) -> bytes:
    """A message of a client, with a mask of zeros (RFC 6455, 5.2)."""
    text = json.dumps(message).encode()
    return b"\x81\xfe%s\0\0\0\0%s" % (len(text).to_bytes(2, "big"), text)


def creations(client: httpx.Client, emails: Iterator[str]) -> list[float]:
    """The seconds that each creation takes, with a pause after each of them."""
    taken = []
    for _ in range(CREATIONS):
        request = {"query": _CREATION, "variables": {"email": next(emails)}}
        began = time.perf_counter()
        client.post("/graphql", json=request).raise_for_status()
        taken.append(time.perf_counter() - began)
        time.sleep(0.01)
    return taken


def main() -> None:
    emails = (f"customer{number}@example.com" for number in range(1_000_000))
    most = str(2 * SUBSCRIBERS)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(
            *("--data-dir", f"{folder}/data"),
            errors=Path(folder, "stderr"),
            GRAPHQL_API_MAX_CONNECTIONS=most,
            GRAPHQL_API_MAX_SUBSCRIPTIONS=most,
            GRAPHQL_API_MAX_CLIENT_SUBSCRIPTIONS=most,
            GRAPHQL_API_LOG_LEVEL="warning",
        ) as server,
        httpx.Client(base_url=server.url, timeout=60) as client,
    ):
        creations(client, emails)
        # In turn, because the speed of the machine may change meanwhile.
        kinds = [(0, False), (SUBSCRIBERS, False), (SUBSCRIBERS, True)]
        measured = [
            [measure(server, client, emails, number, web_sockets=web) for number, web in kinds]
            for _ in range(ROUNDS)
        ]
    nobody, streams, web_sockets = [list(rounds) for rounds in zip(*measured, strict=True)]
    print(f"Without subscribers: {median(nobody)}")
    for name, rounds in (("event streams", streams), ("WebSockets", web_sockets)):
        ratio = statistics.median(
            one.seconds / other.seconds for one, other in zip(rounds, nobody, strict=True)
        )
        print(f"{SUBSCRIBERS} {name}: {median(rounds)}, {ratio:.2f} times as long")


class Measured(NamedTuple):
    """What the subscribers cost; memory in kB, and CPU seconds of the server."""

    kilobytes: float
    idle_share: float
    seconds: float
    cpu_seconds: float

    def __str__(self) -> str:
        return (
            f"{self.kilobytes:.0f} kB, idle {self.idle_share:.2%} of a CPU, a creation takes "
            f"{self.seconds * 1000:.2f} ms and {self.cpu_seconds * 1000:.2f} ms of the server's CPU"
        )


def median(rounds: Sequence[Measured]) -> Measured:
    """The median of each figure, except of the memory: later rounds use the first one's again."""
    kilobytes = max(one.kilobytes for one in rounds)
    return Measured(*map(statistics.median, zip(*rounds, strict=True)))._replace(
        kilobytes=kilobytes
    )


def measure(
    server: Server, client: httpx.Client, emails: Iterator[str], number: int, *, web_sockets: bool
) -> Measured:
    context = multiprocessing.get_context("spawn")
    pid = server.process.pid
    ready, done = context.Event(), context.Event()
    before = private_kilobytes(pid)
    process = context.Process(
        target=subscribe,
        args=(server.url, number, ready, done),
        kwargs={"web_sockets": web_sockets},
    )
    process.start()
    ready.wait()
    time.sleep(2)
    memory = private_kilobytes(pid) - before
    idle_from, began = cpu_seconds(pid), time.monotonic()
    time.sleep(IDLE_SECONDS)
    idle = (cpu_seconds(pid) - idle_from) / (time.monotonic() - began)
    used = cpu_seconds(pid)
    taken = creations(client, emails)
    used = (cpu_seconds(pid) - used) / CREATIONS
    done.set()
    process.join()
    time.sleep(1)
    return Measured(memory, idle, statistics.median(taken), used)


if __name__ == "__main__":
    main()

"""What idle subscribers cost: `python -m benchmarks.subscribers` prints it for 1,000 of them.

It starts a server with its own MongoDB, and measures creations one after another, with and without
subscribers that hear of each. The subscribers are in a process of their own.
"""

import json
import multiprocessing
import selectors
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.support.servers import serving

SUBSCRIBERS = 1000
CREATIONS = 300
ROUNDS = 3

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


def subscribe(url: str, number: int, ready: Event, done: Event) -> None:
    """Opens subscriptions, and reads what they get until it is done."""
    address = urlsplit(url)
    body = json.dumps({"query": _SUBSCRIPTION}).encode()
    request = (
        b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    selector = selectors.DefaultSelector()
    for _ in range(number):
        connection = socket.create_connection((address.hostname, address.port))
        connection.sendall(request)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")  # noqa: S101  # a benchmark
        selector.register(connection, selectors.EVENT_READ)
    ready.set()
    while not done.is_set():
        for key, _ in selector.select(0.1):
            key.fileobj.recv(65536)  # type: ignore[union-attr]  # a socket


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
    context = multiprocessing.get_context("spawn")
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
        pid = server.process.pid
        creations(client, emails)
        for _ in range(ROUNDS):
            measured = []
            for number in (1, SUBSCRIBERS):
                ready, done = context.Event(), context.Event()
                before = private_kilobytes(pid)
                process = context.Process(target=subscribe, args=(server.url, number, ready, done))
                process.start()
                ready.wait()
                time.sleep(1)
                memory = private_kilobytes(pid) - before
                idle_from, began = cpu_seconds(pid), time.monotonic()
                time.sleep(13)
                idle = (cpu_seconds(pid) - idle_from) / (time.monotonic() - began)
                used = cpu_seconds(pid)
                taken = creations(client, emails)
                used = (cpu_seconds(pid) - used) / CREATIONS
                done.set()
                process.join()
                time.sleep(1)
                measured.append((number, memory, idle, statistics.median(taken), used))
            for number, memory, idle, median, used in measured:
                print(
                    f"{number:5} subscribers: {memory:6} kB, idle {idle:.2%} of a CPU, a creation "
                    f"takes {median * 1000:.2f} ms, and {used * 1000:.2f} ms of the server's CPU"
                )


if __name__ == "__main__":
    main()

"""The servers that are measured: how each is started, and what it costs."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graphql_api.settings import PREFIX, variable

from . import processes
from .database import Database
from .rules import rules_as_json

FLOOR = "floor"
OURS = "graphql-api"
TWO_WORKERS = "graphql-api, two workers"
ON_PYMONGO = "graphql-api on PyMongo"
WITH_METRICS = "graphql-api, metrics"
WITH_SUBSCRIBERS = "graphql-api, subscribers"
STRAWBERRY = "default Strawberry"
MERCURIUS = "Mercurius"

_PATIENCE_SECONDS = 30

_MERCURIUS = Path(__file__).with_name("mercurius")
_UVICORN = [sys.executable, "-m", "uvicorn"]
_OURS = [sys.executable, "-m", "graphql_api", "serve"]
_COMMANDS = {
    FLOOR: [
        *(*_UVICORN, "--factory", "benchmarks.floor:create", "--lifespan", "off"),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--no-server-header"),
        *("--no-proxy-headers", "--port"),
    ],
    OURS: [*_OURS, "--port"],
    TWO_WORKERS: [*_OURS, "--workers", "2", "--port"],
    ON_PYMONGO: [*_OURS, "--port"],
    WITH_METRICS: [*_OURS, "--metrics-port", "0", "--port"],
    WITH_SUBSCRIBERS: [*_OURS, "--port"],
    STRAWBERRY: [*_UVICORN, "benchmarks.default_strawberry:app", "--port"],
    MERCURIUS: ["node", str(_MERCURIUS / "server.js")],
}

# How many subscribers a server accepts from one address, if it has subscribers.
SUBSCRIBERS = 100

_VARIABLES = {
    ON_PYMONGO: {variable("mongodb_driver"): "pymongo"},
    WITH_SUBSCRIBERS: {variable("max_client_subscriptions"): str(SUBSCRIBERS)},
}


class ServerFailed(Exception):
    """A server does not start, or does not work as expected."""


@dataclass(frozen=True)
class Server:
    """A running server with its own database."""

    name: str
    pid: int
    url: str
    database: Database

    def cpu_seconds(self) -> float:
        """The CPU time so far, user and system, of all its threads and processes."""
        return processes.cpu_seconds(self.pid)

    def resident_bytes(self) -> int:
        """The resident memory of all its processes."""
        return processes.resident_bytes(self.pid)


def install_mercurius() -> None:
    """Installs Mercurius with npm. Raises `ServerFailed`."""
    if shutil.which("npm") is None:
        raise ServerFailed("Mercurius needs Node and npm.")
    command = ["npm", "ci", "--silent", "--prefix", str(_MERCURIUS)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own command
    if done.returncode:
        raise ServerFailed(f"npm ci: {done.stderr}")


@contextlib.contextmanager
def started(name: str, database: Database, folder: Path) -> Iterator[Server]:
    """Runs the server of this name on a free port, until the block ends; its log is in the folder.

    Raises `ServerFailed`.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
    uris = dict.fromkeys([variable("mongodb_uri"), "BENCHMARK_MONGODB_URI"], database.uri)
    log = folder / f"{name}-{secrets.token_hex(4)}.log".replace(" ", "-")
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603  # our own commands
            [*_COMMANDS[name], str(port)],
            env={
                **inherited,
                **uris,
                **_VARIABLES.get(name, {}),
                "BENCHMARK_RULES": rules_as_json(),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            _await_listener(process, port, log)
            yield Server(name, process.pid, f"http://127.0.0.1:{port}/graphql", database)
        finally:
            process.terminate()


def _await_listener(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.05)
    raise ServerFailed(f"The server does not start: {process.args!r}\n{log.read_text()}")

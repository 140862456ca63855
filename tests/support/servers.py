"""The server as a subprocess, the processes that it starts, and functions that wait for them."""

import asyncio
import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from graphql_api.settings import PREFIX

from .databases import DRIVER, DRIVER_VARIABLE

_TIMEOUT_SECONDS = 40.0


@dataclass(frozen=True)
class Server:
    """A `graphql-api serve` that answers requests, and the file of its standard error."""

    process: subprocess.Popen[str]
    url: str
    errors: Path
    # The page of the metrics, if it shows them.
    metrics: str | None = None

    def kill(self) -> None:
        """Kills it with SIGKILL, so that it cannot stop anything."""
        self.process.kill()
        self.process.wait(_TIMEOUT_SECONDS)

    def log(self) -> list[dict[str, Any]]:
        """The lines that the server has logged so far."""
        return [json.loads(line) for line in self.errors.read_text().splitlines()]

    def workers(self) -> list[int]:
        """The process ids of the server processes of `--workers`."""
        return worker_processes(self.process.pid)


@contextlib.contextmanager
def serving(
    *flags: str, errors: Path, stop: bool = True, measured: bool = False, **environment: str
) -> Iterator[Server]:
    """Serves on a free port. At the end, asserts that SIGTERM stops the server with exit code 0.

    With `stop=False` the test must stop the server. `measured` is that of `launched`.
    """
    arguments = ("serve", "--port", "0", *flags)
    with launched(*arguments, errors=errors, measured=measured, **environment) as process:
        url = _address(process, errors)
        answer = httpx.get(f"{url}/healthz", timeout=_TIMEOUT_SECONDS)
        assert answer.status_code == 200
        yield Server(process, url, errors, _metrics(process) if "--metrics-port" in flags else None)
        if stop:
            process.send_signal(signal.SIGTERM)
            assert process.wait(_TIMEOUT_SECONDS) == 0, errors.read_text()


@contextlib.contextmanager
def launched(
    *arguments: str, errors: Path, measured: bool = False, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Starts `graphql-api` with these arguments, and kills it at the end.

    It inherits the environment of this process, except the settings. Coverage sees the process only
    if it is `measured`: its start then takes two thirds more CPU time, and so do its requests.
    """
    left_out = PREFIX if measured else (PREFIX, "COVERAGE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    with (
        errors.open("w") as stderr,
        subprocess.Popen(  # noqa: S603  # our own command line
            [sys.executable, "-m", "graphql_api", *arguments],
            env={**inherited, DRIVER_VARIABLE: DRIVER, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            # Ctrl-C in a test must reach only the processes of the server.
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def variables_of_a_service(prefix: str) -> dict[str, str]:
    """The variables that Kubernetes sets in each container for a Service with one named port."""
    address, port = "10.96.0.12", "8000"
    return {
        f"{prefix}_SERVICE_HOST": address,
        f"{prefix}_SERVICE_PORT": port,
        f"{prefix}_SERVICE_PORT_HTTP": port,
        f"{prefix}_PORT": f"tcp://{address}:{port}",
        f"{prefix}_PORT_8000_TCP": f"tcp://{address}:{port}",
        f"{prefix}_PORT_8000_TCP_PROTO": "tcp",
        f"{prefix}_PORT_8000_TCP_PORT": port,
        f"{prefix}_PORT_8000_TCP_ADDR": address,
    }


def until(condition: Callable[[], object], what: str) -> None:
    """Waits until the condition is true. Fails after 40 seconds; `what` is for the message."""
    give_up = time.monotonic() + _TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < give_up, f"waited in vain until {what}"
        time.sleep(0.02)


async def eventually(condition: Callable[[], object]) -> None:
    """Waits for 40 seconds at most until the condition is true, while the event loop goes on."""
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        while not condition():  # noqa: ASYNC110  # no event signals it
            await asyncio.sleep(0.02)


def all_serve(server: Server, workers: int) -> None:
    """Waits until all workers serve."""
    ready = "Application startup complete."
    until(lambda: server.errors.read_text().count(ready) == workers, "all workers serve")


def mongods(data_dir: Path) -> list[int]:
    """The process ids of the mongods that use a data directory."""
    folder = data_dir.resolve() / "mongod"
    pids = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            if _proc(pid, "comm") == "mongod\n" and Path(f"/proc/{pid}/cwd").readlink() == folder:
                pids.append(pid)
    return pids


def worker_processes(parent: int) -> list[int]:
    """The process ids of the workers that a process has started."""
    return [
        pid
        for pid in _pids()
        if f"PPid:\t{parent}\n" in _proc(pid, "status") and "spawn_main" in _proc(pid, "cmdline")
    ]


def alive(pid: int) -> bool:
    """Whether a process runs. A zombie does not."""
    status = _proc(pid, "status")
    return status != "" and "State:\tZ" not in status


def freeze(pid: int) -> None:
    """Stops a process with SIGSTOP, as on a machine that hangs. SIGCONT lets it run again."""
    os.kill(pid, signal.SIGSTOP)

    def all_stopped() -> bool:
        threads = Path(f"/proc/{pid}/task").iterdir()
        return all("State:\tT" in (thread / "status").read_text() for thread in threads)

    # One thread receives the signal, when it next runs, and stops the others. Until then, they may
    # still answer.
    until(all_stopped, "the process is frozen")


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Freezes a process until the context ends."""
    try:
        freeze(pid)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _address(process: subprocess.Popen[str], errors: Path) -> str:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], _TIMEOUT_SECONDS)
    line = process.stdout.readline() if readable else "nothing"
    address = re.match(r"(?:Dashboard|GraphiQL|GraphQL): (http://[^/]+)/", line)
    assert address, (line, errors.read_text())
    return address[1]


def _metrics(process: subprocess.Popen[str]) -> str:
    """The address of the metrics, which the server prints after those of its pages."""
    assert process.stdout is not None
    line = next(line for line in process.stdout if line.startswith("Metrics: "))
    return line.removeprefix("Metrics: ").strip()


def _pids() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]


def _proc(pid: int, name: str) -> str:
    # The process may end before its file is read.
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_text()
    return ""

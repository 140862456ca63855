"""Rounds of load on the servers in turn, and the cost of one request in each round."""

import json
import secrets
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from .loads import GAP, LOADS, Scenario
from .report import Report, Round
from .servers import Server, ServerFailed

_SCRIPT = Path(__file__).with_name("load.lua")
_POOL = 1000
_PATIENCE_SECONDS = 30

# An idle server still uses some CPU time for its connections.
_LOOK_SECONDS = 0.1
_IDLE_CPU_SECONDS = 0.011
# The server may not have read the last requests of wrk yet.
_IDLE_LOOKS = 10


class WrkMissing(Exception):
    """wrk is not on the PATH."""


def find_wrk() -> str:
    """The path of wrk. Raises `WrkMissing`."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise WrkMissing("wrk is missing. Run apt-get install wrk, or brew install wrk.")
    return wrk


class Driver:
    """Drives servers with wrk. The files that wrk reads are in the folder."""

    def __init__(self, folder: Path, rounds: int, seconds: int) -> None:
        """Raises `WrkMissing`."""
        self._wrk = find_wrk()
        self._folder = folder
        self._rounds = rounds
        self._seconds = seconds
        for name, load in LOADS.items():
            (folder / name).write_bytes(load.body)

    def interleaved(self, servers: Sequence[Server], scenarios: Sequence[Scenario]) -> Report:
        """Measures every server in turn in each round, and prints a table of each scenario.

        Raises `ServerFailed`.
        """
        report = Report(self._seconds)
        for scenario in scenarios:
            for server in servers:
                self.prepare(server, scenario)
            for _ in range(self._rounds):
                for server in servers:
                    report.add(scenario, server.name, self.round(server, scenario))
            print(report.table(scenario), flush=True)
        return report

    def prepare(self, server: Server, scenario: Scenario) -> None:
        """Checks one answer of the server, and drives it for one second without measuring.

        Raises `ServerFailed`.
        """
        server.database.fill(_POOL)
        ids = list(map(str, server.database.ids(_POOL)))
        self._ids(server).write_text("\n".join(ids), "utf-8")
        load = LOADS[scenario.load]
        value = ids[0] if scenario.load == "read" else secrets.token_hex(8)
        answer = httpx.post(
            server.url,
            content=load.body.replace(GAP.encode(), value.encode()),
            headers={"Content-Type": "application/json"},
            timeout=_PATIENCE_SECONDS,
        )
        try:
            load.check(answer.json())
        except ValueError as error:
            raise ServerFailed(
                f"{server.name}: the answer to {scenario.load} {error}: {answer.text}"
            ) from None
        self._drive(server, scenario, 1)

    def round(self, server: Server, scenario: Scenario, seconds: int | None = None) -> Round:
        """Measures one round. Without `seconds` it has the driver's length.

        Raises `ServerFailed` if a request failed, or if the number of new customers is not the one
        that the answers say.
        """
        database = server.database
        customers, mongod, cpu = len(database), database.mongod_cpu_seconds(), server.cpu_seconds()
        done = self._drive(server, scenario, seconds or self._seconds)
        cpu, mongod = server.cpu_seconds() - cpu, database.mongod_cpu_seconds() - mongod
        new = len(database) - customers
        answered, sent = done["requests"], _sent(done, scenario)
        if done["errors"] or not answered:
            raise ServerFailed(f"{server.name}, {scenario.name}: {done}")
        if not (answered <= new <= sent if scenario.load == "create" else new == 0):
            raise ServerFailed(f"{server.name}, {scenario.name}: {done}, but {new} new customers.")
        return Round(
            requests=answered,
            cpu_microseconds=cpu / sent * 1e6,
            mongod_microseconds=mongod / sent * 1e6,
            requests_per_second=answered / done["microseconds"] * 1e6,
            p50_milliseconds=done["p50"] / 1000,
            p99_milliseconds=done["p99"] / 1000,
        )

    def _drive(self, server: Server, scenario: Scenario, seconds: int) -> dict[str, int]:
        """The summary of wrk, once the server has handled everything that wrk sent."""
        customers = len(server.database)
        values = (
            ["ids", str(self._ids(server))]
            if scenario.load == "read"
            else ["numbers", secrets.token_hex(4)]
        )
        command = [
            *(self._wrk, "--threads", "1", "--connections", str(scenario.connections)),
            *("--duration", f"{seconds}s", "--timeout", "10s", "--script", str(_SCRIPT)),
            *(server.url, "--", str(self._folder / scenario.load), GAP, *values),
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own command
        if done.returncode:
            raise ServerFailed(f"wrk: {done.stderr}")
        measured: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
        new = _sent(measured, scenario) if scenario.load == "create" else 0
        _await_rest(server, customers + new)
        return measured

    def _ids(self, server: Server) -> Path:
        return self._folder / f"{server.pid}.ids"


def _sent(done: dict[str, int], scenario: Scenario) -> int:
    # wrk ends without waiting for the answers to its last requests.
    return done["requests"] + scenario.connections


def _await_rest(server: Server, customers: int) -> None:
    """Returns once the server is idle: with that many customers, or for longer without them."""
    before = server.cpu_seconds()
    idle_looks = 0
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while idle_looks < (1 if len(server.database) >= customers else _IDLE_LOOKS):
        if time.monotonic() > give_up:
            raise ServerFailed(f"{server.name} does not become idle.")
        time.sleep(_LOOK_SECONDS)
        now = server.cpu_seconds()
        idle_looks = idle_looks + 1 if now - before < _IDLE_CPU_SECONDS else 0
        before = now

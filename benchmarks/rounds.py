"""Rounds of load on servers, in turn, and what each of their requests cost."""

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

# A server that has nothing to do still looks after its connections.
_LOOK_SECONDS = 0.1
_IDLE_CPU_SECONDS = 0.011
# Of what wrk sent last, it may not have read everything.
_IDLE_LOOKS = 10


class WrkMissing(Exception):
    """There is no wrk on the PATH."""


class Driver:
    """Drives servers with wrk; the files that it reads are in the folder."""

    def __init__(self, folder: Path, rounds: int, seconds: int) -> None:
        """Raises `WrkMissing`."""
        wrk = shutil.which("wrk")
        if wrk is None:
            raise WrkMissing("The load comes from wrk: apt-get install wrk, or brew install wrk.")
        self._wrk = wrk
        self._folder = folder
        self._rounds = rounds
        self._seconds = seconds
        for name, load in LOADS.items():
            (folder / name).write_bytes(load.body)

    def interleaved(self, servers: Sequence[Server], scenarios: Sequence[Scenario]) -> Report:
        """Every server in turn, again and again, and a table of each scenario when it is done.

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
        """Checks one answer of the server, and drives it for a second that does not count.

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
        """One round, of the driver's own length where nothing else is said.

        Raises `ServerFailed` where an answer was none, or a customer is missing or too many.
        """
        kept, cpu_seconds = len(server.database), server.cpu_seconds()
        done = self._drive(server, scenario, seconds or self._seconds)
        cpu_seconds, kept = server.cpu_seconds() - cpu_seconds, len(server.database) - kept
        answered, sent = done["requests"], _sent(done, scenario)
        if done["errors"] or not answered:
            raise ServerFailed(f"{server.name}, {scenario.name}: {done}")
        if not (answered <= kept <= sent if scenario.load == "create" else kept == 0):
            raise ServerFailed(f"{server.name}, {scenario.name}: {done}, but {kept} are new.")
        return Round(
            requests=answered,
            cpu_microseconds=cpu_seconds / sent * 1e6,
            requests_per_second=answered / done["microseconds"] * 1e6,
            p50_milliseconds=done["p50"] / 1000,
            p99_milliseconds=done["p99"] / 1000,
        )

    def _drive(self, server: Server, scenario: Scenario, seconds: int) -> dict[str, int]:
        """What wrk says at its end, when the server is done with all that it sent."""
        kept = len(server.database)
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
        _await_rest(server, kept + new)
        return measured

    def _ids(self, server: Server) -> Path:
        return self._folder / f"{server.pid}.ids"


def _sent(done: dict[str, int], scenario: Scenario) -> int:
    # At its end wrk leaves without the answers to what it sent last.
    return done["requests"] + scenario.connections


def _await_rest(server: Server, customers: int) -> None:
    """Returns when the server is done: idle, with so many customers, or without them for long."""
    before = server.cpu_seconds()
    idle_looks = 0
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while idle_looks < (1 if len(server.database) >= customers else _IDLE_LOOKS):
        if time.monotonic() > give_up:
            raise ServerFailed(f"{server.name} does not come to rest.")
        time.sleep(_LOOK_SECONDS)
        now = server.cpu_seconds()
        idle_looks = idle_looks + 1 if now - before < _IDLE_CPU_SECONDS else 0
        before = now

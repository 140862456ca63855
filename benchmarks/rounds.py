"""Rounds of load on a server, and what each request of them cost."""

import json
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import httpx

from .loads import GAP, LOADS, Scenario
from .servers import Server, ServerFailed

_SCRIPT = Path(__file__).with_name("load.lua")
_POOL = 1000


class WrkMissing(Exception):
    """There is no wrk on the PATH."""


@dataclass(frozen=True)
class Round:
    """What one round measured; all but the requests is for one request."""

    requests: int
    cpu_microseconds: float
    requests_per_second: float
    p50_milliseconds: float
    p99_milliseconds: float


class Driver:
    """Drives servers with wrk; the files that it reads are in the folder."""

    def __init__(self, folder: Path) -> None:
        """Raises `WrkMissing`."""
        wrk = shutil.which("wrk")
        if wrk is None:
            raise WrkMissing("The load comes from wrk: apt-get install wrk, or brew install wrk.")
        self._wrk = wrk
        self._folder = folder
        for name, load in LOADS.items():
            (folder / name).write_bytes(load.body)

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
        )
        if answer.status_code != httpx.codes.OK or not load.is_right(answer.json()["data"]):
            raise ServerFailed(f"{server.name} answered to {scenario.load}: {answer.text}")
        self.round(server, scenario, 1)

    def round(self, server: Server, scenario: Scenario, seconds: int) -> Round:
        """Raises `ServerFailed` where an answer was none, or a customer is missing or too many."""
        kept, cpu_seconds = len(server.database), server.cpu_seconds()
        done = self._drive(server, scenario, seconds)
        cpu_seconds, kept = server.cpu_seconds() - cpu_seconds, len(server.database) - kept
        requests: int = done["requests"]
        # At the end wrk leaves without the answers to what it sent last.
        most = requests + scenario.connections
        if done["errors"] or not requests:
            raise ServerFailed(f"{server.name}, {scenario.name}: {done}")
        if not (requests <= kept <= most if scenario.load == "create" else kept == 0):
            raise ServerFailed(f"{server.name}, {scenario.name}: {done}, but {kept} are new.")
        return Round(
            requests=requests,
            cpu_microseconds=cpu_seconds / requests * 1e6,
            requests_per_second=requests / done["microseconds"] * 1e6,
            p50_milliseconds=done["p50"] / 1000,
            p99_milliseconds=done["p99"] / 1000,
        )

    def _drive(self, server: Server, scenario: Scenario, seconds: int) -> dict[str, int]:
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
        return measured

    def _ids(self, server: Server) -> Path:
        return self._folder / f"{server.pid}.ids"

"""The results: a table with ratios to the first server and to Mercurius, and JSON."""

import json
import os
import platform
import sysconfig
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from .loads import Scenario
from .servers import MERCURIUS

_MEASURES = {
    "cpu_microseconds": "CPU µs/request",
    "mongod_microseconds": "mongod CPU µs",
    "requests_per_second": "requests/s",
    "p50_milliseconds": "p50 ms",
    "p99_milliseconds": "p99 ms",
}


def python_build() -> str:
    """The Python that runs the benchmark and the servers, and whether it is an optimised one."""
    if "deb_system" in sysconfig.get_scheme_names():
        build = "Debian's, which is optimised"
    elif "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""):
        build = "built with --enable-optimizations"
    else:
        build = "built without --enable-optimizations"
    return f"{platform.python_version()}, {build}"


@dataclass(frozen=True)
class Round:
    """The result of one round. All numbers but `requests` and the rate are for one request."""

    requests: int
    cpu_microseconds: float
    mongod_microseconds: float
    requests_per_second: float
    p50_milliseconds: float
    p99_milliseconds: float


class Report:
    """The rounds of each server in each scenario. All servers have the same number of rounds."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._rounds: dict[Scenario, dict[str, list[Round]]] = {}

    def add(self, scenario: Scenario, server: str, measured: Round) -> None:
        self._rounds.setdefault(scenario, {}).setdefault(server, []).append(measured)

    def median(self, scenario: Scenario, server: str, measure: str) -> float:
        return median(self._values(scenario, server, measure))

    def ratio(self, scenario: Scenario, server: str, other: str, measure: str) -> float:
        """The median of the ratios to another server, each within one round."""
        values = self._values(scenario, server, measure)
        others = self._values(scenario, other, measure)
        return median(value / beside for value, beside in zip(values, others, strict=True))

    def _compared(self, scenario: Scenario) -> list[str]:
        """The servers to which there are ratios: the first one, and Mercurius if it is measured."""
        servers = self._rounds[scenario]
        return list(dict.fromkeys([next(iter(servers)), *({MERCURIUS} & servers.keys())]))

    def _values(self, scenario: Scenario, server: str, measure: str) -> list[float]:
        return [getattr(measured, measure) for measured in self._rounds[scenario][server]]

    def table(self, scenario: Scenario) -> str:
        """Each measure, and in parentheses its ratios to the first server's and to Mercurius'."""
        rows = [[scenario.name, *_MEASURES.values()]]
        for server in self._rounds[scenario]:
            cells = [self._cell(scenario, server, measure) for measure in _MEASURES]
            rows.append([server, *cells])
        return "".join(
            f"{name:<26}{''.join(cell.rjust(22) for cell in cells)}\n" for name, *cells in rows
        )

    def _cell(self, scenario: Scenario, server: str, measure: str) -> str:
        ratios = [
            f"{self.ratio(scenario, server, other, measure):.2f}"
            for other in self._compared(scenario)
        ]
        return f"{self.median(scenario, server, measure):.4g} ({', '.join(ratios)})"

    def write(self, file: Path, others: Mapping[str, object]) -> None:
        """Writes the rounds and other results as JSON, such as the costs of lists."""
        results = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {
                "processors": os.cpu_count(),
                "system": platform.platform(),
                "python": python_build(),
            },
            "seconds": self._seconds,
            "scenarios": {
                scenario.name: {server: self._result(scenario, server) for server in servers}
                for scenario, servers in self._rounds.items()
            },
            **others,
        }
        file.write_text(json.dumps(results, indent=2) + "\n", "utf-8")

    def _result(self, scenario: Scenario, server: str) -> dict[str, Any]:
        measures = [field.name for field in fields(Round)]
        return {
            "median": {name: self.median(scenario, server, name) for name in measures},
            "ratios": {
                other: {name: self.ratio(scenario, server, other, name) for name in measures}
                for other in self._compared(scenario)
            },
            "rounds": [asdict(measured) for measured in self._rounds[scenario][server]],
        }

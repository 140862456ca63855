"""The plots in docs/images: the servers by concurrency, and by the size of the collection."""

from collections.abc import Sequence
from pathlib import Path

from .loads import Scenario
from .pictures import Line, Panel, draw
from .rounds import Driver
from .servers import FLOOR, OURS, STRAWBERRY, Server

_FOLDER = Path(__file__).parents[1] / "docs" / "images"
_COLOURS = {OURS: "#1f5fa8", FLOOR: "#6b6b6b", STRAWBERRY: "#b5511b"}
_CONNECTIONS = [1, 4, 16, 32, 64, 128, 256]
_THOUSANDS = [1, 10, 100, 300]
_STYLES = {"create": "-", "read": "--"}


def plot_concurrency(driver: Driver, servers: Sequence[Server]) -> None:
    """Raises `ServerFailed`."""
    scenarios = [Scenario("create", connections) for connections in _CONNECTIONS]
    report = driver.interleaved(servers, scenarios)

    def lines(measure: str) -> list[Line]:
        return [
            Line(
                server.name,
                [report.median(scenario, server.name, measure) for scenario in scenarios],
                _COLOURS[server.name],
            )
            for server in servers
        ]

    panels = [
        Panel("Creations per second", lines("requests_per_second"), logarithmic=True),
        Panel("99th percentile of the latency, in ms", lines("p99_milliseconds"), logarithmic=True),
    ]
    draw(_FOLDER / "concurrency.svg", "connections", _CONNECTIONS, panels)


def plot_size(driver: Driver, servers: Sequence[Server]) -> None:
    """Raises `ServerFailed`."""
    # Reads come first, because creations make the collection larger.
    scenarios = [Scenario(load, 32) for load in ("read", "create")]
    reports = []
    for thousands in _THOUSANDS:
        for server in servers:
            server.database.fill(thousands * 1000)
        print(f"{thousands} 000 customers")
        reports.append(driver.interleaved(servers, scenarios))

    def lines(measure: str) -> list[Line]:
        return [
            Line(
                f"{server.name}: {scenario.load}",
                [report.median(scenario, server.name, measure) for report in reports],
                _COLOURS[server.name],
                _STYLES[scenario.load],
            )
            for server in servers
            for scenario in scenarios
        ]

    panels = [
        Panel("CPU time of one request, in microseconds", lines("cpu_microseconds")),
        Panel("Median latency, in ms", lines("p50_milliseconds")),
    ]
    draw(_FOLDER / "size.svg", "thousands of customers in the collection", _THOUSANDS, panels)

"""The command line of the benchmarks."""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from graphql_api.mongo.mongod import embedded_mongod, find_mongod

from .database import Database
from .loads import SCENARIOS, Scenario
from .report import Report
from .rounds import Driver, WrkMissing
from .servers import FLOOR, SERVERS, Server, ServerFailed, started


def main() -> int:
    options = _parser().parse_args()
    chosen = [scenario for scenario in SCENARIOS if scenario.name in options.only]
    names = [name for name in SERVERS if name in (FLOOR, *options.servers)]
    try:
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as folder,
            embedded_mongod(find_mongod(None), Path(folder)) as uri,
        ):
            driver = Driver(Path(folder))
            with _all_started(names, uri, Path(folder)) as servers:
                report = _measured(driver, servers, chosen, options.rounds, options.seconds)
            report.write(options.output)
    except (WrkMissing, ServerFailed) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measures what one request costs, beside a floor."
    )
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--rounds", type=int, default=5, help="Default: %(default)s.")
    parser.add_argument("--seconds", type=int, default=4, help="Of each. Default: %(default)s.")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="SCENARIO")
    parser.add_argument(
        "--servers", nargs="+", choices=SERVERS, default=SERVERS, help="Beside the floor."
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results.json"))
    return parser


@contextlib.contextmanager
def _all_started(names: list[str], mongodb_uri: str, folder: Path) -> Iterator[list[Server]]:
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                started(name, Database(mongodb_uri, name.replace(" ", "-")), folder)
            )
            for name in names
        ]


def _measured(
    driver: Driver, servers: list[Server], scenarios: list[Scenario], rounds: int, seconds: int
) -> Report:
    report = Report(seconds)
    for scenario in scenarios:
        for server in servers:
            driver.prepare(server, scenario)
        for _ in range(rounds):
            for server in servers:
                report.add(scenario, server.name, driver.round(server, scenario, seconds))
        print(report.table(scenario), flush=True)
    return report


if __name__ == "__main__":
    sys.exit(main())

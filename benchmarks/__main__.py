"""The command line of the benchmarks."""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from graphql_api.mongo.mongod import embedded_mongod, find_mongod

from .database import Database
from .loads import LOADS, SCENARIOS, Scenario
from .memory import print_memory
from .plots import plot_concurrency, plot_size
from .profiles import profile
from .rounds import Driver, WrkMissing
from .servers import (
    FLOOR,
    MERCURIUS,
    OURS,
    STRAWBERRY,
    TWO_WORKERS,
    Server,
    ServerFailed,
    install_mercurius,
    started,
)

_RESULTS = Path(__file__).with_name("results.json")

# Starts servers by their names, each with a new database.
_Start = Callable[..., contextlib.AbstractContextManager[list[Server]]]


def main() -> int:
    options = _parser().parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            folder = Path(name)
            driver = Driver(folder, options.rounds, options.seconds)
            with embedded_mongod(find_mongod(None), folder) as uri:
                _run(options, driver, partial(_started, uri, folder))
    except (WrkMissing, ServerFailed) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures the cost of one request and compares it with a floor: the same "
        "answers without GraphQL.",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        type=_scenario,
        default=SCENARIOS,
        metavar="SCENARIO",
        help="The load (create, invalid or read) and the number of connections, such as create@32. "
        f"Default: {' '.join(scenario.name for scenario in SCENARIOS)}.",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=5,
        help="Rounds for each server and scenario. Default: %(default)s.",
    )
    parser.add_argument(
        "--seconds", type=int, default=4, help="Seconds of each round. Default: %(default)s."
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=_RESULTS,
        help="File for the results as JSON. Default: benchmarks/results.json.",
    )
    parser.add_argument(
        "--with-mercurius",
        action="store_true",
        help="Also measure Mercurius. npm installs it first.",
    )
    parser.add_argument(
        "--requests",
        type=int,
        default=500_000,
        help="Number of hostile requests that --memory sends. Default: %(default)s.",
    )
    another = parser.add_mutually_exclusive_group()
    another.add_argument(
        "--workers", action="store_true", help="Compare two server processes with one."
    )
    another.add_argument(
        "--profile", choices=(OURS, FLOOR, STRAWBERRY), help="Profile a server with py-spy."
    )
    another.add_argument(
        "--memory",
        action="store_true",
        help="Show the memory of the server during many ordinary and hostile requests.",
    )
    another.add_argument(
        "--plots", action="store_true", help="Draw the plots in docs/images again."
    )
    return parser


def _scenario(name: str) -> Scenario:
    load, _, connections = name.partition("@")
    if load not in LOADS or not connections.isdecimal():
        raise argparse.ArgumentTypeError(
            f"{name} is not a scenario. Use one such as {SCENARIOS[0].name}."
        )
    return Scenario(load, int(connections))


def _run(options: argparse.Namespace, driver: Driver, start: _Start) -> None:
    if options.plots:
        with start(FLOOR, OURS, STRAWBERRY) as servers:
            plot_concurrency(driver, servers)
        with start(FLOOR, OURS) as servers:
            plot_size(driver, servers)
    elif options.memory:
        with start(OURS) as [server]:
            print_memory(driver, server, options.requests)
    elif options.profile:
        with start(options.profile) as [server]:
            for scenario in options.only:
                profile(driver, server, scenario, options.seconds)
    else:
        names = [OURS, TWO_WORKERS] if options.workers else [FLOOR, OURS, STRAWBERRY]
        if options.with_mercurius:
            install_mercurius()
            names.append(MERCURIUS)
        with start(*names) as servers:
            driver.interleaved(servers, options.only).write(options.output)


@contextlib.contextmanager
def _started(mongodb_uri: str, folder: Path, *names: str) -> Iterator[list[Server]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(started(name, Database(mongodb_uri), folder)) for name in names]


if __name__ == "__main__":
    sys.exit(main())

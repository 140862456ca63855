"""The command line of the benchmarks."""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import repeat
from pathlib import Path

from graphql_api.mongo.mongod import embedded_mongod, find_mongod

from .beside import works_beside
from .database import Database
from .files import measure_files
from .growth import measure_growth
from .lists import Results, measure_lists
from .loads import LOADS, SCENARIOS, Scenario
from .many_customers import documents
from .memory import print_memory
from .plots import plot_concurrency, plot_size
from .profiles import profile
from .report import Report, python_build
from .rounds import Driver, WrkMissing
from .servers import (
    FLOOR,
    MERCURIUS,
    ON_PYMONGO,
    OURS,
    STRAWBERRY,
    TWO_WORKERS,
    WITH_METRICS,
    WITH_SUBSCRIBERS,
    Server,
    ServerFailed,
    install_mercurius,
    started,
)
from .tails import draw_tails, half_load, measure_tails, print_tails

# The numbers of customers in the lists that are compared.
_FEW = 10_000
_MANY = 50_000
# The number of customers beside creations and other work. With fewer of them, mongod more often
# splits pages of indexes that have grown to 5 MB.
_BESIDE = 300_000

# What the drivers are compared by.
_OF_DRIVERS = [Scenario(load, number) for load in ("create", "read", "list") for number in (1, 32)]

# What other programs are compared by, beside the lists one after another.
_OF_LISTS = [Scenario("list", 32), Scenario("list", 1)]

# The rows that are imported and exported.
_ROWS = 20_000

_RESULTS = Path(__file__).with_name("results.json")

# Starts servers by their names, each with a new database.
_Start = Callable[..., contextlib.AbstractContextManager[list[Server]]]


def main() -> int:
    parser = _parser()
    options = parser.parse_args()
    if options.rate is not None and not (options.tails and options.rate > 0):
        parser.error("--rate needs --tails, and a number greater than 0.")
    print(f"Python {python_build()}\n", flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            folder = Path(name)
            driver = Driver(folder, options.rounds, options.seconds)
            with embedded_mongod(find_mongod(None), folder) as uri:
                if options.files:
                    measure_files(uri, folder, options.files)
                else:
                    _run(options, driver, uri, folder)
                    if _measures_all(options):
                        measure_files(uri, folder, _ROWS)
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
        metavar="SCENARIO",
        help=f"The load ({', '.join(LOADS)}) and the number of connections, such as create@32. "
        f"Default: {' '.join(scenario.name for scenario in SCENARIOS)}, lists of {_FEW:,} "
        f"and {_MANY:,} customers, and files of {_ROWS:,} rows.",
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
        "--rate",
        type=float,
        help="With --tails: creations in a second, in place of half of the greatest load.",
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
        "--drivers", action="store_true", help="Compare the driver PyMongo with Motor."
    )
    another.add_argument(
        "--metrics", action="store_true", help="Compare a server that shows metrics with another."
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
    another.add_argument(
        "--lists",
        type=int,
        metavar="CUSTOMERS",
        help=f"Measure lists of {_FEW:,} and of this many customers, in all orders, and compare "
        "other programs.",
    )
    another.add_argument(
        "--tails",
        action="store_true",
        help="Measure creations at half of the greatest load, beside other work, and draw them.",
    )
    another.add_argument(
        "--growth",
        type=int,
        metavar="CUSTOMERS",
        help=f"Compare creations beside {_FEW:,} customers with those beside this many.",
    )
    another.add_argument(
        "--files",
        type=int,
        metavar="ROWS",
        help="Measure the import and the export of this number of customers.",
    )
    return parser


def _scenario(name: str) -> Scenario:
    load, _, connections = name.partition("@")
    if load not in LOADS or not connections.isdecimal():
        raise argparse.ArgumentTypeError(
            f"{name} is not a scenario. Use one such as {SCENARIOS[0].name}."
        )
    return Scenario(load, int(connections))


def _measures_all(options: argparse.Namespace) -> bool:
    compared = (options.workers, options.drivers, options.metrics)
    others = (options.only, *compared, options.profile, options.memory)
    return not any((*others, options.plots, options.lists, options.tails, options.growth))


def _run(options: argparse.Namespace, driver: Driver, mongodb_uri: str, folder: Path) -> None:
    lists: Results = {}
    start: _Start = partial(_started, mongodb_uri, folder)
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
            for scenario in options.only or SCENARIOS:
                profile(driver, server, scenario, options.seconds)
    elif options.lists:
        names = [OURS, *_peers(options)]
        with _started_with_lists(mongodb_uri, folder, names, options.lists) as pairs:
            lists = measure_lists(pairs, options.rounds, all_orders=True)
            report = driver.interleaved(_labelled(pairs), _OF_LISTS)
        report.write(options.output, {"lists": lists})
    elif options.tails:
        start_one = partial(start, WITH_SUBSCRIBERS, sizes=[_BESIDE])
        rate = options.rate or half_load(start_one, options.seconds)
        works = works_beside(folder, options.seconds)
        tails = measure_tails(start_one, works, rate, options.rounds, options.seconds)
        draw_tails(tails)
        Report(options.seconds).write(options.output, {"tails": print_tails(tails)})
    elif options.growth:
        with start(OURS, OURS, sizes=(_FEW, options.growth)) as servers:
            measure_growth(servers, options.rounds, options.seconds).write(options.output, {})
    elif options.drivers:
        with start(OURS, ON_PYMONGO) as servers:
            report = driver.interleaved(servers, options.only or _OF_DRIVERS)
        report.write(options.output, {})
    else:
        with start(*_names(options)) as servers:
            report = driver.interleaved(servers, options.only or SCENARIOS)
        if not (options.only or options.metrics):
            with _started_with_lists(mongodb_uri, folder, [OURS], _MANY) as pairs:
                lists = measure_lists(pairs, options.rounds, all_orders=False)
        report.write(options.output, {"lists": lists})


def _names(options: argparse.Namespace) -> list[str]:
    """The servers that are compared, the one that the ratios are to first."""
    if options.workers:
        return [OURS, TWO_WORKERS]
    if options.metrics:
        return [OURS, WITH_METRICS]
    return [FLOOR, OURS, *_peers(options)]


def _peers(options: argparse.Namespace) -> list[str]:
    """The other programs. Raises `ServerFailed`."""
    if not options.with_mercurius:
        return [STRAWBERRY]
    install_mercurius()
    return [STRAWBERRY, MERCURIUS]


@contextlib.contextmanager
def _started(
    mongodb_uri: str, folder: Path, *names: str, sizes: Iterable[int] = repeat(0)
) -> Iterator[list[Server]]:
    with contextlib.ExitStack() as stack:
        servers = []
        for name, size in zip(names, sizes, strict=False):
            database = stack.enter_context(contextlib.closing(_database(mongodb_uri, size)))
            servers.append(stack.enter_context(started(name, database, folder)))
        yield servers


@contextlib.contextmanager
def _started_with_lists(
    mongodb_uri: str, folder: Path, names: Sequence[str], many: int
) -> Iterator[list[list[Server]]]:
    """Two servers of each name: one with few customers, and one with many."""
    with contextlib.ExitStack() as stack:
        databases = [
            stack.enter_context(contextlib.closing(_database(mongodb_uri, size)))
            for size in (_FEW, many)
        ]
        yield [
            [stack.enter_context(started(name, database, folder)) for database in databases]
            for name in names
        ]


def _database(mongodb_uri: str, size: int) -> Database:
    began = time.monotonic()
    database = Database(mongodb_uri, documents(size))
    if size:
        print(f"Stored {size:,} customers in {time.monotonic() - began:.0f} s.", flush=True)
    return database


def _labelled(pairs: Sequence[Sequence[Server]]) -> list[Server]:
    """The servers with few customers and then those with many, named after their number."""
    return [
        replace(server, name=f"{server.name}, {len(server.database):,}")
        for servers in zip(*pairs, strict=True)
        for server in servers
    ]


if __name__ == "__main__":
    sys.exit(main())

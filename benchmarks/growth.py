"""The cost of creations beside few and beside many customers."""

import time
from collections.abc import Sequence
from itertools import islice
from statistics import median, quantiles

from .loads import Scenario
from .many_customers import creations
from .open_loop import send_creations
from .report import Report, Round
from .servers import Server

# Creations in a second: so few that each is answered before the next one is due.
_RATE = 50
_SCENARIO = Scenario("create", 1)


def measure_growth(servers: Sequence[Server], rounds: int, seconds: int) -> Report:
    """Measures the servers in turn, and prints a table with the ratios to the first.

    Each creation has another invented customer, so that the keys of the indexes are as far apart
    as those of the stored customers. The CPU time of mongod is that with a checkpoint after the
    creations. Raises `ServerFailed`.
    """
    report = Report(seconds)
    names = [f"{len(server.database):,} customers" for server in servers]
    for _ in range(rounds):
        for name, server in zip(names, servers, strict=True):
            report.add(_SCENARIO, name, _round(server, seconds))
    print(report.table(_SCENARIO), flush=True)
    return report


def _round(server: Server, seconds: int) -> Round:
    bodies, database = list(islice(creations(), _RATE * seconds)), server.database
    # The pages that other creations changed are not those of this round.
    database.checkpoint()
    cpu, mongod = server.cpu_seconds(), database.mongod_cpu_seconds()
    end = time.monotonic() + seconds
    sent = send_creations(server.url, bodies, _RATE, lambda: time.monotonic() > end)
    cpu = server.cpu_seconds() - cpu
    database.checkpoint()
    mongod = database.mongod_cpu_seconds() - mongod
    latencies, requests = sent.latencies, len(sent.latencies)
    return Round(
        requests=requests,
        cpu_microseconds=cpu / requests * 1e6,
        mongod_microseconds=mongod / requests * 1e6,
        requests_per_second=_RATE,
        p50_milliseconds=median(latencies) * 1e3,
        p99_milliseconds=quantiles(latencies, n=100)[-1] * 1e3,
    )

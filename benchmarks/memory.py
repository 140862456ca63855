"""Whether a server's memory stays as it is, however many requests come."""

from itertools import cycle

from .loads import Scenario
from .rounds import Driver
from .servers import Server

_REQUESTS = 200_000
_STEP = 20_000
_SECONDS = 2
_SCENARIOS = [Scenario("create", 32), Scenario("read", 32)]


def print_memory(driver: Driver, server: Server) -> None:
    """Creates and reads in turn, and says now and then what is resident.

    Raises `ServerFailed`.
    """
    for scenario in _SCENARIOS:
        driver.prepare(server, scenario)
    sent = 0
    shown = 0
    print(f"{'requests':>10}{'resident MiB':>15}")
    for scenario in cycle(_SCENARIOS):
        if sent >= shown:
            print(f"{sent:>10}{server.resident_bytes() / 2**20:>15.1f}", flush=True)
            shown += _STEP
        if sent >= _REQUESTS:
            return
        sent += driver.round(server, scenario, _SECONDS).requests

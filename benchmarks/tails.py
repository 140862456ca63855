"""The latencies of creations at half of the greatest load, while other work runs beside them."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from .beside import Work
from .many_customers import creations
from .open_loop import Sent, send_creations
from .pictures import Line, Panel, draw
from .servers import Server

_PICTURE = Path(__file__).parents[1] / "docs" / "images" / "tails.svg"
_COLOURS = ["#6b6b6b", "#1f5fa8", "#2a8a7a", "#b5511b", "#8a4fa3", "#111111", "#c9a400"]
# For how long creations are sent before each measurement.
_WARM_UP_SECONDS = 4.0
# More creations than a server answers in a second.
_MOST_IN_A_SECOND = 5_000
# Of this many creations, one has a greater latency.
_POSITIONS = {2: "50 %", 10: "90 %", 100: "99 %", 1000: "99.9 %"}

# The creations that were sent beside each kind of work.
Tails = dict[str, Sent]

# Starts a server with a new database.
Start = Callable[[], contextlib.AbstractContextManager[list[Server]]]


def half_load(start: Start, seconds: float) -> float:
    """Half of the greatest load, in creations per second. Raises `ServerFailed`.

    The greatest load is of creations of different invented customers, which are sent as fast as
    they are answered, for as long as a round: with 60 seconds or more, it includes a checkpoint
    of mongod.
    """
    with _warm(start) as server:
        sent = _measure_greatest(server, seconds)
    return len(sent.latencies) / max(sent.latencies) / 2


def measure_tails(
    start: Start, works: Mapping[str, Sequence[Work]], rate: float, rounds: int, seconds: float
) -> Tails:
    """Sends this number of creations in a second, in turn beside each kind of work.

    Each measurement has a new server with a new database, so that the customers of one do not make
    the next one slower. The creations of a round have different invented customers, the same in
    each round. A round of each kind has these seconds, with the start of wrk, or, if an import
    takes longer, lasts until its end. Raises `ServerFailed`.
    """
    titles = "".join(title.rjust(16) for title in _numbers(Sent([1], [0])))
    print(f"{f'{rate:.0f} creations/s, beside':<32}{titles}")
    tails = {name: Sent() for name in works}
    bodies = list(islice(creations(), math.ceil(rate * seconds)))
    for _ in range(rounds):
        for name, of_kind in works.items():
            with _warm(start) as server:
                sent = _measure(server, of_kind, bodies, rate, seconds)
            _print(name, sent)
            tails[name].latencies.extend(sent.latencies)
            tails[name].delays.extend(sent.delays)
    return tails


def print_tails(tails: Tails) -> dict[str, dict[str, float]]:
    """Prints the numbers of all rounds together, and returns them."""
    print("all rounds together:")
    return {name: _print(name, sent) for name, sent in tails.items()}


def draw_tails(tails: Tails, file: Path = _PICTURE) -> None:
    """Draws the latencies by percentile, in milliseconds and in multiples of the median."""
    heights = {
        name: [_percentile(sent.latencies, 1 - 1 / each) * 1e3 for each in _POSITIONS]
        for name, sent in tails.items()
    }
    ratios = {name: [each / of_one[0] for each in of_one] for name, of_one in heights.items()}
    draw(
        file,
        "percentile of the creations",
        [*_POSITIONS],
        [
            Panel("Latency, in ms", _lines(heights), logarithmic=True),
            Panel("Latency, in multiples of the median", _lines(ratios), logarithmic=True),
        ],
        [*_POSITIONS.values()],
    )


def _lines(heights: Mapping[str, Sequence[float]]) -> list[Line]:
    colours = zip(heights.items(), _COLOURS, strict=False)
    return [Line(name, of_one, colour) for (name, of_one), colour in colours]


@contextlib.contextmanager
def _warm(start: Start) -> Iterator[Server]:
    """A new server that has created customers already.

    The first creations are slower, because mongod reads the pages of the indexes. A checkpoint
    follows, so that mongod does not write soon what was stored before the measurement.
    """
    with start() as [server]:
        _measure_greatest(server, _WARM_UP_SECONDS)
        server.database.checkpoint()
        yield server


def _measure(
    server: Server, works: Sequence[Work], bodies: Sequence[bytes], rate: float, seconds: float
) -> Sent:
    with contextlib.ExitStack() as stack:
        may_end = [stack.enter_context(work(server)) for work in works]
        end = time.monotonic() + seconds
        return send_creations(
            server.url,
            bodies,
            rate,
            lambda: time.monotonic() > end and all(each() for each in may_end),
        )


def _measure_greatest(server: Server, seconds: float) -> Sent:
    bodies = list(islice(creations(), math.ceil(_MOST_IN_A_SECOND * seconds)))
    return _measure(server, [], bodies, math.inf, seconds)


def _print(name: str, sent: Sent) -> dict[str, float]:
    numbers = _numbers(sent)
    cells = "".join(f"{number:.4g}".rjust(16) for number in numbers.values())
    print(f"{name:<32}{cells}", flush=True)
    return numbers


def _numbers(sent: Sent) -> dict[str, float]:
    p50, p99, p999 = (_percentile(sent.latencies, share) * 1e3 for share in (0.5, 0.99, 0.999))
    return {
        "creations": len(sent.latencies),
        "p50 ms": p50,
        "p99 ms": p99,
        "p99.9 ms": p999,
        "p99 / p50": p99 / p50,
        "p99 of delays": _percentile(sent.delays, 0.99) * 1e3,
    }


def _percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[math.ceil(len(values) * share) - 1]

"""No request costs more work than its length is worth, counted in instructions and not in time."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.growth_requests import REQUESTS
from ..support.growth_server import ask_each
from ..support.node import skipped_without

# Bytes that a request has, about.
_SMALL = 4_000
_LARGE = 16_000
# Work that is linear grows by less than 4, since each request costs something in any case, and
# work that is quadratic by up to 16.
_MOST_GROWTH = 5
# About 50 ms of a processor: no request may hold up the others for longer.
_MOST_INSTRUCTIONS = 200_000_000

needs_valgrind = skipped_without(shutil.which("valgrind"), "Valgrind")


async def test_every_growing_request_is_answered() -> None:
    answered = await ask_each({name: request(1000) for name, request in REQUESTS.items()})

    assert {name: status for name, (status, _) in answered.items() if status >= 500} == {}


@pytest.mark.patient
@needs_valgrind
def test_no_request_costs_more_than_its_length_is_worth(tmp_path: Path) -> None:
    large, small = instructions(tmp_path / "callgrind", _SMALL, _LARGE, _MOST_GROWTH)

    grown = {name: cost for name, cost in small.items() if large[name] > _MOST_GROWTH * cost}
    dear = {name: cost for name, cost in large.items() if cost > _MOST_INSTRUCTIONS}
    assert large.keys() == REQUESTS.keys()
    assert grown == {}
    assert dear == {}


def instructions(
    output: Path, small: int, large: int, most_growth: int
) -> list[dict[str, int]]:  # pragma: no cover  # where Valgrind is missing
    """The instructions that each large request costs, and each small one that may cost too few."""
    done = subprocess.run(  # noqa: S603  # the tests' own program
        [
            *("valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", "--dump-line=no"),
            *(f"--callgrind-out-file={output}", "--dump-before=sched_yield"),
            *(sys.executable, "-m", "tests.support.growth_server", str(output)),
            *map(str, (small, large, most_growth)),
        ],
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
        # Without coverage's hook in subprocesses, and with the same hashes each time.
        env={
            **{name: value for name, value in os.environ.items() if "COVERAGE" not in name},
            "PYTHONHASHSEED": "0",
        },
    )
    assert done.returncode == 0, done.stderr
    costs: list[dict[str, int]] = json.loads(done.stdout)
    return costs

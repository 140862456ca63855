"""Profiles of a server under load, made with py-spy."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .loads import Scenario
from .rounds import Driver
from .servers import Server, ServerFailed

_FOLDER = Path(__file__).with_name("profiles")
# A picture to look at, and stacks with their numbers of samples to search.
_FORMATS = {"flamegraph": "svg", "raw": "txt"}
_SAMPLES_PER_SECOND = 200


def profile(driver: Driver, server: Server, scenario: Scenario, seconds: int) -> None:
    """Writes both profiles, each from its own round, and prints their paths.

    Raises `ServerFailed`.
    """
    driver.prepare(server, scenario)
    _FOLDER.mkdir(exist_ok=True)
    for form, suffix in _FORMATS.items():
        file = _FOLDER / f"{server.name.replace(' ', '-')}-{scenario.name}.{suffix}"
        with ThreadPoolExecutor() as threads:
            # The load starts before py-spy and ends after it.
            load = threads.submit(driver.round, server, scenario, seconds + 2)
            _record(server.pid, form, file, seconds)
            load.result()
        print(file)


def _record(pid: int, form: str, file: Path, seconds: int) -> None:
    command = [
        *(str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(pid)),
        *("--format", form, "--output", str(file), "--duration", str(seconds)),
        *("--rate", str(_SAMPLES_PER_SECOND)),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own command
    if done.returncode:
        raise ServerFailed(f"py-spy: {done.stderr}")

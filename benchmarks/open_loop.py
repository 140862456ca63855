"""Creations at fixed times, whether or not the earlier ones are answered: an open loop.

A client that waits for each answer sends nothing while the server is slow, and so leaves out the
latencies that other clients would have had ("coordinated omission"). Here, as in wrk2, a latency
counts from the time at which the request was due.

wrk sends the requests, because it shares the processors with the server and needs little CPU time.
A script gives each creation its time.
"""

import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .loads import GAP
from .rounds import find_wrk
from .servers import ServerFailed

_SCRIPT = Path(__file__).with_suffix(".lua")
# Enough for each request, unless the server answers nothing for a tenth of a second. They are used
# in turn, so that the server does not close one that is idle.
_CONNECTIONS = 128
# Longer than any measurement. The script ends wrk.
_DURATION = "24h"
_PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.05
# Linux keeps the answers in memory. On a disk, wrk may wait for mongod's writes when it writes the
# answers, and then it sends the next creations late.
_IN_MEMORY = Path("/dev/shm")  # noqa: S108  # each file in it has a name of its own


@dataclass
class Sent:
    """The latency of each creation, and by how much it was sent too late, both in seconds.

    A latency ends with the whole answer. Both begin when the creation is due.
    """

    latencies: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)


def send_creations(
    url: str, bodies: Sequence[bytes], rate: float, is_over: Callable[[], bool]
) -> Sent:
    """Sends `rate` creations in a second until it is over, and awaits the last answers.

    With `math.inf`, each connection sends the next one when it has an answer, and all latencies
    count from the beginning.

    The creations have the bodies in turn, each with another value in place of `GAP` in its email
    address. Raises `WrkMissing`, or `ServerFailed` if a creation does not succeed.
    """
    with (
        tempfile.TemporaryDirectory(prefix="open-loop-") as name,
        tempfile.NamedTemporaryFile(prefix="open-loop-", dir=_IN_MEMORY) as in_memory,
    ):
        folder, answers = Path(name), Path(in_memory.name)
        file, over = folder / "bodies", folder / "over"
        file.write_bytes(b"\n".join(bodies))
        command = [
            *(find_wrk(), "--threads", "1", "--connections", str(_CONNECTIONS)),
            *("--duration", _DURATION, "--script", str(_SCRIPT), url, "--"),
            *(str(file), GAP, f"{secrets.token_hex(3)}n", repr(rate), str(over), str(answers)),
        ]
        with (
            (folder / "faults").open("w+") as faults,
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=faults) as wrk,  # noqa: S603  # our own command
        ):
            try:
                while wrk.poll() is None and not is_over():
                    time.sleep(_LOOK_SECONDS)
                over.touch()
                _await_answers(wrk, answers)
            finally:
                wrk.kill()
            if wrk.returncode:
                faults.seek(0)
                raise ServerFailed(faults.read())
        sent = Sent()
        for line in answers.read_text("utf-8").splitlines():
            delay, latency = map(float, line.split())
            sent.delays.append(delay / 1000)
            sent.latencies.append(latency / 1000)
        return sent


def _await_answers(wrk: subprocess.Popen[bytes], answers: Path) -> None:
    """Returns when wrk has ended. Raises `ServerFailed` if no answers arrive."""
    size, give_up = -1, 0.0
    while wrk.poll() is None:
        if (now := answers.stat().st_size) > size:
            size, give_up = now, time.monotonic() + _PATIENCE_SECONDS
        elif time.monotonic() > give_up:
            raise ServerFailed("A creation has no answer.")
        time.sleep(_LOOK_SECONDS)

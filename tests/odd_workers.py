"""Workers with faults under the real supervisor: `python -m tests.odd_workers KIND FOLDER`.

Each worker leaves a file in the folder that is named after its process id.
"""

import os
import signal
import socket
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from graphql_api import workers
from graphql_api.logs import configure_logs

FOLDER = Path(sys.argv[2])
LOOK_SECONDS = 0.02
MOST_SILENT_LOOKS = 20


def serve_on(words: Connection) -> None:
    """Serves, so to speak, until SIGTERM."""
    (FOLDER / str(os.getpid())).touch()
    while True:
        workers.say_so(words)
        time.sleep(LOOK_SECONDS)


def slow(_listener: socket.socket, words: Connection) -> None:
    """Starts for much longer than a worker that serves may be silent."""
    time.sleep(LOOK_SECONDS * MOST_SILENT_LOOKS * 4)
    serve_on(words)


# What is killed cannot say that it was run.
def silent(_listener: socket.socket, words: Connection) -> None:  # pragma: no cover
    """The first one serves, and then hangs."""
    try:
        (FOLDER / "hangs").touch(exist_ok=False)
    except FileExistsError:
        serve_on(words)
    workers.say_so(words)
    time.sleep(3600)


def stubborn(_listener: socket.socket, words: Connection) -> None:  # pragma: no cover
    """Does not care about SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    serve_on(words)


def broken(_listener: socket.socket, words: Connection) -> None:
    """Cannot start once there is a file `broken`."""
    if (FOLDER / "broken").exists():
        sys.exit(7)
    serve_on(words)


if __name__ == "__main__":
    workers._LOOK_SECONDS = LOOK_SECONDS
    workers._MOST_SILENT_LOOKS = MOST_SILENT_LOOKS
    workers._PAUSE_SECONDS = workers._FAREWELL_SECONDS = 0.1
    configure_logs("info", "json")
    work = {"slow": slow, "silent": silent, "stubborn": stubborn, "broken": broken}[sys.argv[1]]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sys.exit(workers.Workers(work, 2, listener, 0).run())

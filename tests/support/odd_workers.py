"""Workers with faults under the real supervisor: `python -m tests.support.odd_workers KIND FOLDER`.

Each worker leaves a file in the folder that is named after its process id.
"""

import os
import signal
import socket
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from graphql_api.commands import workers
from graphql_api.logs import configure_logs

FOLDER = Path(sys.argv[2])
LOOK_SECONDS = 0.02
MOST_SILENT_LOOKS = 100


def serve_on(words: Connection) -> None:
    """Pretends to serve until SIGTERM."""
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: told.append(number))
    (FOLDER / str(os.getpid())).touch()
    while not told:
        workers.say_so(words)
        time.sleep(LOOK_SECONDS)


def slow(_listener: socket.socket, words: Connection) -> None:
    """Takes much longer to start than a worker that serves may be silent."""
    time.sleep(LOOK_SECONDS * MOST_SILENT_LOOKS * 2)
    serve_on(words)


# A killed process cannot write its coverage.
def silent(_listener: socket.socket, words: Connection) -> None:  # pragma: no cover
    """The first worker serves, and then hangs."""
    try:
        (FOLDER / "hangs").touch(exist_ok=False)
    except FileExistsError:
        serve_on(words)
        return
    workers.say_so(words)
    time.sleep(3600)


def stubborn(_listener: socket.socket, words: Connection) -> None:  # pragma: no cover
    """Ignores SIGTERM."""
    while True:
        serve_on(words)


def broken(_listener: socket.socket, words: Connection) -> None:
    """Cannot start once a file `broken` exists."""
    if (FOLDER / "broken").exists():
        sys.exit(7)
    serve_on(words)


def half(_listener: socket.socket, words: Connection) -> None:
    """The first worker serves, and the second one cannot start."""
    try:
        (FOLDER / "second").touch(exist_ok=False)
    except FileExistsError:
        time.sleep(LOOK_SECONDS * 50)
        sys.exit(7)
    serve_on(words)


KINDS = {function.__name__: function for function in (slow, silent, stubborn, broken, half)}

if __name__ == "__main__":
    workers._LOOK_SECONDS = LOOK_SECONDS
    workers._MOST_SILENT_LOOKS = MOST_SILENT_LOOKS
    workers._PAUSE_SECONDS = 0.1
    stop_seconds = 0 if sys.argv[1] == "stubborn" else 30
    configure_logs("info", "json")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sys.exit(workers.Workers(KINDS[sys.argv[1]], 2, listener, stop_seconds).run())

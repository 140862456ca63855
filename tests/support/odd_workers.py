"""Workers with faults under the real supervisor: `python -m tests.support.odd_workers KIND FOLDER`.

Each worker that serves creates a file in the folder, with its process id as the name.
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
HEARTBEAT_SECONDS = 0.02
MAX_MISSING_HEARTBEATS = 100


def serve(heartbeats: Connection) -> None:
    """Sends heartbeats until SIGTERM, as a worker that serves."""
    signals: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: signals.append(number))
    (FOLDER / str(os.getpid())).touch()
    while not signals:
        workers.send_heartbeat(heartbeats)
        time.sleep(HEARTBEAT_SECONDS)


def slow(_listener: socket.socket, heartbeats: Connection) -> None:
    """Takes longer to start than the heartbeats of a worker that serves may be missing."""
    time.sleep(HEARTBEAT_SECONDS * MAX_MISSING_HEARTBEATS * 2)
    serve(heartbeats)


# A killed process cannot write its coverage.
def silent(_listener: socket.socket, heartbeats: Connection) -> None:  # pragma: no cover
    """The first worker serves once, and then hangs."""
    try:
        (FOLDER / "hangs").touch(exist_ok=False)
    except FileExistsError:
        serve(heartbeats)
        return
    workers.send_heartbeat(heartbeats)
    time.sleep(3600)


def stubborn(_listener: socket.socket, heartbeats: Connection) -> None:  # pragma: no cover
    """Ignores SIGTERM."""
    while True:
        serve(heartbeats)


def broken(_listener: socket.socket, heartbeats: Connection) -> None:
    """Cannot start if a file `broken` exists."""
    if (FOLDER / "broken").exists():
        sys.exit(7)
    serve(heartbeats)


def half(_listener: socket.socket, heartbeats: Connection) -> None:
    """One worker serves, and the other one cannot start."""
    try:
        (FOLDER / "second").touch(exist_ok=False)
    except FileExistsError:
        time.sleep(HEARTBEAT_SECONDS * 50)
        sys.exit(7)
    serve(heartbeats)


KINDS = {function.__name__: function for function in (slow, silent, stubborn, broken, half)}

if __name__ == "__main__":
    workers._HEARTBEAT_SECONDS = HEARTBEAT_SECONDS
    workers._MAX_MISSING_HEARTBEATS = MAX_MISSING_HEARTBEATS
    workers._RETRY_SECONDS = 0.1
    stop_seconds = 0 if sys.argv[1] == "stubborn" else 30
    configure_logs("info", "json")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sys.exit(workers.Workers(KINDS[sys.argv[1]], 2, listener, stop_seconds).run())

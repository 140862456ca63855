"""Standard output and error, written by threads of their own: no request waits for a reader."""

import atexit
import functools
import os
import queue
import select
import stat
import threading
import time
from collections.abc import Callable, Iterator

_STANDARD_ERROR = 2

# About 5 MB of requests' lines.
_MOST_LINES = 10_000
# Lines that come within this time are written together: each turn of the thread costs the others
# time, and ten times as many turns cost a tenth of a request (measured).
_GATHER_SECONDS = 0.1
_MOST_BYTES = 1_000_000
# For the last lines, when the process ends.
_FINISH_SECONDS = 1.0


class Output:
    """An open file, such as a pipe, that is written to line by line, and never waited for.

    Lines that come while too many wait, and those that cannot be written, are dropped and counted;
    `tell_loss` makes the line that tells their number once there is a reader again.
    `logging.handlers.QueueListener` would serve `logging` alone, and it waits for ever at the end.
    """

    def __init__(self, descriptor: int, most_lines: int = _MOST_LINES) -> None:
        self.tell_loss: Callable[[int], str] = str
        self._descriptor = descriptor
        self._most_lines = most_lines
        # Other processes may write to a pipe, too, which keeps so much together.
        is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
        self._most_bytes = select.PIPE_BUF if is_pipe else _MOST_BYTES
        self._lost = 0
        # Reentrant, because a signal's handler may log while its thread does.
        self._counting = threading.RLock()
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.finish)

    def put(self, line: bytes) -> None:
        """Takes a line, which ends with a line break."""
        if self._queue.qsize() < self._most_lines:
            self._queue.put(line)
        else:
            self._lose(1)

    def write(self, text: str) -> None:
        """Takes whole lines, as a text file does."""
        self.put(text.encode(errors="backslashreplace"))

    def flush(self) -> None:
        """Does nothing; text files have it."""

    def msg(self, line: str) -> None:
        """Takes a line, as structlog's loggers do."""
        self.write(f"{line}\n")

    debug = info = warning = error = critical = msg

    def finish(self) -> None:
        """Returns when all lines up to now are written, but after a second at the latest."""
        written = threading.Event()
        self._queue.put(written)
        written.wait(_FINISH_SECONDS)

    def _begin(self) -> None:
        self._queue: queue.SimpleQueue[bytes | threading.Event] = queue.SimpleQueue()
        threading.Thread(target=self._write_on, daemon=True, name="output").start()

    def _lose(self, lines: int) -> None:
        with self._counting:
            self._lost += lines

    def _write_on(self) -> None:
        while True:
            taken = [self._queue.get()]
            time.sleep(_GATHER_SECONDS)
            # Nobody else takes anything out.
            while not self._queue.empty():
                taken.append(self._queue.get())
            # What was lost until now would have come after these lines.
            with self._counting:
                lost, self._lost = self._lost, 0
            lines = [item for item in taken if isinstance(item, bytes)]
            for some in _together(lines, self._most_bytes):
                self._write(b"".join(some), len(some))
            if lost:
                self._write(f"{self.tell_loss(lost)}\n".encode(), lost)
            for item in taken:
                if isinstance(item, threading.Event):
                    item.set()

    def _write(self, data: bytes, lines: int) -> None:
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            self._lose(lines)


def _together(lines: list[bytes], most_bytes: int) -> Iterator[list[bytes]]:
    """As many lines at a time as fit, and at least one."""
    some: list[bytes] = []
    size = 0
    for line in lines:
        if some and size + len(line) > most_bytes:
            yield some
            some, size = [], 0
        some.append(line)
        size += len(line)
    if some:
        yield some


@functools.cache
def standard_error() -> Output:
    """The one output for all that this process logs."""
    return Output(_STANDARD_ERROR)

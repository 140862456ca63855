"""Standard output and error, written by their own threads, so that no request waits for them."""

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

# About 5 MB of lines about requests.
_MAX_LINES = 10_000
# Lines that arrive within this time are written together. Each wake-up of the thread takes time
# from the others: with ten times as many wake-ups, a request took a tenth longer (measured).
_GATHER_SECONDS = 0.1
_MAX_BYTES = 1_000_000
# The time for the last lines when the process ends.
_FINISH_SECONDS = 1.0


class Output:
    """Writes lines to an open file, such as a pipe, without ever waiting for its reader.

    Lines are dropped and counted if too many are waiting, or if they cannot be written. As soon as
    lines can be written again, one says how many were dropped; `report_loss` makes its text.
    `logging.handlers.QueueListener` is for `logging` only, and waits for ever at the end.
    """

    def __init__(self, descriptor: int, max_lines: int = _MAX_LINES) -> None:
        self.report_loss: Callable[[int], str] = str
        self._descriptor = descriptor
        self._max_lines = max_lines
        # Several processes may write to a pipe, which does not split writes of up to this size.
        is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
        self._max_bytes = select.PIPE_BUF if is_pipe else _MAX_BYTES
        self._lost = 0
        # Reentrant, because a signal handler may log in the middle of a log call of its thread.
        self._counting = threading.RLock()
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.finish)

    def put(self, line: bytes) -> None:
        """Queues a line, which must end with a line break."""
        if self._queue.qsize() < self._max_lines:
            self._queue.put(line)
        else:
            self._lose(1)

    def write(self, text: str) -> None:
        """Queues whole lines, like a text file."""
        self.put(text.encode(errors="backslashreplace"))

    def flush(self) -> None:
        """Does nothing. Text files have this method."""

    def msg(self, line: str) -> None:
        """Queues a line without its line break, like the loggers of structlog."""
        self.write(f"{line}\n")

    debug = info = warning = error = critical = msg

    def finish(self) -> None:
        """Waits until all queued lines are written, for one second at most."""
        written = threading.Event()
        self._queue.put(written)
        written.wait(_FINISH_SECONDS)

    def _begin(self) -> None:
        self._queue: queue.SimpleQueue[bytes | threading.Event] = queue.SimpleQueue()
        threading.Thread(target=self._write_lines, daemon=True, name="output").start()

    def _lose(self, lines: int) -> None:
        with self._counting:
            self._lost += lines

    def _write_lines(self) -> None:
        while True:
            taken = [self._queue.get()]
            time.sleep(_GATHER_SECONDS)
            # No other thread takes lines out of the queue.
            while not self._queue.empty():
                taken.append(self._queue.get())
            # The lines that were lost until now belong after these lines.
            with self._counting:
                lost, self._lost = self._lost, 0
            lines = [item for item in taken if isinstance(item, bytes)]
            for group in _together(lines, self._max_bytes):
                self._write(b"".join(group), len(group))
            if lost:
                self._write(f"{self.report_loss(lost)}\n".encode(), lost)
            for item in taken:
                if isinstance(item, threading.Event):
                    item.set()

    def _write(self, data: bytes, lines: int) -> None:
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            self._lose(lines)


def _together(lines: list[bytes], max_bytes: int) -> Iterator[list[bytes]]:
    """Yields groups of lines that fit into `max_bytes`; a longer line is a group of its own."""
    group: list[bytes] = []
    size = 0
    for line in lines:
        if group and size + len(line) > max_bytes:
            yield group
            group, size = [], 0
        group.append(line)
        size += len(line)
    if group:
        yield group


@functools.cache
def standard_error() -> Output:
    """Returns the output that all logs of this process share."""
    return Output(_STANDARD_ERROR)

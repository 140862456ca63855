"""The server processes of `--workers`, which share a listener: kept running, and replaced."""

import contextlib
import logging
import math
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from types import FrameType

logger = logging.getLogger(__name__)

# What ends a server, and what else would kill it, but does not.
STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGTERM})
OTHER_SIGNALS = frozenset({signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2})

# What one process does: it serves on the listener, and says so on the connection every second.
Work = Callable[[socket.socket, Connection], None]

_LOOK_SECONDS = 1.0
# After so many looks without a word, a worker that has served is killed. One that starts may take
# as long as it takes: on a small machine that is minutes.
_MOST_SILENT_LOOKS = 60
# Between a worker that could not start and the next try.
_PAUSE_SECONDS = 1.0
# For what a worker does after the last answer, before it is killed.
_FAREWELL_SECONDS = 2.0

# What is installed by then, and none of this process's threads.
_spawn = multiprocessing.get_context("spawn")


def on_signals(
    signals: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], object]
) -> None:
    for number in signals:
        signal.signal(number, handler)


def ignore(_signal: int, _frame: FrameType | None) -> None:
    """A handler. With SIG_IGN, Python would complain of a signal that came a moment before."""


class Workers:
    """So many processes that do the same work.

    uvicorn's own `Multiprocess` kills those that are slow to start, keeps the listener open until
    the last one has ended, and looks at its signals twice a second.
    """

    def __init__(
        self, work: Work, number: int, listener: socket.socket, stop_seconds: float
    ) -> None:
        self._work = work
        self._number = number
        self._listener = listener
        self._stop_seconds = stop_seconds
        self._workers: list[_Worker] = []
        # Counts the replacements: workers of an earlier generation are to be replaced.
        self._generation = 0
        self._no_start_before = 0.0
        # Until then, one that cannot start ends the server, which is not configured well.
        self._all_served = False
        self._exit_code = 0

    def run(self) -> int:
        """Returns when the last one has ended after a signal, and gives the exit code.

        That is 0, or the code of a worker that could not start where all have to.
        """
        signals, wakeup = socket.socketpair()
        with signals, wakeup:
            wakeup.setblocking(False)  # noqa: FBT003  # its only parameter
            try:
                signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
                on_signals(STOP_SIGNALS | OTHER_SIGNALS, ignore)
                self._run(signals)
            finally:
                signal.set_wakeup_fd(-1)
        return self._exit_code

    def _run(self, signals: socket.socket) -> None:
        looked = time.monotonic()
        self._balance()
        while self._workers or self._number:
            sentinels = [worker.process.sentinel for worker in self._workers]
            starting = [worker.words for worker in self._workers if not worker.serves]
            if signals in wait([signals, *sentinels, *starting], _LOOK_SECONDS):
                for number in signals.recv(1024):
                    self._obey(signal.Signals(number))
            is_look = time.monotonic() - looked >= _LOOK_SECONDS
            if is_look:
                looked = time.monotonic()
            for worker in self._workers.copy():
                worker.listen(is_look=is_look)
                if worker.process.exitcode is not None:
                    self._bury(worker, worker.process.exitcode)
            self._balance()

    def _obey(self, number: signal.Signals) -> None:
        if number in STOP_SIGNALS:
            logger.info("Received %s, stopping.", number.name)
            self._stop()
        elif number == signal.SIGHUP:
            logger.info("Received SIGHUP, replacing the server processes.")
            self._generation += 1
        else:
            logger.info("Received %s, which does nothing.", number.name)

    def _stop(self) -> None:
        # As long as anybody has it open, the kernel takes connections for it.
        self._listener.close()
        self._number = 0
        for worker in self._workers:
            worker.stop(self._stop_seconds)

    def _bury(self, worker: "_Worker", code: int) -> None:
        self._workers.remove(worker)
        worker.close()
        if worker.stops:
            return
        logger.error("A server process ended with code %d.", code)
        if worker.serves:
            return
        self._no_start_before = time.monotonic() + _PAUSE_SECONDS
        if code < 0:
            # Somebody killed it, which says nothing of the next one.
            return
        for other in self._workers:
            # Whatever is installed now cannot start: those that can are kept.
            other.generation = self._generation
        if not (self._all_served and any(other.serves for other in self._workers)):
            self._exit_code = code
            self._stop()

    def _balance(self) -> None:
        """Starts what is missing, and replaces one worker of an earlier generation at a time."""
        working = [worker for worker in self._workers if not worker.stops]
        missing = self._number - len(working)
        all_serve = all(worker.serves for worker in working)
        self._all_served |= all_serve and missing == 0
        earlier = [worker for worker in working if worker.generation < self._generation]
        if earlier and all_serve:
            if missing < 0:
                earlier[0].stop(self._stop_seconds)
            else:
                # The next one serves before the earlier one stops.
                missing += 1
        may_start = time.monotonic() >= self._no_start_before
        try:
            for _ in range(missing if may_start else 0):
                self._workers.append(_Worker(self._work, self._listener, self._generation))
        except OSError as error:
            # No memory, or no more open files: there may be some again.
            logger.error("A server process cannot be started: %s.", error.strerror)  # noqa: TRY400  # its place says nothing
            self._no_start_before = time.monotonic() + _PAUSE_SECONDS


class _Worker:
    """One process, which is told to stop by SIGTERM alone, whatever a terminal sends to all."""

    def __init__(self, work: Work, listener: socket.socket, generation: int) -> None:
        self.generation = generation
        self.serves = self.stops = False
        self._silent_looks = 0
        self._kill_at = math.inf
        self.words, words = _spawn.Pipe(duplex=False)
        # Dies with this process, should that fail.
        self.process = _spawn.Process(target=work, args=(listener, words), daemon=True)
        # Starting the first process would start this one, which unblocks SIGINT.
        resource_tracker.ensure_running()
        with words:
            # The process inherits the mask: Ctrl-C is not to break off its imports.
            before = signal.pthread_sigmask(
                signal.SIG_BLOCK, (STOP_SIGNALS | OTHER_SIGNALS) - {signal.SIGTERM}
            )
            try:
                self.process.start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def stop(self, seconds: float) -> None:
        """Gives it so long, and a little longer, to answer what it was asked."""
        self.stops = True
        self._kill_at = time.monotonic() + seconds + _FAREWELL_SECONDS
        self.process.terminate()

    def listen(self, *, is_look: bool) -> None:
        """Takes what it says, and kills it where it should have said something."""
        if self.words.poll() and os.read(self.words.fileno(), 1024):
            self.serves = True
            self._silent_looks = 0
        self._silent_looks += is_look and self.serves and not self.stops
        if self._silent_looks > _MOST_SILENT_LOOKS or time.monotonic() > self._kill_at:
            logger.error("A server process does not react: it is killed.")
            self.process.kill()
            self.process.join()

    def close(self) -> None:
        self.words.close()
        self.process.close()


def say_so(words: Connection) -> None:
    """Tells from within a worker that it serves; never waits."""
    os.set_blocking(words.fileno(), False)
    with contextlib.suppress(OSError):
        # Full, or nobody listens any more.
        os.write(words.fileno(), b".")

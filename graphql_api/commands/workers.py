"""The server processes of `--workers`: started on one listener, watched, replaced and stopped."""

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

from ..metrics.page import MetricsPage

logger = logging.getLogger(__name__)

# The signals that stop a server, and those that would kill a process if it did not handle them.
STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGTERM})
OTHER_SIGNALS = frozenset({signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2})

# The work of one process: it serves on the listener, and sends a heartbeat every second. If the
# server shows metrics, it has a third argument, the socket for reports.
Work = Callable[..., None]

_HEARTBEAT_SECONDS = 1.0
# A worker that has served is killed after this many missing heartbeats. Counted, not timed, so that
# a machine that was paused kills no worker. A worker that starts is never killed: on a small
# machine, starting takes minutes.
_MAX_MISSING_HEARTBEATS = 60
# The time between a worker that could not start and the next attempt.
_RETRY_SECONDS = 1.0
# The time that a worker has to end after its last answer, before it is killed.
_EXIT_SECONDS = 2.0

# A new process imports the installed version, and inherits no threads.
_spawn = multiprocessing.get_context("spawn")


def on_signals(
    signals: Iterable[signal.Signals], handler: Callable[[int, FrameType | None], object]
) -> None:
    """Sets the same handler for several signals."""
    for number in signals:
        signal.signal(number, handler)


def ignore(_signal: int, _frame: FrameType | None) -> None:
    """A signal handler that does nothing.

    With SIG_IGN instead, Python reports an error for a signal that arrived just before.
    """


class Workers:
    """A fixed number of processes that do the same work.

    uvicorn's own `Multiprocess` kills workers that are slow to start, keeps the listener open until
    the last worker has ended, and looks for signals only twice a second.
    """

    def __init__(
        self,
        work: Work,
        number: int,
        listener: socket.socket,
        stop_seconds: float,
        metrics: MetricsPage | None = None,
    ) -> None:
        """`stop_seconds`: how long a worker that stops may take to answer its last requests."""
        self._work = work
        self._metrics = metrics
        self._number = number
        self._listener = listener
        self._stop_seconds = stop_seconds
        self._workers: list[_Worker] = []
        # Increases with each SIGHUP: workers of an earlier generation are replaced.
        self._generation = 0
        # Whether some of them may not be replaced yet.
        self._is_replacing = False
        self._start_not_before = 0.0
        # Until all have served once, a worker that cannot start ends the server: the cause is
        # probably its configuration.
        self._all_have_served = False
        self._exit_code = 0

    def run(self) -> int:
        """Runs until a signal has stopped all workers, and returns the exit code.

        The code is 0, or that of a worker that could not start when the server started.
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
        counted_at = time.monotonic()
        self._start_and_replace()
        while self._workers or self._number:
            sentinels = [worker.process.sentinel for worker in self._workers]
            starting = [worker.heartbeats for worker in self._workers if not worker.has_served]
            if signals in wait([signals, *sentinels, *starting], _HEARTBEAT_SECONDS):
                for number in signals.recv(1024):
                    self._handle(signal.Signals(number))
            heartbeat_is_due = time.monotonic() - counted_at >= _HEARTBEAT_SECONDS
            if heartbeat_is_due:
                counted_at = time.monotonic()
            for worker in self._workers.copy():
                worker.check(heartbeat_is_due=heartbeat_is_due)
                if worker.process.exitcode is not None:
                    self._remove(worker, worker.process.exitcode)
            self._start_and_replace()

    def _handle(self, number: signal.Signals) -> None:
        if number in STOP_SIGNALS:
            logger.info("Received %s. The server is stopping.", number.name)
            self._stop()
        elif number == signal.SIGHUP:
            logger.info("Received SIGHUP. The server processes are being replaced.")
            self._generation += 1
            self._is_replacing = True
        else:
            logger.info("Received %s. It is ignored.", number.name)

    def _stop(self) -> None:
        # The kernel accepts connections as long as any process has the listener open.
        self._listener.close()
        self._number = 0
        for worker in self._workers:
            worker.stop(self._stop_seconds)

    def _remove(self, worker: "_Worker", exit_code: int) -> None:
        """Removes a worker that has ended."""
        self._workers.remove(worker)
        worker.close()
        if worker.is_stopping:
            return
        logger.error("A server process ended with code %d.", exit_code)
        if self._metrics is not None:
            self._metrics.count_restart()
        if worker.has_served:
            return
        self._start_not_before = time.monotonic() + _RETRY_SECONDS
        if exit_code < 0:
            # A signal killed it. The next one may well start.
            return
        self._is_replacing = False
        for other in self._workers:
            # The installed version cannot start: workers of an earlier one are not replaced.
            other.generation = self._generation
        if not (self._all_have_served and any(other.has_served for other in self._workers)):
            self._exit_code = exit_code
            self._stop()

    def _start_and_replace(self) -> None:
        """Starts missing workers, and replaces one worker of an earlier generation at a time."""
        working = [worker for worker in self._workers if not worker.is_stopping]
        missing = self._number - len(working)
        all_serve = all(worker.has_served for worker in working)
        self._all_have_served |= all_serve and missing == 0
        earlier = [worker for worker in working if worker.generation < self._generation]
        if self._is_replacing and all_serve and not earlier and missing <= 0:
            self._is_replacing = False
            logger.info("All server processes are replaced.")
        if earlier and all_serve:
            if missing < 0:
                earlier[0].stop(self._stop_seconds)
            else:
                # The new worker serves before the earlier one stops.
                missing += 1
        may_start = time.monotonic() >= self._start_not_before
        try:
            for _ in range(missing if may_start else 0):
                self._workers.append(self._start())
        except OSError as error:
            # Too little memory, or too many open files, which may change.
            logger.error("A server process cannot be started: %s.", error.strerror)  # noqa: TRY400  # the traceback adds nothing
            self._start_not_before = time.monotonic() + _RETRY_SECONDS

    def _start(self) -> "_Worker":
        if self._metrics is None:
            return _Worker(self._work, self._listener, self._generation)
        with self._metrics.connect() as reports:
            return _Worker(self._work, self._listener, self._generation, reports)


class _Worker:
    """One process. Only SIGTERM stops it, even if a terminal sends another signal to all."""

    def __init__(
        self, work: Work, listener: socket.socket, generation: int, *reports: socket.socket
    ) -> None:
        self.generation = generation
        self.has_served = self.is_stopping = False
        self._missing_heartbeats = 0
        self._kill_at = math.inf
        self.heartbeats, sender = _spawn.Pipe(duplex=False)
        # A daemon is terminated when this process exits, whatever the reason.
        self.process = _spawn.Process(target=work, args=(listener, sender, *reports), daemon=True)
        # Otherwise the start of the first worker would start the tracker, which unblocks SIGINT.
        resource_tracker.ensure_running()
        with sender:
            # The worker inherits the blocked signals: Ctrl-C must not interrupt its imports.
            before = signal.pthread_sigmask(
                signal.SIG_BLOCK, (STOP_SIGNALS | OTHER_SIGNALS) - {signal.SIGTERM}
            )
            try:
                self.process.start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def stop(self, seconds: float) -> None:
        """Sends SIGTERM. The worker has this time to answer its requests before it is killed."""
        self.is_stopping = True
        self._kill_at = time.monotonic() + seconds + _EXIT_SECONDS
        self.process.terminate()

    def check(self, *, heartbeat_is_due: bool) -> None:
        """Reads its heartbeats. Kills it if too many are missing, or if it stops too slowly."""
        if self.heartbeats.poll() and os.read(self.heartbeats.fileno(), 1024):
            self.has_served = True
            self._missing_heartbeats = 0
        self._missing_heartbeats += heartbeat_is_due and self.has_served and not self.is_stopping
        if self._missing_heartbeats > _MAX_MISSING_HEARTBEATS or time.monotonic() > self._kill_at:
            logger.error("A server process does not respond. It is killed.")
            self.process.kill()
            self.process.join()

    def close(self) -> None:
        """Releases the pipe and the handle of a process that has ended."""
        self.heartbeats.close()
        self.process.close()


def send_heartbeat(heartbeats: Connection) -> None:
    """Tells the server from within a worker that the worker serves. Never waits."""
    os.set_blocking(heartbeats.fileno(), False)
    with contextlib.suppress(OSError):
        # The pipe is full, or the server has gone.
        os.write(heartbeats.fileno(), b".")

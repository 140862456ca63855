"""The supervisor of `--workers`, with server processes that fail in every way."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..support.paths import ROOT
from ..support.servers import alive, until, worker_processes


@dataclass(frozen=True)
class Supervisor:
    """The process that supervises two workers, and the files that they created."""

    process: subprocess.Popen[bytes]
    folder: Path
    errors: Path

    def serving(self) -> set[int]:
        pids = {int(file.name) for file in self.folder.glob("[0-9]*")}
        return {pid for pid in pids if alive(pid)}

    def two_serve(self) -> set[int]:
        until(lambda: len(self.serving()) == 2, "two workers serve")
        return self.serving()

    def log(self) -> str:
        return self.errors.read_text()

    def stop(self) -> int:
        """Stops it and returns its exit code."""
        self.process.terminate()
        return self.process.wait(40)


@contextlib.contextmanager
def supervised(kind: str, tmp_path: Path) -> Iterator[Supervisor]:
    folder, errors = tmp_path / "workers", tmp_path / "stderr"
    folder.mkdir(exist_ok=True)
    with (
        errors.open("w") as stderr,
        subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-m", "tests.support.odd_workers", kind, str(folder)],
            cwd=ROOT,
            stderr=stderr,
            start_new_session=True,
        ) as process,
    ):
        supervisor = Supervisor(process, folder, errors)
        try:
            yield supervisor
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_workers_may_take_any_time_to_start_and_are_started_again_if_they_are_killed_then(
    tmp_path: Path,
) -> None:
    with supervised("slow", tmp_path) as supervisor:
        until(lambda: len(worker_processes(supervisor.process.pid)) == 2, "two workers start")
        for pid in worker_processes(supervisor.process.pid):
            os.kill(pid, signal.SIGKILL)

        supervisor.two_serve()
        assert supervisor.stop() == 0

    assert len(list(supervisor.folder.iterdir())) == 2
    assert supervisor.log().count("A server process ended with code -9.") == 2
    assert supervisor.log().count("ended with code") == 2


def test_a_worker_that_hangs_after_it_has_served_is_replaced(tmp_path: Path) -> None:
    with supervised("silent", tmp_path) as supervisor:
        supervisor.two_serve()

        assert supervisor.stop() == 0

    assert supervisor.log().count("A server process does not respond. It is killed.") == 1
    assert supervisor.log().count("A server process ended with code -9.") == 1


def test_a_worker_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    with supervised("stubborn", tmp_path) as supervisor:
        workers = supervisor.two_serve()

        assert supervisor.stop() == 0

    assert not any(map(alive, workers))
    assert supervisor.log().count("A server process does not respond. It is killed.") == 2


def test_the_server_ends_with_the_exit_code_of_workers_that_cannot_start(tmp_path: Path) -> None:
    (tmp_path / "workers").mkdir()
    (tmp_path / "workers" / "broken").touch()

    with supervised("broken", tmp_path) as supervisor:
        assert supervisor.process.wait(40) == 7


def test_the_server_ends_if_only_some_workers_can_start(tmp_path: Path) -> None:
    with supervised("half", tmp_path) as supervisor:
        assert supervisor.process.wait(40) == 7

    assert not supervisor.serving()


def test_workers_are_not_replaced_by_workers_that_cannot_start(tmp_path: Path) -> None:
    with supervised("broken", tmp_path) as supervisor:
        workers = supervisor.two_serve()
        (supervisor.folder / "broken").touch()

        supervisor.process.send_signal(signal.SIGHUP)

        until(lambda: "ended with code 7." in supervisor.log(), "the new worker could not start")
        assert supervisor.serving() == workers
        assert "All server processes are replaced." not in supervisor.log()

        # A missing worker is started again and again until it can start.
        os.kill(min(workers), signal.SIGKILL)
        until(lambda: supervisor.log().count("ended with code 7.") == 3, "two more could not start")
        (supervisor.folder / "broken").unlink()
        assert max(workers) in supervisor.two_serve()
        assert supervisor.stop() == 0


def test_workers_that_cannot_be_started_now_are_started_later(tmp_path: Path) -> None:
    with supervised("broken", tmp_path) as supervisor:
        workers = supervisor.two_serve()
        pid = supervisor.process.pid
        usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (6, usual[1]))

        os.kill(min(workers), signal.SIGKILL)

        failure = "A server process cannot be started: Too many open files."
        until(lambda: failure in supervisor.log(), "it has failed")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
        assert max(workers) in supervisor.two_serve()
        assert supervisor.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_a_signal_to_all_processes_stops_all(number: signal.Signals, tmp_path: Path) -> None:
    with supervised("broken", tmp_path) as supervisor:
        workers = supervisor.two_serve()
        os.killpg(supervisor.process.pid, signal.SIGUSR2)
        until(lambda: "Received SIGUSR2. It is ignored." in supervisor.log(), "it is logged")

        os.killpg(supervisor.process.pid, number)

        assert supervisor.process.wait(40) == 0
    assert not any(map(alive, workers))
    assert "Traceback" not in supervisor.log()

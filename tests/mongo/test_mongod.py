"""The embedded MongoDB: which binary it is, and how it starts, recovers and ends."""

import contextlib
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from graphql_api.mongo import mongod
from graphql_api.mongo.mongod import MongodError, embedded_mongod, find_mongod

from ..support.servers import alive, frozen, mongods, until


@pytest.fixture(scope="session")
def binary() -> Path:
    """The real mongod."""
    return find_mongod(None)


def test_the_configured_binary_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = executable(tmp_path / "mine")
    monkeypatch.setenv("PATH", str(executable(tmp_path / "bin" / "mongod").parent))

    assert find_mongod(configured) == configured


def test_a_binary_on_the_path_is_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = executable(tmp_path / "bin" / "mongod")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "bin")

    # mongod is started in its data directory: a relative path would not be found there.
    assert find_mongod(None) == on_path


def test_the_binary_of_the_extra_is_third(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = executable(tmp_path / "fiftyone" / "db" / "bin" / "mongod")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    assert find_mongod(None) == packaged


@pytest.mark.parametrize("package", ["fiftyone", "another"])
def test_without_a_binary_one_line_names_all_ways_to_get_one(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / package).mkdir()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    with pytest.raises(MongodError) as refusal:
        find_mongod(None)

    assert "\n" not in str(refusal.value)
    for way in ("GRAPHQL_API_MONGODB_URI", "GRAPHQL_API_MONGOD ", "extra `embedded`"):
        assert way in str(refusal.value)


@pytest.mark.parametrize("name", ["mongod", "missing"])
def test_a_configured_binary_that_cannot_be_run_is_rejected(name: str, tmp_path: Path) -> None:
    executable(tmp_path / "mongod", mode=0o600)

    with pytest.raises(
        MongodError, match=r"GRAPHQL_API_MONGOD names .*, which is not an executable file\."
    ):
        find_mongod(tmp_path / name)


@pytest.mark.parametrize(
    ("gigabytes", "limit", "cache"),
    [(16, None, 4), (16, "max", 4), (8, None, 2), (8, "2147483648", 0.5), (0.5, None, 0.25)],
)
def test_its_cache_is_a_quarter_of_the_memory_of_the_machine_or_the_container(
    gigabytes: float,
    limit: str | None,
    cache: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": int(gigabytes * 2**18)}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    monkeypatch.setattr(mongod, "_MEMORY_LIMIT", tmp_path / "memory.max")
    if limit is not None:
        (tmp_path / "memory.max").write_text(f"{limit}\n")

    assert mongod._cache_gigabytes() == cache


def test_its_indexes_have_small_pages(documents: Collection[dict[str, Any]]) -> None:
    documents.create_index("name")

    stats = documents.aggregate([{"$collStats": {"storageStats": {}}}]).next()["storageStats"]

    settings = stats["indexDetails"]["name_1"]["creationString"].split(",")
    assert {*mongod._INDEXES} <= {*settings}


@pytest.mark.usefixtures("mongodb_uri")
def test_its_checkpoints_alone_get_a_processor_last(mongodb_dir: Path) -> None:
    [pid] = mongods(mongodb_dir)

    idle = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        # The thread may have ended.
        with contextlib.suppress(OSError):
            if os.sched_getscheduler(int(thread.name)) == os.SCHED_IDLE:
                idle.append((thread / "comm").read_text("utf-8"))

    assert idle == ["Checkpointer\n"]


def test_a_process_without_checkpoints_is_left_alone() -> None:
    before = os.sched_getscheduler(0)

    mongod._schedule_checkpoints_last(os.getpid())

    assert os.sched_getscheduler(0) == before


@pytest.mark.usefixtures("mongodb_uri")
def test_it_listens_only_on_a_unix_socket_in_its_own_directory(mongodb_dir: Path) -> None:
    [pid] = mongods(mongodb_dir)

    opened = open_files(pid)

    assert opened & sockets(pid, "unix", inode_column=6)
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        assert not opened & sockets(pid, protocol, inode_column=9)
    assert stat.S_IMODE((mongodb_dir / "mongod").stat().st_mode) == 0o700


def test_a_second_server_on_a_directory_does_not_start_and_the_first_continues(
    binary: Path, mongodb_dir: Path, database_uri: str
) -> None:
    running = mongods(mongodb_dir)

    refusal = refused(binary, mongodb_dir)

    assert refusal == (
        f"Another server uses the data directory {mongodb_dir}. Stop it, or choose another "
        "directory with --data-dir or GRAPHQL_API_DATA_DIR."
    )
    write(database_uri, "still here")
    assert mongods(mongodb_dir) == running


def test_data_remain_between_runs_even_if_the_path_becomes_too_long_for_a_socket(
    binary: Path, data_dir: Path
) -> None:
    (data_dir / "mongod").mkdir(parents=True, mode=0o755)
    moved = data_dir.with_name("d" * 107)

    with embedded_mongod(binary, data_dir) as uri:
        write(uri, "before")
        mode = stat.S_IMODE((data_dir / "mongod").stat().st_mode)
    data_dir.rename(moved)
    with embedded_mongod(binary, moved) as uri:
        write(uri, "after")
        texts = read(uri)
        listens = (moved / "mongod" / "mongod.sock").is_socket()

    assert mode == 0o700
    assert texts == ["before", "after"]
    assert listens
    assert mongods(moved) == []


def test_a_new_mongod_waits_for_one_that_was_left_behind(binary: Path, data_dir: Path) -> None:
    folder = data_dir / "mongod"
    (folder / "data").mkdir(parents=True)
    log = folder / "mongod.log"
    log.touch()
    options = ["--dbpath", "data", "--bind_ip", "./left-behind.sock", "--nounixsocket"]
    left_behind = subprocess.Popen(  # noqa: S603  # the real mongod
        [binary, *options], cwd=folder, stdout=subprocess.DEVNULL
    )

    def end_when_in_the_way() -> None:
        until(lambda: "DBPathInUse" in log.read_text(), "the next one has found it in its way")
        left_behind.terminate()

    with ended(left_behind), ThreadPoolExecutor() as threads:
        until((folder / "left-behind.sock").exists, "the first one runs")
        ending = threads.submit(end_when_in_the_way)
        with embedded_mongod(binary, data_dir) as uri:
            write(uri, "after it")
        ending.result()

    assert left_behind.returncode == 0


def test_a_mongod_that_was_killed_is_started_again_as_soon_as_possible(
    binary: Path,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(mongod, "_RESTART_SECONDS", 0.1)
    away = data_dir.with_name("away")
    with embedded_mongod(binary, data_dir) as uri:
        write(uri, "first")

        os.kill(mongods(data_dir)[0], signal.SIGKILL)
        write(uri, "second")
        assert caplog.messages == [
            "mongod has ended unexpectedly. The server is starting it again."
        ]

        data_dir.rename(away)
        os.kill(mongods(away)[0], signal.SIGKILL)
        until(lambda: "cannot be used" in caplog.text, "it could not be started")
        away.rename(data_dir)
        write(uri, "third")
        assert read(uri) == ["first", "second", "third"]


def test_a_mongod_without_its_socket_is_replaced_and_a_frozen_one_is_not(
    binary: Path, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    socket = data_dir / "mongod" / "mongod.sock"
    with embedded_mongod(binary, data_dir) as uri:
        write(uri, "before")
        [pid] = mongods(data_dir)
        with frozen(pid):
            # It is checked several times during this wait.
            time.sleep(2)
            asked_to_end = is_asked_to_end(pid)
            socket.unlink()
            until(lambda: is_asked_to_end(pid), "it is to be replaced")
        until(socket.exists, "another one has been started")
        write(uri, "after")
        running, texts = mongods(data_dir), read(uri)

    assert not asked_to_end
    assert texts == ["before", "after"]
    assert len(running) == 1
    assert running != [pid]
    assert caplog.messages[0] == "mongod has lost its socket. The server is starting it again."


@pytest.mark.parametrize(
    ("script", "mode", "end"),
    [
        ("exit 3", 0o700, "ended with code 3"),
        ("echo; echo Too bad; echo; exit 3", 0o700, "ended with code 3: Too bad"),
        ("kill -9 $$", 0o700, "was ended by SIGKILL"),
        ("", 0o600, "ended with code 1: PermissionError: [Errno 13] Permission denied"),
    ],
    ids=["without a word", "with some words", "is killed", "is not executable"],
)
def test_the_error_of_a_binary_that_does_not_run_says_why_and_names_the_log(
    script: str, mode: int, end: str, tmp_path: Path, data_dir: Path
) -> None:
    broken = executable(tmp_path / "mongod", script, mode)

    refusal = refused(broken, data_dir)

    log = data_dir / "mongod" / "mongod.log"
    assert refusal == f"{broken} {end}. Its log is {log}."
    assert log.is_file()


@pytest.mark.parametrize(
    ("lack", "end"),
    [
        ("ulimit -n 20", "was ended by SIGABRT: Too many open files"),
        ("ulimit -v 300000", "was ended by SIGABRT: Resource temporarily unavailable"),
        # Too little memory for a message.
        ("ulimit -v 150000", "was ended by SIGABRT"),
        # As on a full disk. Without the trap, the signal for this limit would kill mongod.
        (
            "trap '' XFSZ; ulimit -f 4",
            "ended with code 1: its log ends in the middle of a line; the disk may be full",
        ),
        (
            "echo junk > data/storage.bson",
            "ended with code 14: Incorrect BSON length",
        ),
    ],
    ids=["files", "memory", "nearly all memory", "disk", "data"],
)
def test_the_error_of_a_real_mongod_says_which_resource_it_lacks(
    lack: str, end: str, binary: Path, tmp_path: Path, data_dir: Path
) -> None:
    lacking = executable(tmp_path / "mongod", f'{lack}\nexec {binary} "$@"')

    refusal = refused(lacking, data_dir)

    assert refusal.startswith(f"{lacking} {end}")
    assert refusal.endswith(f". Its log is {data_dir / 'mongod' / 'mongod.log'}.")


def test_the_cause_is_that_of_this_start_and_not_of_an_earlier_one(
    tmp_path: Path, data_dir: Path
) -> None:
    refused(executable(tmp_path / "mongod", "echo Too bad; exit 3"), data_dir)

    refusal = refused(executable(tmp_path / "mongod", "exit 4"), data_dir)

    assert "ended with code 4. Its log is" in refusal


def test_a_missing_library_is_named_with_its_package(
    binary: Path, tmp_path: Path, data_dir: Path
) -> None:
    broken = tmp_path / "libcurl.so.4"
    broken.touch()
    without = executable(
        tmp_path / "mongod", f'export LD_LIBRARY_PATH={tmp_path}\nexec {binary} "$@"'
    )

    refusal = refused(without, data_dir)

    assert refusal == (
        f"{without} ended with code 127: {binary}: error while loading shared libraries: "
        f"{broken}: file too short (Debian: apt-get install libcurl4). "
        f"Its log is {data_dir / 'mongod' / 'mongod.log'}."
    )


def test_a_data_directory_that_is_not_utf_8_is_a_clear_error(
    tmp_path: Path, data_dir: Path
) -> None:
    strange = data_dir / os.fsdecode(b"caf\xe9")

    refusal = refused(executable(tmp_path / "mongod"), strange)

    assert refusal == (
        f"The data directory {strange} cannot be used: its path is not UTF-8. Choose another "
        "directory with --data-dir or GRAPHQL_API_DATA_DIR."
    )
    assert not data_dir.exists()


def test_a_mongod_that_neither_becomes_ready_nor_stops_is_killed(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = executable(
        tmp_path / "mongod",
        "trap '' TERM; echo $$ > pid.new; mv pid.new pid; while :; do sleep 0.1; done",
    )
    pid = data_dir / "mongod" / "pid"
    an_hour_later_once_it_runs = SimpleNamespace(
        monotonic=lambda: 3600.0 * pid.exists(), sleep=time.sleep
    )
    monkeypatch.setattr(mongod, "time", an_hour_later_once_it_runs)
    monkeypatch.setattr(mongod, "_STOP_SECONDS", 0.1)

    refusal = refused(deaf, data_dir)

    assert "did not become ready. Its log is" in refusal
    assert not alive(int(pid.read_text()))


@pytest.mark.parametrize("name", [".", "mongod", "mongod/data"])
def test_a_file_in_place_of_a_directory_is_a_clear_error(
    name: str, tmp_path: Path, data_dir: Path
) -> None:
    in_the_way = data_dir / name
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    in_the_way.touch()

    refusal = refused(executable(tmp_path / "mongod"), data_dir)

    assert re.search(f"The data directory {data_dir}.* cannot be used: ", refusal)


@pytest.mark.parametrize("name", ["server.lock", "mongod.log"])
def test_a_directory_in_place_of_a_file_is_a_clear_error(
    name: str, tmp_path: Path, data_dir: Path
) -> None:
    (data_dir / "mongod" / name).mkdir(parents=True)

    refusal = refused(executable(tmp_path / "mongod"), data_dir)

    assert re.search(f"The data directory {data_dir}.* cannot be used: ", refusal)


def test_no_mongod_starts_for_a_server_that_is_already_dead(tmp_path: Path) -> None:
    started = tmp_path / "started"
    binary = executable(tmp_path / "mongod", f"touch {started}")
    somebody_else = os.getppid()

    launched = subprocess.run(  # noqa: S603  # our own command line
        [sys.executable, "-I", "-S", "-c", mongod._LAUNCHER, str(somebody_else), binary],
        check=False,
        timeout=20,
    )

    assert launched.returncode == 0
    assert not started.exists()


def refused(binary: Path, data_dir: Path) -> str:
    """Why an embedded MongoDB does not start."""
    with pytest.raises(MongodError) as refusal, contextlib.ExitStack() as stack:
        stack.enter_context(embedded_mongod(binary, data_dir))
    return str(refusal.value)


def is_asked_to_end(pid: int) -> bool:
    """Whether SIGTERM is pending for a frozen process; see signal(7) and proc(5)."""
    status = Path(f"/proc/{pid}/status").read_text()
    [pending] = re.findall("^ShdPnd:\t([0-9a-f]+)$", status, re.MULTILINE)
    return bool(int(pending, 16) & 1 << signal.SIGTERM - 1)


def executable(path: Path, script: str = "exit 0", mode: int = 0o700) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(mode)
    return path


def write(uri: str, text: str) -> None:
    with MongoClient[dict[str, Any]](uri) as client:
        # A mongod that was just started again is not primary at once.
        until(lambda: client.admin.command("hello")["isWritablePrimary"], "mongod is primary")
        client.get_default_database("test").texts.insert_one({"text": text})


def read(uri: str) -> list[str]:
    with MongoClient[dict[str, Any]](uri) as client:
        texts = client.get_default_database("test").texts
        return [document["text"] for document in texts.find(sort=[("_id", 1)])]


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kills the process at the end of the test."""
    with process:
        try:
            yield
        finally:
            process.kill()


def open_files(pid: int) -> set[str]:
    """The open files of a process, as /proc/PID/fd names them."""
    names = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        # The process may close a file before it is read.
        with contextlib.suppress(FileNotFoundError):
            names.add(str(link.readlink()))
    return names


def sockets(pid: int, protocol: str, inode_column: int) -> set[str]:
    """All sockets of a protocol, as /proc/PID/fd names them."""
    lines = Path(f"/proc/{pid}/net/{protocol}").read_text().splitlines()[1:]
    return {f"socket:[{line.split()[inode_column]}]" for line in lines}

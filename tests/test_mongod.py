"""The embedded MongoDB: where it comes from, how it starts, what it survives, how it ends."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from graphql_api.mongo import mongod
from graphql_api.mongo.mongod import MongodError, embedded_mongod, find_mongod

from .servers import alive, mongods, until


@pytest.fixture(scope="session")
def binary() -> Path:
    """The real mongod."""
    return find_mongod(None)


def test_a_configured_binary_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured = executable(tmp_path / "mine")
    monkeypatch.setenv("PATH", str(executable(tmp_path / "bin" / "mongod").parent))

    assert find_mongod(configured) == configured


def test_the_path_comes_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = executable(tmp_path / "bin" / "mongod")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "bin")

    # mongod is started in its data directory: a relative path would not be found there.
    assert find_mongod(None) == on_path


def test_the_extras_package_comes_third(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = executable(tmp_path / "fiftyone" / "db" / "bin" / "mongod")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    assert find_mongod(None) == packaged


@pytest.mark.parametrize("package", ["fiftyone", "another"])
def test_without_any_of_them_one_sentence_names_the_three_ways(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / package).mkdir()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    with pytest.raises(MongodError) as refusal:
        find_mongod(None)

    assert "\n" not in str(refusal.value)
    for way in ("GRAPHQL_API_MONGODB_URI", "GRAPHQL_API_MONGOD ", "pip install"):
        assert way in str(refusal.value)


@pytest.mark.parametrize("name", ["mongod", "missing"])
def test_a_configured_binary_that_cannot_be_run_is_refused(name: str, tmp_path: Path) -> None:
    executable(tmp_path / "mongod", mode=0o600)

    with pytest.raises(MongodError, match=r"GRAPHQL_API_MONGOD names .*, which cannot be run\."):
        find_mongod(tmp_path / name)


def test_it_listens_on_a_unix_socket_alone_in_a_directory_of_its_own(
    binary: Path, data_dir: Path
) -> None:
    folder = data_dir / "mongod"
    folder.mkdir(parents=True, mode=0o755)

    with embedded_mongod(binary, data_dir):
        [pid] = mongods(data_dir)
        sockets = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
        mode = stat.S_IMODE(folder.stat().st_mode)

        assert sockets & network(pid, "unix", inode_column=6)
        for protocol in ("tcp", "tcp6", "udp", "udp6"):
            assert not sockets & network(pid, protocol, inode_column=9)
        assert mode == 0o700


def test_data_stay_between_runs_also_where_the_directory_has_moved(
    binary: Path, data_dir: Path
) -> None:
    moved = data_dir.with_name("moved")

    with embedded_mongod(binary, data_dir) as uri:
        write(uri, "first")
    with embedded_mongod(binary, data_dir) as uri:
        write(uri, "second")
    data_dir.rename(moved)
    with embedded_mongod(binary, moved) as uri:
        kept = read(uri)

    assert kept == ["first", "second"]
    assert mongods(moved) == []


def test_a_path_that_is_too_long_for_a_socket_works(binary: Path, data_dir: Path) -> None:
    deep = data_dir / ("d" * 107)

    with embedded_mongod(binary, deep) as uri:
        write(uri, "deep")

        assert read(uri) == ["deep"]
        assert (deep / "mongod" / "mongod.sock").is_socket()


def test_a_second_server_on_a_directory_is_refused_and_the_first_goes_on(
    binary: Path, data_dir: Path
) -> None:
    with embedded_mongod(binary, data_dir) as uri:
        running = mongods(data_dir)

        with (
            pytest.raises(MongodError, match=r"Another server uses the data directory .*; stop"),
            embedded_mongod(binary, data_dir),
        ):
            pass

        write(uri, "still here")
        assert mongods(data_dir) == running


def test_a_mongod_that_was_left_behind_is_waited_for(binary: Path, data_dir: Path) -> None:
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


def test_a_mongod_that_is_killed_is_started_again(
    binary: Path, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with embedded_mongod(binary, data_dir) as uri:
        write(uri, "before")
        [killed] = mongods(data_dir)

        os.kill(killed, signal.SIGKILL)

        until(lambda: mongods(data_dir) not in ([], [killed]), "another one runs")
        write(uri, "after")
        assert read(uri) == ["before", "after"]
        assert caplog.messages == ["mongod stopped by itself; it is started again"]


def test_a_mongod_is_started_again_as_soon_as_that_can_be(
    binary: Path, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = data_dir.with_name("away")
    with embedded_mongod(binary, data_dir) as uri:
        write(uri, "before")
        data_dir.rename(away)

        os.kill(mongods(away)[0], signal.SIGKILL)
        until(lambda: "cannot be used" in caplog.text, "it could not be started")
        away.rename(data_dir)

        write(uri, "after")
        assert read(uri) == ["before", "after"]


@pytest.mark.parametrize(
    ("mode", "code"), [(0o700, 3), (0o600, 1)], ids=["ends at once", "is not executable"]
)
def test_a_binary_that_does_not_run_is_an_error_that_names_its_log(
    mode: int, code: int, tmp_path: Path, data_dir: Path
) -> None:
    broken = executable(tmp_path / "mongod", "exit 3", mode)

    with (
        pytest.raises(
            MongodError, match=f"{broken} ended with code {code}; its log is (.*)\\.$"
        ) as refusal,
        embedded_mongod(broken, data_dir),
    ):
        pass

    assert str(data_dir / "mongod" / "mongod.log") in str(refusal.value)


def test_a_mongod_that_neither_becomes_ready_nor_stops_is_killed(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = executable(
        tmp_path / "mongod", "trap '' TERM; echo $$ > ../pid; while :; do sleep 0.1; done"
    )
    monkeypatch.setattr(mongod, "_START_SECONDS", 1.0)
    monkeypatch.setattr(mongod, "_STOP_SECONDS", 0.1)

    with (
        pytest.raises(MongodError, match="did not become ready; its log is"),
        embedded_mongod(deaf, data_dir),
    ):
        pass

    assert not alive(int((data_dir / "pid").read_text()))


@pytest.mark.parametrize("name", [".", "mongod", "mongod/data"])
def test_a_file_in_the_place_of_a_directory_is_a_clear_error(
    name: str, tmp_path: Path, data_dir: Path
) -> None:
    in_the_way = data_dir / name
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    in_the_way.touch()

    with (
        pytest.raises(MongodError, match=f"The data directory {data_dir}.* cannot be used: "),
        embedded_mongod(executable(tmp_path / "mongod"), data_dir),
    ):
        pass


@pytest.mark.parametrize("name", ["server.lock", "mongod.log"])
def test_a_directory_in_the_place_of_a_file_is_a_clear_error(
    name: str, tmp_path: Path, data_dir: Path
) -> None:
    (data_dir / "mongod" / name).mkdir(parents=True)

    with (
        pytest.raises(MongodError, match=f"The data directory {data_dir}.* cannot be used: "),
        embedded_mongod(executable(tmp_path / "mongod"), data_dir),
    ):
        pass


def test_no_mongod_starts_for_a_server_that_has_died_meanwhile(tmp_path: Path) -> None:
    started = tmp_path / "started"
    binary = executable(tmp_path / "mongod", f"touch {started}")
    somebody_else = os.getppid()

    launched = subprocess.run(  # noqa: S603  # our own command line
        [sys.executable, "-c", mongod._LAUNCHER, str(somebody_else), binary], check=True, timeout=20
    )

    assert launched.returncode == 0
    assert not started.exists()


def executable(path: Path, script: str = "exit 0", mode: int = 0o700) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(mode)
    return path


def write(uri: str, text: str) -> None:
    with MongoClient[dict[str, Any]](uri) as client:
        client.test.texts.insert_one({"text": text})


def read(uri: str) -> list[str]:
    with MongoClient[dict[str, Any]](uri) as client:
        return [document["text"] for document in client.test.texts.find(sort=[("_id", 1)])]


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Lets no process outlive the test, however that ends."""
    with process:
        try:
            yield
        finally:
            process.kill()


def network(pid: int, protocol: str, inode_column: int) -> set[str]:
    """The sockets of a protocol, named as in /proc/PID/fd."""
    lines = Path(f"/proc/{pid}/net/{protocol}").read_text().splitlines()[1:]
    return {f"socket:[{line.split()[inode_column]}]" for line in lines}

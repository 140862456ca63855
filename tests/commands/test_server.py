"""The command line, and how a server on real sockets starts and stops."""

import contextlib
import errno
import fcntl
import os
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from graphql_api.__main__ import main
from graphql_api.commands import serve
from graphql_api.commands.serve import (
    _authority,
    _end_silent_connections,
    _listener,
    _once_free,
    _reason,
)
from graphql_api.schema.schema import sdl
from graphql_api.settings import Settings

from ..support.clients import create_customer
from ..support.servers import (
    Server,
    alive,
    all_serve,
    launched,
    mongods,
    serving,
    until,
    variables_of_a_service,
)

WAITS = "The port or the data directory is in use. The server waits for up to 10 seconds."


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of commands in this process. It is empty at first."""
    variables: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", variables)
    return variables


async def test_the_server_shows_graphiql_and_creates_customers_at_the_printed_address(
    server_url: str,
) -> None:
    async with httpx.AsyncClient(base_url=server_url, timeout=20) as client:
        page = await client.get("/graphql", headers={"Accept": "text/html"})
        created = await create_customer(client)

    assert "GraphiQL" in page.text
    assert created["__typename"] == "CreateCustomerSuccess"


def test_ctrl_c_stops_a_server_with_all_its_workers_and_their_one_mongod(
    data_dir: Path, errors: Path
) -> None:
    flags = ("--data-dir", str(data_dir), "--workers", "2")

    # An option overrides its variable.
    with serving(*flags, errors=errors, stop=False, GRAPHQL_API_WORKERS="none") as server:
        all_serve(server, 2)
        workers, running = server.workers(), mongods(data_dir)
        press_ctrl_c(server)
        code = server.process.wait(20)

    assert code == 0
    assert len(running) == 1
    assert not [pid for pid in workers + running if alive(pid)]
    assert "Traceback" not in errors.read_text()


async def test_the_processes_of_a_killed_server_end_and_the_next_server_starts(
    data_dir: Path, errors: Path
) -> None:
    flags = ("--data-dir", str(data_dir), "--workers", "2")
    with serving(*flags, errors=errors, measured=True, stop=False) as server:
        all_serve(server, 2)
        left_behind = [*server.workers(), *mongods(data_dir)]
        server.kill()

    with serving(*flags, errors=errors, measured=True) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
            created = await create_customer(client)
        all_serve(server, 2)
        until(lambda: not [pid for pid in left_behind if alive(pid)], "its processes are gone")
        running = [*server.workers(), *mongods(data_dir)]

    assert created["__typename"] == "CreateCustomerSuccess"
    assert len(left_behind) == len(running) == 3
    assert not [pid for pid in running if alive(pid)]


def test_a_server_that_is_stopped_while_its_mongod_starts_stops_at_once(
    data_dir: Path, tmp_path: Path, errors: Path
) -> None:
    slow = tmp_path / "mongod"
    slow.write_text("#!/bin/sh\ntouch started\nexec sleep 60\n")
    slow.chmod(0o700)
    variables = {"GRAPHQL_API_MONGOD": str(slow), "GRAPHQL_API_DATA_DIR": str(data_dir)}

    with launched("serve", "--port", "0", errors=errors, measured=True, **variables) as process:
        until((data_dir / "mongod" / "started").exists, "the slow mongod runs")
        process.terminate()
        process.send_signal(signal.SIGINT)

        assert process.wait(20) == 0
        assert errors.read_text() == ""


def test_a_server_stops_although_a_client_never_ends_its_request(
    database_uri: str, errors: Path
) -> None:
    half = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    half += b"Content-Length: 1000\r\n\r\n{"

    with serving(errors=errors, stop=False, GRAPHQL_API_MONGODB_URI=database_uri) as server:
        url = httpx.URL(server.url)
        with socket.create_connection((url.host, url.port or 80)) as connection:
            connection.sendall(half)
            # When this request is answered, the server has read the other one.
            httpx.get(f"{server.url}/healthz", timeout=20)
            press_ctrl_c(server)

            assert server.process.wait(20) == 0


def test_a_server_ignores_the_variables_of_a_kubernetes_service_and_logs_their_names(
    server: Server,
) -> None:
    events = [line["event"] for line in server.log()]

    # The option `--port` of the tests' servers overrides the variable.
    ignored = [name for name in variables_of_a_service("GRAPHQL_API") if name != "GRAPHQL_API_PORT"]
    assert f"Variables of a Kubernetes Service are ignored: {', '.join(ignored)}." in events


def test_a_server_that_cannot_use_its_database_exits_with_an_error(
    database_uri: str, tmp_path: Path
) -> None:
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        twice = [{"emailCaseFolded": "john.smith@example.com"} for _ in range(2)]
        mongo.get_default_database()["customers"].insert_many(twice)

    with contextlib.ExitStack() as servers:
        processes = [
            servers.enter_context(
                launched(
                    *("serve", "--port", "0", "--workers", workers),
                    errors=tmp_path / workers,
                    measured=True,
                    GRAPHQL_API_MONGODB_URI=database_uri,
                )
            )
            for workers in ("1", "2")
        ]
        codes = [process.wait(40) for process in processes]

    assert codes == [3, 3]
    for workers in ("1", "2"):
        assert "john.smith" not in (tmp_path / workers).read_text()


def test_a_port_that_stays_in_use_is_a_clear_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serve, "_LEFT_BEHIND_SECONDS", 0.3)
    with _listener("127.0.0.1", 0) as other:
        _end_silent_connections(other, Settings())
        port = other.getsockname()[1]
        with (
            socket.create_connection(("127.0.0.1", port)),
            contextlib.closing(other.accept()[0]) as accepted,
        ):
            # A client that was switched off is forgotten.
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000

        with pytest.raises(OSError, match="in use") as failure:
            _listener("127.0.0.1", port)

    assert str(failure.value) == (
        f"Port {port} is in use. Stop the program that uses it, or choose another port with --port "
        "or GRAPHQL_API_PORT."
    )
    assert [record.message for record in caplog.records] == [WAITS.replace("10", "0")]


def test_the_wait_for_a_port_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serve, "_POLL_SECONDS", 0)
    faults = [OSError(errno.EADDRINUSE, "in use") for _ in range(3)]

    def take() -> str:
        if faults:
            raise faults.pop()
        return "taken"

    assert _once_free(take) == "taken"
    assert [record.message for record in caplog.records] == [WAITS]


def test_a_server_waits_for_the_port_and_the_directory_of_one_that_was_killed(
    data_dir: Path, errors: Path
) -> None:
    folder = data_dir / "mongod"
    folder.mkdir(parents=True)
    with contextlib.ExitStack() as others:
        lock = others.enter_context((folder / "server.lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        listener = others.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = str(listener.getsockname()[1])
        flags = ("serve", "--port", port, "--data-dir", str(data_dir))

        process = others.enter_context(launched(*flags, errors=errors))
        for other, times in ((listener, 1), (lock, 2)):
            until(lambda times=times: errors.read_text().count(WAITS) == times, "it waits")  # type: ignore[misc]  # of a lambda's default
            other.close()

        until(lambda: "Application startup complete." in errors.read_text(), "it serves")
        process.terminate()
        assert process.wait(20) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_sigquit_stops_a_server_and_other_signals_are_only_logged(
    workers: int, mongodb_uri: str, errors: Path
) -> None:
    flags = ("--workers", str(workers))

    with serving(
        *flags,
        errors=errors,
        measured=workers == 1,
        stop=False,
        GRAPHQL_API_MONGODB_URI=mongodb_uri,
    ) as server:
        all_serve(server, workers)
        # SIGHUP is the last one, because it replaces the workers.
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
            # As from a terminal that is closed.
            os.killpg(server.process.pid, number)
            event = f"Received {number.name}."
            until(lambda: event in errors.read_text(), "it is logged")  # noqa: B023  # called at once
            assert httpx.get(f"{server.url}/healthz", timeout=20).status_code == 200

        server.process.send_signal(signal.SIGQUIT)

        assert server.process.wait(20) == 0


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "2001:db8::1", "no-such-host.invalid", "a..b", "x" * 64, "1.2.3.4.5"]
)
def test_a_host_that_is_not_this_machine_is_a_clear_error(host: str) -> None:
    with pytest.raises(OSError, match="cannot listen") as failure:
        _listener(host, 0)

    assert str(failure.value) == (
        "The server cannot listen on this host. Choose an address of this machine with --host."
    )


def test_a_port_that_needs_root_is_a_clear_error() -> None:
    # Tests often run as root, which may listen on every port.
    reason = _reason(PermissionError(errno.EACCES, "Permission denied"), 80, "host", "port")

    assert reason == ("This user may not listen on port 80. Choose a port above 1023.")


def test_an_address_for_all_interfaces_is_shown_as_localhost() -> None:
    with socket.socket() as everywhere:
        everywhere.bind(("0.0.0.0", 0))  # noqa: S104  # never listened on

        assert _authority(everywhere) == f"localhost:{everywhere.getsockname()[1]}"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("GRAPHQL_API_PORT", "abc", "GRAPHQL_API_PORT must be a whole number from 0 to 65535."),
        (
            *("GRAPHQL_API_PROT", "8000"),
            "GRAPHQL_API_PROT is not a setting. Did you mean GRAPHQL_API_PORT?",
        ),
        ("GRAPHQL_API_MONGODB_URI", "db.example", "GRAPHQL_API_MONGODB_URI must be a MongoDB URI"),
        (
            "GRAPHQL_API_MONGODB_URI",
            "mongodb://user:se:cret@@",
            "GRAPHQL_API_MONGODB_URI must be a valid MongoDB URI.",
        ),
    ],
)
def test_the_error_for_an_invalid_variable_names_it_and_not_its_value(
    name: str,
    value: str,
    message: str,
    environment: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    environment[name] = value

    code = main(["serve"])

    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == ""
    assert printed.err.startswith(f"graphql-api: {message}")
    assert value not in printed.err


def test_an_invalid_option_is_an_error_that_names_its_variable(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    environment["GRAPHQL_API_WORKERS"] = "1"

    code = main(["serve", "--workers", "many"])

    assert code == 2
    assert capsys.readouterr().err == (
        "graphql-api: GRAPHQL_API_WORKERS must be a whole number from 1 to 256.\n"
    )


def test_a_mongod_that_cannot_be_run_is_a_clear_error(tmp_path: Path, errors: Path) -> None:
    with launched(
        *("serve", "--port", "0", "--data-dir", str(tmp_path)),
        errors=errors,
        measured=True,
        GRAPHQL_API_MONGOD=str(tmp_path / "none"),
    ) as process:
        assert process.wait(20) == 2

    assert errors.read_text().startswith("graphql-api: GRAPHQL_API_MONGOD names ")


def test_schema_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == sdl()


def test_schema_check_prints_nothing_if_nothing_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "schema.graphql"
    file.write_text(sdl(), encoding="utf-8")

    assert main(["schema", "--check", str(file)]) == 0
    assert capsys.readouterr().out == ""


def test_schema_check_shows_the_differences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "schema.graphql"
    file.write_bytes(sdl().encode().replace(b"type Mutation", b"type M\xfctation"))

    assert main(["schema", "--check", str(file)]) == 1
    difference = capsys.readouterr().out
    assert "\n-type M\N{REPLACEMENT CHARACTER}tation {\n+type Mutation {\n" in difference
    assert str(file) in difference


def test_schema_check_of_a_missing_file_is_a_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "schema.graphql"

    assert main(["schema", "--check", str(missing)]) == 2
    assert capsys.readouterr().err == f"graphql-api: {missing}: No such file or directory.\n"


@pytest.mark.parametrize("arguments", [[], ["create"]])
def test_without_a_valid_command_the_error_lists_the_commands(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)

    assert exit_.value.code == 2
    assert "serve" in capsys.readouterr().err


def press_ctrl_c(server: Server) -> None:
    """Sends SIGINT to all processes of the server, as a terminal does."""
    os.killpg(server.process.pid, signal.SIGINT)

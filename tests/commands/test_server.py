"""The command line, and the server on real sockets: how it starts, and how it ends."""

import contextlib
import errno
import fcntl
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from graphql_api.__main__ import main
from graphql_api.commands.serve import _authority, _why_not
from graphql_api.schema.schema import sdl

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
def errors(tmp_path: Path) -> Path:
    """Where a server's standard error goes."""
    return tmp_path / "stderr"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The whole environment of commands that run in this process."""
    variables: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", variables)
    return variables


async def test_the_server_shows_graphiql_where_it_says_and_creates_customers(
    server_url: str,
) -> None:
    async with httpx.AsyncClient(base_url=server_url) as client:
        page = await client.get("/graphql", headers={"Accept": "text/html"})
        created = await create_customer(client)

    assert "GraphiQL" in page.text
    assert created["__typename"] == "CreateCustomerSuccess"


def test_ctrl_c_stops_a_server_with_all_its_workers_and_the_one_mongod_that_serves_them(
    data_dir: Path, errors: Path
) -> None:
    flags = ("--data-dir", str(data_dir), "--workers", "2")

    # A flag wins over its variable.
    with serving(*flags, errors=errors, stop=False, GRAPHQL_API_WORKERS="none") as server:
        all_serve(server, 2)
        workers, running = server.workers(), mongods(data_dir)
        press_ctrl_c(server)
        code = server.process.wait(20)

    assert code == 0
    assert len(running) == 1
    assert not [pid for pid in workers + running if alive(pid)]
    assert "Traceback" not in errors.read_text()


async def test_a_server_that_is_killed_leaves_no_process_and_the_next_one_starts(
    data_dir: Path, errors: Path
) -> None:
    flags = ("--data-dir", str(data_dir), "--workers", "2")
    with serving(*flags, errors=errors, stop=False) as server:
        all_serve(server, 2)
        left_behind = [*server.workers(), *mongods(data_dir)]
        server.kill()

    with serving(*flags, errors=errors) as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
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

    with launched("serve", "--port", "0", errors=errors, **variables) as process:
        until((data_dir / "mongod" / "started").exists, "the slow one runs")
        process.terminate()
        process.send_signal(signal.SIGINT)

        assert process.wait(20) == 0
        assert errors.read_text() == ""


def test_a_client_that_never_ends_its_request_does_not_keep_a_server_from_stopping(
    database_uri: str, errors: Path
) -> None:
    half = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    half += b"Content-Length: 1000\r\n\r\n{"

    with serving(errors=errors, stop=False, GRAPHQL_API_MONGODB_URI=database_uri) as server:
        url = httpx.URL(server.url)
        with socket.create_connection((url.host, url.port or 80)) as connection:
            connection.sendall(half)
            # By the answer to this one, that one has been read.
            httpx.get(f"{server.url}/healthz")
            press_ctrl_c(server)

            assert server.process.wait(20) == 0


def test_a_server_starts_beside_a_kubernetes_service_of_its_name(
    database_uri: str, errors: Path
) -> None:
    service = variables_of_a_service("GRAPHQL_API")

    with serving(
        errors=errors, stop=True, GRAPHQL_API_MONGODB_URI=database_uri, **service
    ) as server:
        lines = [line["event"] for line in server.log() if "Kubernetes" in line["event"]]

    # The tests' servers have `--port`, which wins over a variable.
    ignored = ", ".join(name for name in service if name != "GRAPHQL_API_PORT")
    assert lines == [f"Variables of a Kubernetes Service are ignored: {ignored}."]


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
                    GRAPHQL_API_MONGODB_URI=database_uri,
                )
            )
            for workers in ("1", "2")
        ]
        codes = [process.wait(40) for process in processes]

    assert codes == [3, 3]
    for workers in ("1", "2"):
        assert "john.smith" not in (tmp_path / workers).read_text()


def test_a_port_in_use_is_a_clear_error(errors: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        launched("serve", "--port", str(other.getsockname()[1]), errors=errors) as process,
    ):
        assert process.wait(40) == 2
        port = other.getsockname()[1]

    waits, error = errors.read_text().splitlines()
    assert json.loads(waits)["event"] == WAITS
    assert error == (
        f"graphql-api: Port {port} is in use: stop what uses it, or choose another with --port."
    )


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
def test_other_signals_are_logged_and_end_nothing(
    workers: int, mongodb_uri: str, errors: Path
) -> None:
    flags = ("--workers", str(workers))

    with serving(*flags, errors=errors, GRAPHQL_API_MONGODB_URI=mongodb_uri) as server:
        all_serve(server, workers)
        # SIGHUP is the last one, because it replaces the workers.
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
            # As from a terminal that is closed.
            os.killpg(server.process.pid, number)
            event = f"Received {number.name},"
            until(lambda: event in errors.read_text(), "it is logged")  # noqa: B023  # called at once
            assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_sigquit_stops_a_server(mongodb_uri: str, errors: Path) -> None:
    with serving(errors=errors, stop=False, GRAPHQL_API_MONGODB_URI=mongodb_uri) as server:
        server.process.send_signal(signal.SIGQUIT)

        assert server.process.wait(20) == 0


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "2001:db8::1", "no-such-host.invalid", "a..b", "x" * 64, "1.2.3.4.5"]
)
def test_a_host_that_is_not_this_machine_is_a_clear_error(host: str, errors: Path) -> None:
    flags = ("--host", host, "--insecure")
    uri = "mongodb://127.0.0.1:1/"

    with launched("serve", *flags, errors=errors, GRAPHQL_API_MONGODB_URI=uri) as process:
        assert process.wait(40) == 2

    assert errors.read_text() == (
        "graphql-api: The server cannot listen on this host: name an address of this machine with "
        "--host.\n"
    )


def test_a_port_of_the_system_is_a_clear_error_for_others() -> None:
    # Few machines of tests have a user besides root, who may listen everywhere.
    said = _why_not(PermissionError(errno.EACCES, "Permission denied"), 80)

    assert said == "Port 80 is not open to this user: choose one from 1024 on with --port."


def test_an_address_for_all_interfaces_is_shown_as_one_that_browsers_open() -> None:
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
def test_a_bad_variable_is_refused_by_its_name_alone(
    name: str,
    value: str,
    message: str,
    environment: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    environment[name] = value

    code = main(["serve"])

    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert said.err.startswith(f"graphql-api: {message}")
    assert value not in said.err


def test_a_bad_flag_is_refused(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    environment["GRAPHQL_API_WORKERS"] = "1"

    code = main(["serve", "--workers", "many"])

    assert code == 2
    assert capsys.readouterr().err == (
        "graphql-api: GRAPHQL_API_WORKERS must be a whole number from 1 to 256.\n"
    )


def test_a_mongod_that_cannot_be_run_is_refused(tmp_path: Path, errors: Path) -> None:
    with launched(
        *("serve", "--port", "0", "--data-dir", str(tmp_path)),
        errors=errors,
        GRAPHQL_API_MONGOD=str(tmp_path / "none"),
    ) as process:
        assert process.wait(20) == 2

    assert errors.read_text().startswith("graphql-api: GRAPHQL_API_MONGOD names ")


def test_schema_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == sdl()


def test_schema_check_is_silent_where_nothing_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "schema.graphql"
    file.write_text(sdl(), encoding="utf-8")

    assert main(["schema", "--check", str(file)]) == 0
    assert capsys.readouterr().out == ""


def test_schema_check_shows_what_differs(
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
    assert capsys.readouterr().err == (
        f"graphql-api: [Errno 2] No such file or directory: '{missing}'\n"
    )


def test_the_module_runs_and_explains_itself(errors: Path) -> None:
    with launched("--help", errors=errors) as process:
        shown, _ = process.communicate(timeout=20)

    assert process.returncode == 0
    assert "serve" in shown
    assert "schema" in shown


@pytest.mark.parametrize("arguments", [[], ["create"]])
def test_without_a_command_it_says_which_there_are(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(arguments)

    assert refusal.value.code == 2
    assert "serve" in capsys.readouterr().err


def press_ctrl_c(server: Server) -> None:
    """Reaches every process of the server's group, as in a terminal."""
    os.killpg(server.process.pid, signal.SIGINT)

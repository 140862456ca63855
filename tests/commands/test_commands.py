"""Commands that fail print one sentence, and never a traceback."""

import io
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from pymongo import MongoClient

from graphql_api.__main__ import main

from ..conftest import Command
from ..support.servers import launched, until

# The argument that Python makes of a byte that is not UTF-8.
NOT_UTF_8 = os.fsdecode(b"\xff")
NO_FILE = "\\udcff: No such file or directory."


@pytest.mark.parametrize(
    "command",
    [
        ("keys", "list"),
        ("keys", "create", "--name", "web", "--scope", "customers:read"),
        ("keys", "revoke", "0123456789ab"),
        ("documents", "list"),
        ("documents", "remove", "an-id"),
        ("database", "check"),
    ],
    ids=" ".join,
)
def test_a_wrong_password_is_answered_with_one_sentence(
    command: tuple[str, ...], graphql_api: Command, database_uri: str
) -> None:
    wrong = database_uri.replace("mongodb://", "mongodb://somebody:s3cr3t@")

    ended = graphql_api(*command, GRAPHQL_API_MONGODB_URI=wrong)

    assert ended == (
        *(2, ""),
        "graphql-api: MongoDB refuses the command: AuthenticationFailed.\n",
    )


@pytest.mark.parametrize(
    ("command", "address"),
    [(("keys", "list"), "db.invalid"), (("documents", "remove", "an-id"), "%2Ftmp%2Fnone.sock")],
    ids=["unknown host", "missing socket"],
)
def test_an_unavailable_database_is_answered_with_one_sentence(
    command: tuple[str, ...], address: str, graphql_api: Command
) -> None:
    ended = graphql_api(*command, GRAPHQL_API_MONGODB_URI=f"mongodb://{address}/")

    assert ended == (2, "", "graphql-api: The database is unavailable. Try again.\n")


@pytest.mark.parametrize(
    "command",
    [
        ("customers", "erase", str(UUID(int=0))),
        ("database", "check"),
        ("database", "migrate"),
        ("documents", "list"),
        ("export",),
        ("keys", "create", "--name", "web", "--scope", "customers:read"),
        ("webhooks", "list"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_directory_without_a_database_is_named_and_nothing_is_created_there(
    command: tuple[str, ...], graphql_api: Command, data_dir: Path
) -> None:
    ended = graphql_api(*command, GRAPHQL_API_DATA_DIR=str(data_dir))

    assert ended == (
        *(2, ""),
        f"graphql-api: There is no database in {data_dir}. Name the data directory of the server "
        "with --data-dir or GRAPHQL_API_DATA_DIR, or its MongoDB with GRAPHQL_API_MONGODB_URI. "
        "`graphql-api serve` and `graphql-api import` create a database.\n",
    )
    assert not data_dir.exists()


def test_an_import_may_start_the_first_mongod_in_a_directory(
    graphql_api: Command, data_dir: Path, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text("Email\n")

    code, _, error = graphql_api(
        *("import", str(file), "--data-dir", str(data_dir)), GRAPHQL_API_MONGOD="/bin/false"
    )

    assert code == 2
    assert "/false ended with code 1" in error
    assert (data_dir / "mongod" / "data").is_dir()


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (("keys", "revoke", NOT_UTF_8), 1, "No key has the id \\udcff."),
        (("documents", "remove", NOT_UTF_8), 1, "No document has the id \\udcff."),
        (("documents", "register", NOT_UTF_8), 2, NO_FILE),
        (("schema", "--check", NOT_UTF_8), 2, NO_FILE),
        (("schema", "--diff", NOT_UTF_8), 2, NO_FILE),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_argument_that_is_not_utf_8_is_answered_with_one_sentence(
    command: tuple[str, ...], code: int, message: str, graphql_api: Command, database_uri: str
) -> None:
    ended = graphql_api(*command, GRAPHQL_API_MONGODB_URI=database_uri)

    assert ended == (code, "", f"graphql-api: {message}\n")


def test_a_bug_in_a_command_shows_no_stored_value(graphql_api: Command, database_uri: str) -> None:
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        mongo.get_default_database()["api_keys"].insert_one({"name": "Ada", "createdAt": "s3cr3t"})

    code, output, error = graphql_api("keys", "list", GRAPHQL_API_MONGODB_URI=database_uri)

    assert (code, output) == (2, "")
    assert error.startswith("graphql-api: This is a bug in graphql-api: ")
    assert "api_keys.py" in error
    assert "Ada" not in error
    assert "s3cr3t" not in error


def test_characters_that_the_encoding_of_the_output_lacks_are_escaped(
    tmp_path: Path, graphql_api: Command
) -> None:
    other = tmp_path / "schéma.graphql"
    other.touch()
    cast(io.TextIOWrapper, sys.stdout).reconfigure(encoding="ascii")

    code, difference, error = graphql_api("schema", "--check", str(other))

    assert (code, error) == (1, "")
    assert "sch\\xe9ma.graphql" in difference


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])

    assert capsys.readouterr().out == f"graphql-api {version('graphql-api')}\n"


def test_output_that_cannot_be_written_is_answered_with_one_sentence(errors: Path) -> None:
    # The short output is written when the command ends, the long one earlier.
    for form in ("possible-types", "json"):
        with Path("/dev/full").open("w") as full, errors.open("w") as stderr:
            done = subprocess.run(  # noqa: S603  # our own command line
                [sys.executable, "-m", "graphql_api", "schema", "--format", form],
                check=False,
                stdout=full,
                stderr=stderr,
                env={**os.environ, "PYTHONUNBUFFERED": ""},
            )

        assert done.returncode == 2
        assert errors.read_text() == "graphql-api: [Errno 28] No space left on device\n"


def test_a_command_can_be_started_without_standard_streams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)

    code = main(["schema", "--check", "missing.graphql"])
    sys.stdout.close()
    sys.stderr.close()

    assert code == 2


# Runs the program, which says when it imports its modules, and then waits for a line.
IMPORTING = """
import runpy, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "graphql_api.command_line":
            print(name, flush=True)
            sys.exit(sys.stdin.readline())
sys.meta_path.insert(0, Finder())
runpy.run_module("graphql_api", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("shell", "ended"),
    [('exec "$@"', (130, "")), ("trap '' INT; exec \"$@\"", (1, "continued\n"))],
    ids=["in the foreground", "in the background"],
)
def test_ctrl_c_ends_a_command_without_a_message_while_its_modules_are_imported(
    shell: str, ended: tuple[int, str]
) -> None:
    with subprocess.Popen(  # noqa: S603  # our own command line
        ["/bin/sh", "-c", shell, "sh", sys.executable, "-c", IMPORTING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "graphql_api.command_line\n"
        process.send_signal(signal.SIGINT)
        _, error = process.communicate("continued", timeout=20)

    assert (process.returncode, error) == ended


def test_ctrl_c_ends_a_command_without_a_message(
    tmp_path: Path, data_dir: Path, errors: Path
) -> None:
    slow = tmp_path / "mongod"
    slow.write_text("#!/bin/sh\ntouch started\nexec sleep 60\n")
    slow.chmod(0o700)
    variables = {"GRAPHQL_API_MONGOD": str(slow), "GRAPHQL_API_DATA_DIR": str(data_dir)}
    (data_dir / "mongod" / "data").mkdir(parents=True)

    with launched("keys", "list", errors=errors, measured=True, **variables) as process:
        until((data_dir / "mongod" / "started").exists, "the slow mongod runs")
        process.send_signal(signal.SIGINT)
        code = process.wait(20)

    assert code == 130
    assert errors.read_text() == ""

"""How commands end that cannot do what they were asked for: with a sentence, never a traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest
from pymongo import MongoClient

from ..conftest import Command
from ..support.servers import launched, until

# As a terminal gives what is not UTF-8.
NOT_UTF_8 = os.fsdecode(b"\xff")


@pytest.mark.parametrize(
    "command",
    [
        ("keys", "list"),
        ("keys", "create", "--name", "web", "--scope", "customers:read"),
        ("keys", "revoke", "0123456789ab"),
        ("documents", "list"),
        ("documents", "remove", "an-id"),
    ],
    ids=" ".join,
)
def test_a_wrong_password_is_a_sentence(
    command: tuple[str, ...], graphql_api: Command, database_uri: str
) -> None:
    wrong = database_uri.replace("mongodb://", "mongodb://somebody:s3cr3t@")

    ended = graphql_api(*command, GRAPHQL_API_MONGODB_URI=wrong)

    assert ended == (
        *(1, ""),
        "graphql-api: MongoDB refuses the command: AuthenticationFailed.\n",
    )


@pytest.mark.parametrize("command", [("keys", "list"), ("documents", "list")], ids=" ".join)
def test_an_unknown_host_is_a_sentence(command: tuple[str, ...], graphql_api: Command) -> None:
    ended = graphql_api(*command, GRAPHQL_API_MONGODB_URI="mongodb://db.invalid/")

    assert ended == (1, "", "graphql-api: The database is unavailable. Try again.\n")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("keys", "revoke", NOT_UTF_8), "No key has the id"),
        (("documents", "remove", NOT_UTF_8), "No document has the id"),
        (("documents", "register", NOT_UTF_8), "No such file or directory"),
        (("schema", "--check", NOT_UTF_8), "No such file or directory"),
        (("schema", "--diff", NOT_UTF_8), "No such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_not_utf_8_is_a_sentence(
    command: tuple[str, ...], said: str, database_uri: str
) -> None:
    done = run(*command, GRAPHQL_API_MONGODB_URI=database_uri)

    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_fault_of_the_command_itself_shows_nothing_of_the_data(
    graphql_api: Command, database_uri: str
) -> None:
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        mongo.get_default_database()["api_keys"].insert_one({"name": "Ada", "createdAt": "s3cr3t"})

    code, said, error = graphql_api("keys", "list", GRAPHQL_API_MONGODB_URI=database_uri)

    assert (code, said) == (1, "")
    assert error.startswith("graphql-api: This is a bug in graphql-api: ")
    assert "api_keys.py" in error
    assert "Ada" not in error
    assert "s3cr3t" not in error


def test_what_the_encoding_of_the_output_does_not_have_is_shown_with_escapes(
    tmp_path: Path,
) -> None:
    other = tmp_path / "schéma.graphql"
    other.touch()

    done = run("schema", "--check", str(other), PYTHONIOENCODING="ascii")

    assert done.returncode == 1
    assert done.stderr == ""
    assert "sch\\xe9ma.graphql" in done.stdout


@pytest.mark.parametrize(
    "command", [("keys", "list"), ("schema", "--format", "json")], ids=["short", "long"]
)
def test_output_that_cannot_be_written_is_a_sentence(
    command: tuple[str, ...], database_uri: str
) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(*command, output=full, PYTHONUNBUFFERED="", GRAPHQL_API_MONGODB_URI=database_uri)

    assert done.returncode == 2
    assert done.stderr == "graphql-api: [Errno 28] No space left on device\n"


def test_ctrl_c_ends_a_command_without_a_word(tmp_path: Path, data_dir: Path) -> None:
    slow = tmp_path / "mongod"
    slow.write_text("#!/bin/sh\ntouch started\nexec sleep 60\n")
    slow.chmod(0o700)
    errors = tmp_path / "stderr"
    variables = {"GRAPHQL_API_MONGOD": str(slow), "GRAPHQL_API_DATA_DIR": str(data_dir)}

    with launched("keys", "list", errors=errors, **variables) as process:
        until((data_dir / "mongod" / "started").exists, "the slow one runs")
        process.send_signal(signal.SIGINT)
        code = process.wait(20)

    assert code == 130
    assert errors.read_text() == ""


def run(
    *arguments: str, output: int | IO[str] = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`graphql-api` in a process of its own."""
    return subprocess.run(  # noqa: S603  # our own command line
        [sys.executable, "-m", "graphql_api", *arguments],
        check=False,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )

"""The example's Python client: its generated types, and its outcomes on a live server."""

import shutil
import subprocess
from pathlib import Path

import pytest

from ..support.paths import ROOT

EXAMPLE = ROOT / "examples" / "python_client"
BIN = EXAMPLE / ".venv" / "bin"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example with its client, beside a schema that a test may change."""
    copy = tmp_path / "examples" / "python_client"
    copy.mkdir(parents=True)
    for name in ("pyproject.toml", "operations.graphql", "create_customer.py"):
        shutil.copy(EXAMPLE / name, copy)
    shutil.copy(ROOT / "schema.graphql", tmp_path)
    generated = run(copy, "ariadne-codegen", "client")
    assert generated.returncode == 0, generated.stdout
    return copy


def test_its_types_are_strict_until_the_schema_has_an_outcome_that_it_does_not_handle(
    folder: Path,
) -> None:
    schema = folder.parents[1] / "schema.graphql"
    known = schema.read_text("utf-8")
    unknown = known.replace("| IdempotencyConflict", "| IdempotencyConflict | Later")

    passes = run(folder, "mypy", "create_customer.py")
    schema.write_text(f"{unknown} type Later {{ until: DateTime! }}", "utf-8")
    run(folder, "ariadne-codegen", "client")
    fails = run(folder, "mypy", "create_customer.py")

    assert passes.returncode == 0, passes.stdout
    [error] = [line for line in fails.stdout.splitlines() if "error:" in line]
    assert "assert_never" in error
    assert "Later" in error


def test_it_creates_a_customer_and_prints_the_messages_of_the_server(
    folder: Path, server_url: str
) -> None:
    program = ("python", "create_customer.py", "--url", f"{server_url}/graphql")

    refused = run(folder, *program, "kj@example.com", "--name", "K", "--zip-code", "1-")
    created = run(folder, *program, "kj@example.com", "--name", "Katherine Johnson")
    taken = run(folder, *program, "KJ@example.com")

    assert refused.stdout.splitlines() == [
        "name: Enter at least 3 characters (1 entered).",
        "zipCode: Use digits, with single hyphens between groups, for example 10469-2345.",
    ]
    assert created.stdout.startswith("Created kj@example.com at ")
    assert taken.stdout == (
        "email: A customer with this email address already exists. Use a different one.\n"
    )
    assert [done.returncode for done in (refused, created, taken)] == [1, 0, 1]


def test_without_a_server_it_prints_that_the_request_failed(folder: Path) -> None:
    done = run(folder, *("python", "create_customer.py"), "a@b.de", "--url", "http://127.0.0.1:1/")

    assert done.stderr.startswith("The request failed: ")
    assert done.returncode == 1


def run(folder: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of the example's own environment."""
    return subprocess.run(  # noqa: S603  # the project's own
        [BIN / command, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

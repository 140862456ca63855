"""The example's Python client: its generated types, and its outcomes on a live server."""

import shutil
import subprocess
from pathlib import Path

import pytest

from graphql_api.customers.fields import FIELDS
from graphql_api.customers.problems import DuplicateInList, InvalidFormat
from graphql_api.customers.versions import Changed

from ..support.paths import ROOT

pytestmark = pytest.mark.patient

EXAMPLE = ROOT / "examples" / "python_client"
EMAIL = next(field for field in FIELDS if field.name == "email")
BIN = EXAMPLE / ".venv" / "bin"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example with its client, beside a schema that a test may change."""
    copy = tmp_path / "examples" / "python_client"
    copy.mkdir(parents=True)
    for name in ("pyproject.toml", "operations.graphql", "customers.py"):
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

    passes = run(folder, "mypy", "customers.py")
    schema.write_text(f"{unknown} type Later {{ until: DateTime! }}", "utf-8")
    run(folder, "ariadne-codegen", "client")
    fails = run(folder, "mypy", "customers.py")

    assert passes.returncode == 0, passes.stdout
    errors = [line for line in fails.stdout.splitlines() if "error:" in line]
    # Of one customer, and of each of many.
    assert len(errors) == 2
    assert all("assert_never" in error and "Later" in error for error in errors)


def test_it_creates_a_customer_and_prints_the_messages_of_the_server(
    folder: Path, server_url: str
) -> None:
    program = (*_program(server_url), "create")

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


def test_it_creates_many_customers_and_finds_changes_and_deletes_them(
    folder: Path, server_url: str
) -> None:
    program = _program(server_url)
    emails = [f"mj.{number}@example.com" for number in range(60)]
    first, second = emails[:2]

    many = run(folder, *program, "create-many", *emails, first.upper(), "nobody")
    found = run(folder, *program, "find", "mj")
    named = run(folder, *program, "change", first, "--name", "Mary Jackson", "--city", "Hampton")
    left = run(folder, *program, "change", first, "--city", "Hampton")
    cleared = run(folder, *program, "change", first, "--clear", "city")
    late = run(folder, *program, "change", first, "--city", "Newport", "--if-version", "1")
    refused = run(folder, *program, "change", first, "--name", "M", "--city", "X")
    shown = run(folder, *program, "find", "mary", "mj.0@example.com")
    late_again = run(folder, *program, "delete", first, "--if-version", "1")
    deleted = run(folder, *program, "delete", second)
    missing = run(folder, *program, "delete", second)

    assert many.stdout.splitlines() == [
        *(f"Created {email}" for email in emails),
        "60.email: " + DuplicateInList(EMAIL, 0).message,
        "61.email: " + InvalidFormat(EMAIL).message,
    ]
    # On two pages. Customers of one list may be created at the same time.
    assert sorted(found.stdout.splitlines()) == sorted(f"- <{email}>, -" for email in emails)
    assert named.stdout == cleared.stdout == f"Changed {first}\n"
    assert left.stdout == f"Left {first}\n"
    assert late.stdout == f"{Changed.message} NAME CITY\n"
    assert refused.stdout.splitlines() == [
        "name: Enter at least 3 characters (1 entered).",
        "city: Enter at least 2 characters (1 entered).",
    ]
    # The change of the city left the name as it was.
    assert shown.stdout == f"Mary Jackson <{first}>, -\n"
    assert late_again.stdout == late.stdout
    assert deleted.stdout == f"Deleted {second}\n"
    assert missing.stdout == "No customer has this email address.\n"
    assert [done.returncode for done in (many, late, refused, late_again, missing)] == [1] * 5
    assert [done.returncode for done in (found, named, left, cleared, deleted)] == [0] * 5


def test_without_a_server_it_prints_that_the_request_failed(folder: Path) -> None:
    done = run(folder, *_program("http://127.0.0.1:1"), "create", "a@b.de")

    assert done.stderr.startswith("The request failed: ")
    assert done.returncode == 1


def _program(server_url: str) -> tuple[str, ...]:
    return ("python", "customers.py", "--url", f"{server_url}/graphql")


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

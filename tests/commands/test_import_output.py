"""The progress of `graphql-api import`, and values that are too long to show."""

import re
import sys
from pathlib import Path

import pytest

from graphql_api.commands import import_report, import_source, progress

from ..conftest import Command
from ..support.imports import people, table


def test_progress_is_shown_in_plain_lines_where_there_is_no_terminal(
    importing: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_SECONDS", -1)

    _, _, error = importing(table(tmp_path / "people.csv", *people(1500), ("x", "", "")))

    [reading, *importing_] = [line for line in error.splitlines() if "a second" in line]
    assert re.fullmatch(r"Reading: 1,000 rows, [\d,]+ a second\.", reading)
    assert re.fullmatch(
        r"Importing: 1,000 of 1,501 rows, [\d,]+ a second, [\d,]+ s left\.", importing_[0]
    )
    assert re.fullmatch(
        r"Importing: 1,501 of 1,501 rows, [\d,]+ a second, 0 s left\. 1 rejected", importing_[1]
    )


def test_progress_is_shown_in_a_bar_on_a_terminal(
    importing: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    code, _, error = importing(table(tmp_path / "people.csv", *people(1500)), COLUMNS="100")

    assert code == 0
    assert "Importing" in error
    assert "1,500 of 1,500" in error
    assert "━" in error


def test_long_texts_and_many_columns_are_shown_in_part(
    importing: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_report, "_SHOWN_REASONS", 1)
    monkeypatch.setattr(import_source, "SHOWN_HEADERS", 2)
    file = table(
        tmp_path / "people.csv",
        ("x" * 300 + "\x1b[2J", "J0", *("x" * 5)),
        ("a@example.com",),
        headers="Email,Name,A\x1b[2J,B,C,D,D",
    )

    _, output, error = importing(file)

    assert "\x1b" not in error + output
    assert f"{'x' * 39}…" not in error
    assert "…" in error
    assert "(cannot be read)" in error
    assert "The header D occurs 2 times: the first one is used.\n" in error
    assert "Not imported: A [2J, B and 3 more.\n" in error
    assert "Not shown: 4 more reasons.\n" in output

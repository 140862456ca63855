"""The file of the rows that `graphql-api import` rejects."""

import csv
import io
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from pymongo.collection import Collection

from ..conftest import Command
from ..support.imports import AGAIN, TOTALS, emails, people, table

Documents = Collection[dict[str, Any]]


def test_rejected_rows_can_be_corrected_and_imported(
    importing: Command, documents: Documents, tmp_path: Path
) -> None:
    file = table(
        tmp_path / "all.csv",
        ("=a@example.com", "John Smith", "unknown", "=1"),
        ("b@example.com", "John Smith", "12345", "2"),
        ("c@example.com",),
        headers="Email,Name,Phone,Points",
    )
    rejects, again = tmp_path / "rejects.csv", tmp_path / "again.csv"

    code, output, _ = importing(file, "--rejects", str(rejects))
    text = rejects.read_text()
    rejects.write_text(text.replace("unknown", "54321"))
    corrected = importing(str(rejects), "--rejects", str(again))

    assert (code, output.splitlines()[0]) == (1, "3 rows: 1 created, 0 already there, 2 rejected.")
    assert "--rejects" not in output
    assert [*csv.reader(io.StringIO(text))] == [
        ["line", "reasons", "Email", "Name", "Phone", "Points"],
        [
            "2",
            "Phone Number: Use only the digits 0 to 9, for example 5417543010.",
            *("'=a@example.com", "John Smith", "unknown", "'=1"),
        ],
        ["4", "The row has 1 cell, and the header has 4.", "c@example.com"],
    ]
    assert corrected[1].startswith(TOTALS.format(2, 1, 0, 1))
    assert "Not imported: line, reasons, Points.\n" in corrected[2]
    assert [*csv.reader(io.StringIO(again.read_text()))][1:] == [
        ["3", "The row has 3 cells, and the header has 6.", "c@example.com"]
    ]
    assert emails(documents) == ["=a@example.com", "b@example.com"]


@pytest.mark.parametrize("rejects", ["people.csv.old", "people.csv"])
def test_the_rejects_never_replace_the_file_itself(
    rejects: str, importing: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = table(tmp_path / "people.csv.old", *people(1))

    for name in (file, "-"):
        with Path(file).open() as opened:
            monkeypatch.setattr(sys, "stdin", opened)
            code, output, error = importing(name, "--rejects", str(tmp_path / rejects))

        assert (code, output) == (2, "")
        assert error.endswith("--rejects must not replace the file to import.\n")
    assert len(Path(file).read_text().splitlines()) == 2


def test_an_older_file_of_rejects_is_renamed(importing: Command, tmp_path: Path) -> None:
    file, rejects = table(tmp_path / "people.csv", ("x", "", "")), tmp_path / "rejects.csv"
    rejects.write_text("somebody corrected it")

    _, _, error = importing(file, "--rejects", str(rejects))

    old = tmp_path / "rejects.csv.old"
    assert f"The older file {rejects} is now {old}.\n" in error
    assert old.read_text() == "somebody corrected it"
    assert rejects.read_text().startswith("line,reasons,Email,")
    valid = table(tmp_path / "valid.csv", *people(1))
    assert importing(valid, "--rejects", str(rejects))[0] == 0
    assert not rejects.exists()
    assert old.read_text().startswith("line,reasons,Email,")


@pytest.mark.parametrize("rows", [1, 600])
def test_an_import_stops_if_the_rejects_cannot_be_written(
    rows: int, importing: Command, documents: Documents, tmp_path: Path
) -> None:
    file = table(tmp_path / "people.csv", *people(3), *[("x", "J0", "")] * rows)

    code, output, error = importing(file, "--rejects", "/dev/full")

    assert code == 2
    assert re.match(
        r"(\d+) rows: 3 created, 0 already there, \d+ rejected\.( \d+ more rows? not reached\.)?\n",
        output,
    )
    assert error.endswith(
        "graphql-api: The rejected rows cannot be written: No space left on device. " + AGAIN
    )
    assert documents.count_documents({}) == 3

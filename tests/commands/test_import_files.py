"""The files that `graphql-api import` understands, and those that it refuses."""

import gzip
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from pymongo.collection import Collection

from graphql_api.__main__ import main
from graphql_api.commands import import_customers as import_command
from graphql_api.files import report

from ..conftest import Command
from ..support.imports import AGAIN, TOTALS, emails, table

Documents = Collection[dict[str, Any]]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_options_change_what_is_understood(
    encoding: str, importing: Command, documents: Documents, tmp_path: Path
) -> None:
    file, rejects = tmp_path / "people.csv", tmp_path / "rejects.csv"
    text = "E-Post\tVorname:x\tTel\nj@example.com\tJosé\t+1 (541) 754-3010\nk\té\t\n"
    file.write_bytes(gzip.compress(text.encode(encoding)))

    code, _, understood = importing(
        str(file),
        *("--map", "E-Post=email,Vorname:x=Name,Tel=phoneNumber", "--encoding", encoding),
        *("--phones", "digits", "--delimiter", "tab", "--rejects", str(rejects)),
    )

    assert code == 1
    assert [document["name"] for document in documents.find()] == ["José"]
    assert [document["phoneNumber"] for document in documents.find()] == ["15417543010"]
    assert understood.splitlines()[0] == (
        f"{file}: CSV, separated by tabs, {encoding.upper()}, compressed. 2 rows."
    )
    assert "E-Post\tVorname:x\tTel" in rejects.read_text(encoding)


def test_objects_are_imported(importing: Command, documents: Documents, tmp_path: Path) -> None:
    file, rejects = tmp_path / "people.jsonl", tmp_path / "rejects.jsonl"
    lines = [
        {"email": "a@example.com", "phone number": 5417543010},
        {"email": ["b@example.com"], "Points": 5, "ZIP": "2134", "country": "US"},
        {"ZIP": "2134", "country": "US", "email": "c@example.com"},
        {"ZIP": "2134", "country": "US", "email": "d@example.com"},
    ]
    file.write_text("\n".join([*map(json.dumps, lines), "no object"]))

    code, output, understood = importing(str(file), "--rejects", str(rejects))

    assert code == 1
    assert emails(documents) == ["a@example.com", "c@example.com", "d@example.com"]
    assert output.startswith(TOTALS.format(5, 3, 0, 2))
    assert (
        "Warning: 3 ZIP codes of the United States have four digits, first on line 2. "
        "A spreadsheet may have removed a zero at the beginning.\n"
    ) in output
    assert understood.splitlines()[0] == f"{file}: JSON Lines, UTF-8. 5 rows."
    assert "Not imported: Points, text.\n" in understood
    assert "(not a text)" in understood
    assert sorted(map(json.loads, rejects.read_text().splitlines()), key=str) == [
        {
            "email": ["b@example.com"],
            "Points": 5,
            "ZIP": "2134",
            "country": "US",
            "line": 2,
            "reasons": "Email: Send a string or an integer.",
        },
        {"text": "no object", "line": 5, "reasons": "The line is not a JSON object."},
    ]


def standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))


@pytest.mark.parametrize(
    "data", [b"Email\na@example.com\n", b'{"email": "a@example.com"}\n{"Email": "x"}']
)
def test_standard_input_is_imported(
    data: bytes, importing: Command, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    standard_input(monkeypatch, data)

    _, output, understood = importing("-")

    assert "1 created" in output
    assert understood.startswith("Standard input: ")
    assert "rows" not in understood
    assert emails(documents) == ["a@example.com"]


def test_rows_before_a_fault_of_standard_input_are_imported(
    importing: Command, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_command, "_BATCH", 50)
    valid = "".join(f"c{number}@example.com\n" for number in range(120))
    damaged = f'Email\n{valid}"'.encode()

    standard_input(monkeypatch, damaged)
    dry_code, _, dry_error = importing("-", "--dry-run")
    stored_by_dry = documents.count_documents({})
    standard_input(monkeypatch, damaged)
    code, output, error = importing("-")

    assert (dry_code, stored_by_dry) == (2, 0)
    assert dry_error.endswith(
        "The rows before this fault are checked. Nothing was stored. "
        "Run the same command again to check the whole file.\n"
    )
    assert (code, output) == (2, TOTALS.format(120, 120, 0, 0))
    assert error.endswith(
        "graphql-api: The row that begins on line 122 has a quote that never closes, or is too "
        f"long.\nThe rows before this fault are imported. {AGAIN}"
    )
    assert documents.count_documents({}) == 120


def test_a_fault_of_a_file_is_found_before_anything_is_stored(
    importing: Command, documents: Documents, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text("Email\n" + "".join(f"c{number}@example.com\n" for number in range(2000)) + '"')

    code, output, error = importing(str(file))

    assert (code, output) == (2, "")
    assert error.endswith(
        "graphql-api: The row that begins on line 2,002 has a quote that never closes, or is too "
        "long.\n"
    )
    assert documents.database.list_collection_names() == []


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (
            "Mail 2,Name\na@example.com,John Smith\n",
            [],
            "No column was recognised as the email address. The columns are: Mail 2, Name. "
            "Add --map COLUMN=email.",
        ),
        ("Email\n", ["--map", "Mail=email"], "The file has no column `Mail`."),
        (
            "".join(json.dumps({f"k{number}": 1}) + "\n" for number in range(1001)),
            [],
            "The objects have more than 1,000 different keys.",
        ),
    ],
)
def test_a_file_that_is_not_understood_is_refused(
    text: str, options: list[str], message: str, importing: Command, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(text)

    assert importing(str(file), *options) == (2, "", f"graphql-api: {message}\n")


def test_a_file_with_a_header_only_has_no_rows(importing: Command, tmp_path: Path) -> None:
    code, output, understood = importing(table(tmp_path / "none.csv"))

    assert (code, output) == (0, TOTALS.format(0, 0, 0, 0))
    assert "FIELD         COLUMN\n" in understood


def test_keys_that_only_later_objects_of_a_pipe_have_are_named(
    importing: Command, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "SHOWN_HEADERS", 2)
    first = [{"email": f"c{number}@example.com", "points": 1} for number in range(100)]
    later = [{"email": "d@example.com", "phone": "12345", "\x1b": 1}, {"phone": "1", "x": 1}, []]
    lines = [*first, *({**one, "y": 1} if isinstance(one, dict) else one for one in later)]
    standard_input(monkeypatch, "\n".join(map(json.dumps, lines)).encode())

    code, output, _ = importing("-")

    assert (code, output.splitlines()[0]) == (
        1,
        "103 rows: 101 created, 0 already there, 2 rejected.",
    )
    [warning] = [line for line in output.splitlines() if line.startswith("Warning: ")]
    assert re.fullmatch(
        r"Warning: Not imported, because the first objects lack them: (phone| |y) \(line 101\), "
        r"(phone| |y) \(line 101\) and more\. Import from a file, not from a pipe: then the keys "
        r"of all objects are recognised\.",
        warning,
    )
    assert documents.count_documents({"phoneNumber": {"$exists": True}}) == 0


def test_a_closed_standard_input_is_explained(
    importing: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)

    assert importing("-") == (2, "", "graphql-api: Standard input is closed.\n")


def test_a_missing_file_is_named(importing: Command, tmp_path: Path) -> None:
    code, _, error = importing(str(tmp_path / "missing.csv"))

    assert code == 2
    assert error == f"graphql-api: {tmp_path / 'missing.csv'}: No such file or directory.\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--map", "Email"], "Write COLUMN=FIELD, such as Mail=email."),
        (["--encoding", "rot13"], "use the name of an encoding, such as cp1252"),
        (["--delimiter", "ab"], "use one character, or tab"),
        (["--delimiter", '"'], "use one character, or tab"),
    ],
)
def test_an_option_that_cannot_be_used_is_explained(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["import", "people.csv", *options])

    assert ended.value.code == 2
    assert message in capsys.readouterr().err

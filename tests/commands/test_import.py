"""`graphql-api import` imports each row of a file once, and says what became of it."""

import csv
import gzip
import io
import json
import multiprocessing
import os
import random
import re
import signal
import sys
import time
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.collection import Collection

from graphql_api.__main__ import main
from graphql_api.commands import import_customers as import_command
from graphql_api.commands import import_report, import_source, progress
from graphql_api.customers.import_customers import Imports, Outcome, import_customers
from graphql_api.customers.store import StoredCustomer
from graphql_api.faults import Unavailable
from graphql_api.files import report
from graphql_api.mongo.customer_documents import LIST_INDEXES
from graphql_api.mongo.imports import MongoImports

from ..conftest import Command
from ..support.servers import launched, until
from ..support.tracers import unmeasured

Documents = Collection[dict[str, Any]]

TOTALS = "{} rows: {} created, {} already there, {} rejected.\n"
NOT_REACHED = TOTALS.replace("rejected.", "rejected. {} more rows not reached.")
AGAIN = "To go on, run the same command again: rows that are stored will count as already there.\n"
EMAIL_IS_INVALID = "Email: Enter a valid email address, for example john.smith@example.com."


@pytest.fixture
def importing(graphql_api: Command, database_uri: str) -> Command:
    """`graphql-api import` in this process."""
    return partial(graphql_api, "import", GRAPHQL_API_MONGODB_URI=database_uri)


def table(path: Path, *rows: Sequence[object], headers: str = "Email,Name,Phone") -> str:
    """Writes a CSV file, and returns its path."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([headers.split(","), *rows])
    return str(path)


def people(count: int) -> list[tuple[str, str, str]]:
    return [(f"c{number}@example.com", "John Smith", f"{number:05}") for number in range(count)]


def emails(documents: Documents) -> list[str]:
    return sorted(document["email"] for document in documents.find())


def reasons(output: str) -> list[list[str]]:
    """The rows of the table of reasons."""
    _, _, lines = output.partition("ROWS  FIRST LINE  REASON\n")
    return [re.split("  +", line, maxsplit=2) for line in lines.splitlines() if line[0].isdigit()]


def test_a_file_is_imported_once_however_often_it_is_imported(
    importing: Command, documents: Documents, tmp_path: Path
) -> None:
    file = table(tmp_path / "people.csv", *people(2500))

    first, second, third = (importing(file) for _ in range(3))

    assert first[:2] == (0, TOTALS.format("2,500", "2,500", 0, 0))
    assert second[:2] == third[:2] == (0, TOTALS.format("2,500", 0, "2,500", 0))
    oldest_first = documents.find().sort([("createdAt", 1), ("_id", 1)])
    assert [document["email"] for document in oldest_first] == [row[0] for row in people(2500)]
    assert [line.rstrip() for line in first[2].splitlines()][:5] == [
        f"{file}: CSV, separated by commas, UTF-8. 2,500 rows.",
        "FIELD         COLUMN  LINE 2          LINE 3          LINE 4",
        "Name          Name    John Smith      John Smith      John Smith",
        "Email         Email   c0@example.com  c1@example.com  c2@example.com",
        "Phone Number  Phone   00000           00001           00002",
    ]


class Clock:
    """The time of the command, in seconds. Each sleep takes 2 ms longer than it should."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(import_command, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(import_command, "asyncio", SimpleNamespace(sleep=self._sleep))

    async def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.now += seconds + 0.002


def test_an_import_keeps_to_its_rate(
    importing: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = table(tmp_path / "people.csv", *people(180))
    clock = Clock(monkeypatch)
    began = clock.now
    batches: list[tuple[int, int]] = []

    async def observed(taken: AsyncIterable[Sequence[Any]]) -> AsyncIterator[Sequence[Any]]:
        async for rows in taken:
            batches.append((round((clock.now - began) * 1000), len(rows)))
            yield rows
            # The database is slow once.
            clock.now += 0.3 if len(batches) == 5 else 0.001

    def observed_import(
        imports: Imports, taken: AsyncIterable[Sequence[Any]], *, in_flight_at_once: int
    ) -> AsyncIterator[list[Outcome]]:
        return import_customers(imports, observed(taken), in_flight_at_once=in_flight_at_once)

    monkeypatch.setattr(import_command, "import_customers", observed_import)
    _, output, _ = importing(file, "--rate", "1000")

    assert output == TOTALS.format(180, 180, 0, 0)
    # The delays of sleeps do not add up, and the time in which the database was slow is not made
    # up for.
    milliseconds = [0, 22, 42, 62, 82, 382, 404, 424, 444]
    assert batches == [(time_, 20) for time_ in milliseconds]


@pytest.mark.parametrize("rate", ["0", "-1", "1.5", "²", "ten"])
def test_a_rate_is_a_whole_number(
    importing: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str], rate: str
) -> None:
    with pytest.raises(SystemExit):
        importing(table(tmp_path / "people.csv"), f"--rate={rate}")
    assert "use a whole number greater than 0" in capsys.readouterr().err


def test_each_row_is_created_already_there_or_rejected(
    importing: Command, documents: Documents, tmp_path: Path
) -> None:
    importing(table(tmp_path / "one.csv", ("A@example.com", "John Smith", "12345")))
    rows = [
        ("A@example.com", "John Smith", "12345"),  # the same row
        ("a@example.com", "Jane Smith", "12345"),  # another customer
        ("b@example.com", "John Smith", ""),
        ("b@example.com", "John Smith", " "),  # the same row again
        ("b@example.com", "Jane Smith", ""),
        ("nobody", "J0", "+1 (541) 754-3010"),
        ("c@example.com",),
        (),
        ("", "", ""),
    ]

    file = table(tmp_path / "all.csv", *rows)
    _, checked, _ = importing(file, "--dry-run")
    code, output, _ = importing(file)

    assert code == 1
    assert output.startswith(TOTALS.format(7, 1, 2, 4))
    assert reasons(checked) == reasons(output)
    assert sorted(reasons(output), key=lambda reason: int(reason[1])) == [
        ["1", "3", "Email: A customer with this email address already exists, with other values."],
        ["1", "6", "Email: An earlier row has the same email address, with other values."],
        ["1", "7", "Name: Enter at least 3 characters."],
        ["1", "7", "Name: Use only letters and spaces, for example John Smith."],
        ["1", "7", EMAIL_IS_INVALID],
        ["1", "7", "Phone Number: Use only the digits 0 to 9, for example 5417543010."],
        ["1", "8", "The row has 1 cell, and the header has 3."],
    ]
    assert output.endswith(
        "Add --rejects FILE to write the rejected rows to a file that you can correct and import.\n"
    )
    assert emails(documents) == ["A@example.com", "b@example.com"]


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


def test_a_customer_that_was_deleted_is_not_imported_again_at_once(
    importing: Command, documents: Documents, tmp_path: Path
) -> None:
    file = table(tmp_path / "people.csv", *people(1))
    importing(file)
    [document] = documents.find()
    email, phone = document["email"], document["phoneNumber"]
    removed = {
        "emailCaseFolded": f"\0{document['_id']}",
        "version": 2,
        "lastChange": document["_id"],
        "expiresAt": document["createdAt"],
        "idempotency": {"key": document["idempotency"]["key"]},
    }
    documents.replace_one({}, removed)

    code, output, _ = importing(file)

    assert (code, output.splitlines()[0]) == (1, "1 row: 0 created, 0 already there, 1 rejected.")
    assert "The customer of this row was deleted in the last 24 hours." in output
    assert (email, phone) == ("c0@example.com", "00000")


def test_a_customer_that_was_changed_since_is_already_there(
    importing: Command, documents: Documents, tmp_path: Path
) -> None:
    file = table(tmp_path / "people.csv", *people(1))
    importing(file)
    documents.update_one(
        {}, {"$set": {"email": "b@example.com", "emailCaseFolded": "b@example.com"}}
    )

    assert importing(file)[:2] == (0, "1 row: 0 created, 1 already there, 0 rejected.\n")
    assert emails(documents) == ["b@example.com"]


def test_the_first_of_several_rows_with_the_same_address_is_stored(
    importing: Command, documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_command, "_BATCH", 2)
    rows = [("a@example.com", f"Name {'x' * (1 + number)}", "") for number in range(9)]

    code, output, _ = importing(table(tmp_path / "same.csv", *rows))

    assert (code, output.splitlines()[0]) == (1, "9 rows: 1 created, 0 already there, 8 rejected.")
    assert [document["name"] for document in documents.find()] == ["Name x"]


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


def test_a_dry_run_tells_what_an_import_would_do_and_stores_nothing(
    importing: Command, documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_command, "_BATCH", 3)
    rows = [*people(5), *people(1), ("C1@example.com", "John Smith", ""), ("nobody", "", "")]
    file = table(tmp_path / "people.csv", *rows)

    before = importing(file, "--dry-run")
    names = documents.database.list_collection_names()
    stored = importing(file)
    after = importing(file, "--dry-run")

    assert names == []
    assert before[0] == 1
    assert before[1].startswith("8 rows: 5 would be created, 1 already there, 2 rejected.\n")
    assert stored[1].startswith(TOTALS.format(8, 5, 1, 2))
    assert after[1].startswith("8 rows: 0 would be created, 6 already there, 2 rejected.\n")
    assert documents.count_documents({}) == 5


def test_an_import_that_loses_the_database_can_be_repeated(
    importing: Command, documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_command, "_BATCH", 10)
    add_new, calls = MongoImports.add_new, 0

    async def fails_third(imports: MongoImports, new: Sequence[StoredCustomer]) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Unavailable
        return await add_new(imports, new)

    monkeypatch.setattr(MongoImports, "add_new", fails_third)
    file = table(tmp_path / "people.csv", *people(100))

    code, output, error = importing(file)
    again = importing(file)

    assert (code, output) == (2, NOT_REACHED.format(20, 20, 0, 0, 80))
    assert error.endswith(f"The database is unavailable. {AGAIN}")
    assert again[0] == 0
    assert documents.count_documents({}) == 100


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


def process(file: str, database_uri: str, errors: Path) -> Any:
    return launched(
        "import", file, errors=errors, measured=True, GRAPHQL_API_MONGODB_URI=database_uri
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_an_import_after_the_batch_and_tells_how_to_go_on(  # noqa: PLR0913,PLR0917  # fixtures
    number: signal.Signals,
    importing: Command,
    database_uri: str,
    documents: Documents,
    tmp_path: Path,
    errors: Path,
) -> None:
    file = table(tmp_path / "people.csv", *people(8_000))

    with process(file, database_uri, errors) as import_:
        until(documents.find_one, "a customer is stored")
        import_.send_signal(number)
        output, _ = import_.communicate(timeout=60)
    stored = documents.count_documents({})

    assert import_.returncode == 130
    assert output == NOT_REACHED.format(f"{stored:,}", f"{stored:,}", 0, 0, f"{8_000 - stored:,}")
    assert 0 < stored < 8_000
    assert errors.read_text().endswith(
        f"\nStopping after the current rows. Press Ctrl-C again to stop at once.\nStopped. {AGAIN}"
    )
    assert importing(file)[1] == TOTALS.format("8,000", f"{8_000 - stored:,}", f"{stored:,}", 0)


def test_a_second_signal_stops_an_import_that_waits_for_its_file(
    database_uri: str, documents: Documents, tmp_path: Path, errors: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with process(str(pipe), database_uri, errors) as import_, pipe.open("w") as writer:
        writer.write("Email\n" + "".join(f"c{number}@example.com\n" for number in range(1500)))
        writer.flush()
        until(lambda: len(documents.index_information()) > len(LIST_INDEXES), "it has begun")
        time.sleep(1)
        import_.send_signal(signal.SIGINT)
        until(lambda: "Press Ctrl-C again" in errors.read_text(), "the signal arrives")
        import_.send_signal(signal.SIGINT)
        assert import_.wait(60) == 130


@unmeasured
def import_until_killed(file: str, database_uri: str) -> None:
    """Imports in batches of five rows, in a process of its own, which is killed meanwhile."""
    os.environ["GRAPHQL_API_MONGODB_URI"] = database_uri
    import_command._BATCH = 5
    with open(os.devnull, "w") as nothing:  # noqa: PTH123
        sys.stdout = sys.stderr = nothing
        main(["import", file])


@unmeasured
def test_an_import_that_is_killed_goes_on_with_the_same_command(
    importing: Command, database_uri: str, documents: Documents, tmp_path: Path
) -> None:
    rows = [*people(1200), ("nobody", "", "")]
    file = table(tmp_path / "people.csv", *rows)
    # Each process is a copy of one that has imported the modules already.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    stored = [0]

    def goes_on(import_: BaseProcess) -> bool:
        return not import_.is_alive() or documents.count_documents({}) > stored[-1]

    for _ in range(20):
        import_ = processes.Process(target=import_until_killed, args=(file, database_uri))
        import_.start()
        until(partial(goes_on, import_), "more customers are stored")
        time.sleep(random.random() / 30)  # noqa: S311  # any moment
        import_.kill()
        import_.join()
        stored.append(documents.count_documents({}))
    code, output, _ = importing(file)

    assert stored[1] < 1200
    assert code == 1
    assert output.startswith(TOTALS.format("1,201", f"{1200 - stored[-1]:,}", f"{stored[-1]:,}", 1))
    assert emails(documents) == sorted(email for email, *_ in people(1200))

"""`graphql-api import` imports each row of a file once, and says what became of it."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.collection import Collection

from graphql_api.commands import import_customers as import_command
from graphql_api.customers.import_customers import Imports, Outcome, import_customers

from ..conftest import Command
from ..support.imports import TOTALS, emails, people, reasons, table

Documents = Collection[dict[str, Any]]
EMAIL_IS_INVALID = "Email: Enter a valid email address, for example john.smith@example.com."


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

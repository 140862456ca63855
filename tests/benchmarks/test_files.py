"""The benchmark of files prints what each command costs, and compares what they store and write."""

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from benchmarks import files
from benchmarks.database import Database
from benchmarks.files import measure_files
from benchmarks.many_customers import documents
from benchmarks.mongo_tools import mongoexport, mongoimport, write_prepared
from benchmarks.servers import ServerFailed

# In place of `graphql-api`: the export is the imported file, or the beginning of it.
EXPORTS = ["sh", "-c", 'test $0 = import || cp "$(dirname "$1")/source.csv" "$1"']
LOSES = ["sh", "-c", 'test $0 = import || head -n 50 "$(dirname "$1")/source.csv" > "$1"']
FAILS = ["sh", "-c", "echo No column. >&2; exit 1"]


def test_the_costs_of_both_directions_are_printed(
    mongodb_uri: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "_COMMAND", EXPORTS)

    measure_files(mongodb_uri, tmp_path, 100)

    lines = capsys.readouterr().out.splitlines()
    assert [line[:22].strip() for line in lines[:8]] == [
        *("100 rows", "import", "mongoimport", "import again", "export, CSV", "mongoexport"),
        *("export, JSON Lines", "import of the export"),
    ]
    assert lines[8].startswith("mongod has ")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (LOSES, r"^The exported customers are not the imported ones\.$"),
        (FAILS, r"^The import failed: No column\.\n$"),
    ],
)
def test_a_command_that_fails_or_loses_a_customer_ends_the_benchmark(
    command: list[str],
    message: str,
    mongodb_uri: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "_COMMAND", command)

    with pytest.raises(ServerFailed, match=message):
        measure_files(mongodb_uri, tmp_path, 100)


def test_mongoimport_stores_what_the_server_stores(mongodb_uri: str, tmp_path: Path) -> None:
    """And `mongoexport` writes a row for each customer."""
    prepared, exported = tmp_path / "prepared.csv", tmp_path / "exported.csv"
    write_prepared(partial(documents, 4500), prepared)
    with (
        closing(Database(mongodb_uri)) as database,
        MongoClient[dict[str, Any]](
            database.uri, tz_aware=True, uuidRepresentation="standard"
        ) as client,
    ):
        customers = client.get_default_database()["customers"]

        mongoimport(customers, prepared)
        mongoexport(customers, exported)

        stored = {document["_id"]: document for document in customers.find()}
    expected = {document["_id"]: document for document in documents(4500)}
    for document in expected.values():
        if document["nameSort"] == "":
            # An empty cell is no value.
            del document["nameSort"]
    assert stored == expected
    assert exported.read_text("utf-8").count("\n") == 4501

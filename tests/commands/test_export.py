"""`graphql-api export` exports customers as they were at one moment, and as they are imported."""

import csv
import gzip
import io
import json
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from graphql_api.__main__ import main
from graphql_api.commands import export_customers as export_command
from graphql_api.customers.list_customers import listing
from graphql_api.files import counts
from graphql_api.mongo import exports
from graphql_api.mongo.customer_documents import to_document

from ..conftest import Command
from ..support.databases import database_at
from ..support.mongo_customers import new_customer, open_customers
from ..support.servers import launched

Documents = Collection[dict[str, Any]]

PEOPLE: list[dict[str, Any]] = [
    {"email": "=a@example.com", "name": "José Smith", "description": '=1+1 "x"\r\n\'=x'},
    {"email": "+b@example.com", "country": "US", "city": "Boston", "state": "MA"},
    {"email": "c@example.com", "country": "CA", "phone_number": "12345", "description": "'''''"},
]


@pytest.fixture
def exporting(graphql_api: Command, database_uri: str) -> Command:
    """`graphql-api export` in this process."""
    return partial(graphql_api, "export", GRAPHQL_API_MONGODB_URI=database_uri)


@pytest.fixture
async def stored(database_uri: str, documents: Documents) -> Documents:
    """A collection with the people."""
    async with open_customers(database_uri):
        documents.insert_many([to_document(new_customer(**one)) for one in PEOPLE])
    return documents


def addresses(text: str) -> list[str]:
    """The email addresses of a CSV file, as they are written."""
    return sorted(row["email"] for row in csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.usefixtures("stored")
def test_customers_are_written_to_standard_output_and_no_cell_is_a_formula(
    exporting: Command,
) -> None:
    code, output, error = exporting()

    assert (code, error) == (0, "3 customers exported.\n")
    first = next(row for row in csv.DictReader(io.StringIO(output, newline="")) if row["name"])
    assert list(first) == [
        *("id", "name", "email", "description", "sendEmailAddress", "ccEmailAddress", "country"),
        *("addressLine1", "addressLine2", "city", "state", "zipCode", "phoneNumber"),
        *("createdAt", "updatedAt"),
    ]
    assert first["email"] == "'=a@example.com"
    assert first["description"] == "'=1+1 \"x\"\r\n'=x"


@pytest.mark.parametrize("name", ["all.csv", "all.csv.gz", "all.jsonl", "all.jsonl.gz"])
def test_an_export_is_imported_without_a_difference(  # noqa: PLR0913,PLR0917  # fixtures
    name: str,
    stored: Documents,
    exporting: Command,
    graphql_api: Command,
    database_uri: str,
    tmp_path: Path,
) -> None:
    file, again = tmp_path / name, tmp_path / f"again-{name}"
    importing = partial(graphql_api, "import", str(file), GRAPHQL_API_MONGODB_URI=database_uri)

    assert exporting(str(file)) == (0, "", "3 customers exported.\n")
    same = importing()
    stored.delete_many({})
    created = importing()
    exporting(str(again))

    assert same[:2] == (0, "3 rows: 0 created, 3 already there, 0 rejected.\n")
    assert created[:2] == (0, "3 rows: 3 created, 0 already there, 0 rejected.\n")
    assert values(again) == values(file)
    assert len(values(file)) == 3
    assert "It looks like an export of this API." in created[2]


def values(path: Path) -> list[list[tuple[str, str]]]:
    """What a file says of each customer, without its id and its times."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    rows = (
        csv.DictReader(io.StringIO(text, newline=""))
        if ".csv" in path.name
        else map(json.loads, text.splitlines())
    )
    own = ("id", "createdAt", "updatedAt")
    return sorted([(key, row[key]) for key in row if key not in own] for row in rows)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--search", "JOSE"], ["'=a@example.com"]),
        (["--country", "us"], ["'+b@example.com"]),
        (["--country", "us", "--country", "CA"], ["'+b@example.com", "c@example.com"]),
        (["--state", "ma", "--country", "us"], ["'+b@example.com"]),
        (["--city", "boston"], ["'+b@example.com"]),
        (["--city", "boston", "--country", "ca"], []),
        (["--has", "phoneNumber", "--has", "country"], ["c@example.com"]),
        (["--has-not", "description"], ["'+b@example.com"]),
        (["--created-from", "2001-01-01T00:00+01:00", "--created-before", "2002-01-01"], []),
        (["--updated-from", "9999-01-01"], []),
        (["--updated-before", "2001-01-01"], []),
        (["--updated-from", "2001-01-01"], ["'+b@example.com", "'=a@example.com", "c@example.com"]),
    ],
)
def test_options_select_customers(options: list[str], found: list[str], exporting: Command) -> None:
    code, output, error = exporting(*options)

    assert code == 0
    assert addresses(output) == found
    assert error == f"{len(found)} customer{'' if len(found) == 1 else 's'} exported.\n"


async def test_a_list_is_exported_as_it_was_at_one_moment(
    database_uri: str, stored: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_PART", 2)
    found = []

    async with database_at(database_uri) as database:
        async for part in exports.export_customers(database, listing()):
            found += [customer.email for customer in part]
            stored.delete_many({})
            stored.insert_one(to_document(new_customer("later@example.com")))

    assert sorted(found) == ["+b@example.com", "=a@example.com", "c@example.com"]


@pytest.mark.usefixtures("stored")
async def test_an_empty_last_part_is_not_yielded(
    database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_PART", 3)

    async with database_at(database_uri) as database:
        parts = [len(part) async for part in exports.export_customers(database, listing())]

    assert parts == [3]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            239,
            "The export took longer than MongoDB stores old versions of customers. Export fewer "
            "customers at once, or increase MongoDB's parameter minSnapshotHistoryWindowInSeconds.",
        ),
        (13, "MongoDB refuses the command: OperationFailure."),
    ],
)
def test_an_export_that_fails_leaves_the_file_as_it_was(
    code: int, message: str, exporting: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_arguments: object, **_options: object) -> None:
        raise OperationFailure("s3cr3t", code)

    monkeypatch.setattr(exports, "read_on", fails)
    file = tmp_path / "all.csv"
    file.write_text("as it was")

    assert exporting(str(file)) == (2, "", f"graphql-api: {message}\n")
    assert file.read_text() == "as it was"
    assert [*tmp_path.iterdir()] == [file]


@pytest.mark.usefixtures("stored")
def test_ctrl_c_after_the_file_is_complete_changes_nothing(
    exporting: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "all.csv"

    def counted(*arguments: Any) -> str:
        # asyncio cancels the command at its next wait: when it closes the database.
        signal.raise_signal(signal.SIGINT)
        return counts.counted(*arguments)

    monkeypatch.setattr(export_command, "counted", counted)

    assert exporting(str(file)) == (0, "", "3 customers exported.\n")
    assert len(addresses(file.read_text())) == 3


def test_a_file_that_cannot_be_written_is_named_before_customers_are_read(
    exporting: Command, tmp_path: Path
) -> None:
    missing = tmp_path / "missing" / "all.csv"

    assert exporting(str(tmp_path)) == (2, "", f"graphql-api: {tmp_path}: Is a directory.\n")
    assert exporting(str(missing)) == (
        2,
        "",
        f"graphql-api: {missing}.unfinished: No such file or directory.\n",
    )


@pytest.mark.usefixtures("stored")
def test_a_device_keeps_its_name_and_a_symbolic_link_its_target(
    exporting: Command, tmp_path: Path
) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "all.csv")
    (tmp_path / "all.csv").touch()

    assert exporting("/dev/null") == (0, "", "3 customers exported.\n")
    assert exporting(str(link)) == (0, "", "3 customers exported.\n")

    assert Path("/dev/null").is_char_device()
    assert link.is_symlink()
    assert len(addresses((tmp_path / "all.csv").read_text())) == 3


@pytest.mark.usefixtures("stored")
def test_excel_reads_the_encoding_from_a_mark(exporting: Command) -> None:
    assert exporting("--excel")[1].startswith("\ufeffid,")
    assert exporting("--excel", "--format", "jsonl") == (
        2,
        "",
        "graphql-api: --excel is for CSV files.\n",
    )


def test_a_search_that_is_not_valid_is_explained(exporting: Command) -> None:
    assert exporting("--search", "x" * 101) == (
        2,
        "",
        "graphql-api: Search for at most 100 characters (101 entered).\n",
    )


def test_a_time_that_is_not_valid_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["export", "--created-from", "yesterday"])

    assert "use a time in ISO 8601, such as 2026-11-22 or" in capsys.readouterr().err


@pytest.mark.usefixtures("stored")
def test_an_export_ends_silently_if_nobody_reads_it(database_uri: str, errors: Path) -> None:
    with launched(
        "export", errors=errors, measured=True, GRAPHQL_API_MONGODB_URI=database_uri
    ) as export:
        assert export.stdout is not None
        export.stdout.close()

        assert export.wait(60) == 141

    assert "rror" not in errors.read_text()

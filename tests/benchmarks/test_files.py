"""The benchmark of files prints what each command costs, and compares what they store and write."""

from pathlib import Path

import pytest

from benchmarks import files
from benchmarks.files import measure_files
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
    assert [line[:22].strip() for line in lines[:6]] == [
        *("100 rows", "import", "import again", "export, CSV", "export, JSON Lines"),
        "import of the export",
    ]
    assert lines[6].startswith("mongod has ")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (LOSES, r"^The exported customers are not the imported ones\.$"),
        (FAILS, r"^graphql-api import failed: No column\.\n$"),
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

"""The file of an import, and its columns, which are shown before anything is stored."""

import io
import itertools
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..customers.fields import Field
from ..files.columns import Columns, recognised
from ..files.counts import counted
from ..files.records import DELIMITERS, Record, Records, next_records
from ..files.report import SHOWN_HEADERS, on_one_line
from ..files.rows import Rows
from ..files.survey import Survey
from ..files.text import InvalidFile
from .progress import shown

STANDARD_INPUT = "-"

# The records that are shown, and those whose keys are recognised if a file can be read only once.
_SAMPLES = 3
_FIRST = 100

_LEAST_CHARACTERS = 8

_SURVEYED = 1_000


@dataclass(frozen=True)
class Source:
    """A file of customers, of which a few records were read.

    `headers` are the columns of a CSV file, or the keys of JSON Lines. `rows` is the number of
    records; None if the file can be read only once.
    """

    name: str
    table: Records
    headers: list[str]
    columns: Columns
    rows: int | None
    first: list[Record]

    @property
    def records(self) -> Iterator[Record]:
        """All records, once. Raises `InvalidFile`."""
        return itertools.chain(self.first, self.table)


def open_source(
    name: str, encoding: str, delimiter: str | None, changes: Mapping[str, str], stack: ExitStack
) -> Source:
    """Opens the file of this name, until the stack is closed. `-` is standard input.

    Reads a file that can be read twice to its end, so that an import does not find its faults in
    the middle. Raises `InvalidFile`, `UnknownColumn` and `OSError`.
    """
    survey = None
    if name == STANDARD_INPUT:
        if sys.stdin is None:
            raise InvalidFile("Standard input is closed.")
        name, file = "Standard input", cast(io.BufferedReader, sys.stdin.buffer)
    else:
        path = Path(name)
        if path.is_file():
            survey = _survey(path, encoding, delimiter)
        file = stack.enter_context(path.open("rb"))
    table = Records(file, encoding, delimiter)
    first = list(next_records(iter(table), _FIRST))
    rows = None if survey is None else survey.rows
    if survey is None:
        survey = Survey(table)
        for record in first:
            survey.add(record)
    headers = survey.headers
    columns = recognised(headers, changes)
    if not any(field.required for field in columns.of_fields):
        names = ", ".join(map(on_one_line, headers[:SHOWN_HEADERS]))
        raise InvalidFile(
            f"No column was recognised as the email address. The columns are: {names}. "
            "Add --map COLUMN=email."
        )
    return Source(name, table, headers, columns, rows, first)


def _survey(path: Path, encoding: str, delimiter: str | None) -> Survey:
    """Reads the whole file. Raises `InvalidFile`."""
    with path.open("rb") as file, shown("Reading", None) as progress:
        table = Records(file, encoding, delimiter)
        survey = Survey(table)
        for record in table:
            survey.add(record)
            if not survey.rows % _SURVEYED:
                progress.update(survey.rows)
    return survey


def print_understood(source: Source, rows: Rows) -> None:
    """Prints the form of the file, its columns and three records to standard error."""
    console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
    text, delimiter = source.table.text, source.table.delimiter
    form = "JSON Lines"
    if delimiter is not None:
        form = f"CSV, separated by {DELIMITERS.get(delimiter, repr(delimiter))}"
    compressed = ", compressed" if text.is_compressed else ""
    total = "" if source.rows is None else f" {counted(source.rows, 'row')}."
    origin = ""
    if source.columns.source is not None:
        origin = f" It looks like an export of {source.columns.source}."
    print(
        f"{source.name}: {form}, {text.encoding.upper()}{compressed}.{total}{origin}",
        file=sys.stderr,
    )
    console.print(_table_of_fields(source, rows, console.width))
    for header, count in Counter(source.headers).items():
        if count > 1:
            console.print(
                f"The header {on_one_line(header)} occurs {count:,} times: the first one is used."
            )
    used = {header for headers in source.columns.of_fields.values() for header in headers}
    if unused := [on_one_line(header) for header in source.headers if header not in used]:
        more = f" and {len(unused) - SHOWN_HEADERS:,} more" if unused[SHOWN_HEADERS:] else ""
        console.print(f"Not imported: {', '.join(unused[:SHOWN_HEADERS])}{more}.")


def _table_of_fields(source: Source, rows: Rows, width: int) -> Table:
    samples = source.first[:_SAMPLES]
    lines = [
        (
            field.rule.label,
            " + ".join(map(on_one_line, headers)),
            *(_sample(record, field, rows) for record in samples),
        )
        for field, headers in source.columns.of_fields.items()
    ]
    titles = ("FIELD", "COLUMN", *(f"LINE {record.line:,}" for record in samples))
    table = Table(box=None, pad_edge=False)
    widest = [max(map(len, column)) for column in zip(titles, *lines, strict=True)]
    left = width - widest[0] - widest[1] - 2 * len(widest)
    for number, title in enumerate(titles):
        is_sample = number > 1
        shared = max(left // max(len(samples), 1), _LEAST_CHARACTERS)
        table.add_column(
            title,
            no_wrap=True,
            overflow="ellipsis",
            width=min(widest[number], shared) if is_sample else widest[number],
        )
    for line in lines:
        table.add_row(*map(Text, line))
    return table


def _sample(record: Record, field: Field, rows: Rows) -> str:
    if record.fault is not None:
        return "(cannot be read)"
    value = rows.values(record.cells).get(field.name)
    return "" if value is None else on_one_line(value if isinstance(value, str) else "(not a text)")

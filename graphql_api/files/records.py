"""The records of a file: the rows of a CSV file, or the objects of JSON Lines."""

import csv
import io
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .counts import counted
from .text import DEFAULT_ENCODING, InvalidFile, Text

# The most characters of one record, and the most columns. A customer has 500, and 30.
MAX_RECORD = 1_000_000
MAX_COLUMNS = 1_000

# The most characters of records that are in memory together, beside the last one.
_MAX_TOGETHER = 5_000_000

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}

# A line of this kind tells Excel the delimiter. It is not part of the table.
_EXCEL_DELIMITER = "sep="

Cells = Sequence[str] | Mapping[str, object]

# The number of the first line, the cells, and the number of characters.
_Row = tuple[int, list[str], int]


@dataclass(frozen=True, slots=True)
class Record:
    """One record, and the number of the line on which it begins, from 1.

    `cells` are in the order of the columns, or by the keys of the object. `size` is the number of
    characters. `fault` says why the record cannot be read; its cells are those that were found.
    """

    line: int
    cells: Cells
    size: int
    fault: str | None = None


class Records:
    """The records of a file, which are read while they are iterated over, once.

    `columns` are the headers of a CSV file, or None for JSON Lines, whose objects may differ.
    """

    def __init__(
        self,
        source: io.BufferedReader,
        encoding: str = DEFAULT_ENCODING,
        delimiter: str | None = None,
        max_bytes: int | None = None,
    ) -> None:
        """Reads the header. Finds out the delimiter if it is None. Raises `InvalidFile`.

        `max_bytes` are those of the whole text.
        """
        self.text = Text(source, encoding, max_bytes)
        lines = iter(self.text)
        self.first_line = 0
        first = next((line for line in self._counted(lines) if line.strip()), None)
        if first is None:
            raise InvalidFile("The file is empty.")
        if first.lstrip().startswith("["):
            raise InvalidFile("The file is a JSON array. Write one JSON object on each line.")
        self.columns: list[str] | None = None
        self.delimiter: str | None = None
        if first.lstrip().startswith("{"):
            self._records = _objects(itertools.chain([first], lines), self.first_line)
            return
        if first.startswith(_EXCEL_DELIMITER):
            # As Excel reads it: programs that save the line as a row of a table add delimiters.
            named = first[len(_EXCEL_DELIMITER) :].strip('"\r\n')[:1]
            delimiter = delimiter or named or None
            first = next(lines, "")
            self.first_line += 1
        self.delimiter = delimiter or _delimiter(first)
        rows = _rows(itertools.chain([first], lines), self.first_line, self.delimiter)
        self.columns = _header(next(rows, None))
        self._records = _table(rows, len(self.columns))

    def __iter__(self) -> Iterator[Record]:
        """The records, without blank ones. Raises `InvalidFile`."""
        return self._records

    def _counted(self, lines: Iterator[str]) -> Iterator[str]:
        for line in lines:
            self.first_line += 1
            yield line


def next_records(records: Iterator[Record], most: int) -> Iterator[Record]:
    """The next records: `most` at most, and fewer if they are long. Raises `InvalidFile`."""
    size = 0
    for record in itertools.islice(records, most):
        yield record
        size += record.size
        if size > _MAX_TOGETHER:
            return


def _delimiter(header: str) -> str:
    """The delimiter that occurs most often outside quotes."""
    unquoted = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=unquoted.count)


def _header(first: _Row | None) -> list[str]:
    if first is None:
        raise InvalidFile("The file has no columns.")
    line, cells, _ = first
    if len(cells) > MAX_COLUMNS:
        raise InvalidFile(f"The file has {len(cells):,} columns, and {MAX_COLUMNS:,} are allowed.")
    if any("\0" in cell for cell in cells):
        raise InvalidFile(
            f"Line {line:,} has NUL characters. The file is damaged, or its encoding is utf-16-le.",
            "utf-16-le",
        )
    return [cell.strip() for cell in cells]


def _rows(lines: Iterator[str], first_line: int, delimiter: str) -> Iterator[_Row]:
    """The rows that are not blank."""
    size = 0

    def bounded() -> Iterator[str]:
        nonlocal size
        for line in lines:
            size += len(line)
            if size > MAX_RECORD:
                raise csv.Error
            yield line

    reader = csv.reader(bounded(), delimiter=delimiter, strict=True)
    while True:
        size = 0
        line = first_line + reader.line_num
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InvalidFile(
                f"The row on line {line:,} has a character after a closing quote. Write each quote "
                "inside a quoted cell twice."
                if "expected after" in str(error)
                else f"The row that begins on line {line:,} has a quote that never closes, or is "
                "too long."
            ) from None
        if cells is None:
            return
        if any(cells):
            yield line, cells, size


def _table(rows: Iterator[_Row], columns: int) -> Iterator[Record]:
    for line, cells, size in rows:
        fault = None
        if len(cells) != columns and (len(cells) < columns or any(cells[columns:])):
            fault = f"The row has {counted(len(cells), 'cell')}, and the header has {columns:,}."
        elif "\0" in "".join(cells):
            fault = "The row has NUL characters: the file is damaged here."
        yield Record(line, cells, size, fault)


def _objects(lines: Iterator[str], first_line: int) -> Iterator[Record]:
    for number, text in enumerate(lines, first_line):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            yield Record(number, value, len(text))
        else:
            cells = {"text": text.strip()}
            yield Record(number, cells, len(text), "The line is not a JSON object.")

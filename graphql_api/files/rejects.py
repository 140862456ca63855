"""The file of rejected rows, which can be corrected and imported."""

import csv
import json
from collections.abc import Mapping, Sequence
from typing import TextIO

from .cells import escaped, unescaped
from .records import Record
from .rows import Reason

# The columns before the original ones. If the file has them already, it is such a file itself.
_LINE = "line"
_REASONS = "reasons"


class Rejects:
    """Writes rejected rows with their original columns, and before these the line and the reasons.

    The file has the form of the imported one, and `line` is the place of the row there.
    """

    def __init__(
        self, file: TextIO, headers: Sequence[str] | None, delimiter: str | None = None
    ) -> None:
        """`headers` and `delimiter` are those of a CSV file, or None for JSON Lines."""
        self._file = file
        self.is_empty = True
        # The number of first columns that this file replaces.
        self._old = 0
        self._table = None
        if headers is not None:
            self._table = csv.writer(file, delimiter=delimiter or ",")
            self._old = 2 if list(headers[:2]) == [_LINE, _REASONS] else 0
            self._table.writerow([_LINE, _REASONS, *self._cells(headers)])

    def write(self, record: Record, reasons: Sequence[Reason]) -> None:
        self.is_empty = False
        text = " ".join(f"{reason} {reason.advice}".rstrip() for reason in reasons)
        if self._table is not None:
            self._table.writerow([record.line, text, *self._cells(list(record.cells))])
            return
        assert isinstance(record.cells, Mapping)  # noqa: S101  # it is an object of JSON Lines
        members = {**record.cells, _LINE: record.line, _REASONS: text}
        self._file.write(f"{json.dumps(members, ensure_ascii=False)}\n")

    def flush(self) -> None:
        """Has the operating system take all that was written. Raises `OSError`, as `write` does."""
        self._file.flush()

    def _cells(self, cells: Sequence[str]) -> list[str]:
        return [escaped(unescaped(cell)) for cell in cells[self._old :]]

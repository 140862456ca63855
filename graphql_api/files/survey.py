"""The headers of a file, and the number of its records."""

from collections.abc import Mapping
from typing import cast

from .records import MAX_COLUMNS, MAX_RECORD, Record, Records
from .text import InvalidFile


class Survey:
    """The headers and the number of the records that were added, which may be some or all.

    `headers` are the columns of a CSV file, or the different keys of JSON Lines. `rows` is the
    number of records.
    """

    def __init__(self, table: Records) -> None:
        self.headers = list(table.columns or ())
        self.rows = 0
        # For JSON Lines: the keys, in the order in which they occur.
        self._keys: dict[str, None] | None = {} if table.columns is None else None
        self._characters = 0

    def add(self, record: Record) -> None:
        """Takes note of a record. Raises `InvalidFile` if the file has too many different keys."""
        self.rows += 1
        if self._keys is None:
            return
        for key in cast(Mapping[str, object], record.cells):
            if key not in self._keys:
                self._keys[key] = None
                self.headers.append(key)
                self._characters += len(key)
        if len(self.headers) > MAX_COLUMNS or self._characters > MAX_RECORD:
            raise InvalidFile(f"The objects have more than {MAX_COLUMNS:,} different keys.")

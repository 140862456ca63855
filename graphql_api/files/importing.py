"""One import of a file: takes its records, and counts their outcomes."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from ..customers.import_customers import Accepted, Outcome
from ..customers.judge import Value
from .records import Record, next_records
from .rejects import Rejects
from .report import Report
from .rows import Reason, Rows, may_lack_zero, reasons
from .text import InvalidFile


class Importing:
    """The records of a file on their way through `import_customers`.

    `report` counts their outcomes. `failure` is not None if the file could not be read further.
    """

    def __init__(
        self,
        records: Iterator[Record],
        rows: Rows,
        rejects: Rejects | None,
        size: int,
        known_keys: set[str] | None = None,
    ) -> None:
        """`size` is the number of rows in a batch. `rejects` gets the rejected rows.

        With `known_keys`, the records are objects, and the report names keys that are not known.
        """
        self._records = records
        self._rows = rows
        self._rejects = rejects
        self._size = size
        self._known_keys = known_keys
        self.report = Report()
        self.failure: InvalidFile | None = None
        self.is_stopping = False
        # The batches without outcomes: each record with its input, or None if it has a fault.
        self._taken: deque[list[tuple[Record, dict[str, Value] | None]]] = deque()

    def stop(self) -> None:
        """Takes no more batches."""
        self.is_stopping = True

    def take(self) -> list[dict[str, Value]] | None:
        """The inputs of the next records; None at the end of the file, or after `stop`.

        A place where the file cannot be read further is its end, too.
        """
        if self.is_stopping or self.failure is not None:
            return None
        batch: list[tuple[Record, dict[str, Value] | None]] = []
        try:
            for record in next_records(self._records, self._size):
                is_readable = record.fault is None
                batch.append((record, self._rows.values(record.cells) if is_readable else None))
                if self._known_keys is not None and is_readable:
                    self._note_keys(self._known_keys, record)
        except InvalidFile as failure:
            self.failure = failure
        if not batch:
            return None
        self._taken.append(batch)
        return [values for _, values in batch if values is not None]

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Counts the next batch, which has these outcomes.

        Raises `OSError` if the rejected rows cannot be written.
        """
        remaining = iter(outcomes)
        for record, values in self._taken.popleft():
            if values is None:
                self._reject(record, [Reason(None, record.fault or "")])
                continue
            if may_lack_zero(values):
                self.report.note_short_zip_code(record)
            outcome = next(remaining)
            if isinstance(outcome, Accepted):
                self.report.accept(outcome)
            else:
                self._reject(record, reasons(outcome, values, self._rows.phones_option))
        if self._rejects is not None:
            self._rejects.flush()

    def _note_keys(self, known: set[str], record: Record) -> None:
        for key in cast(Mapping[str, object], record.cells).keys() - known:
            self.report.ignore(record, key)

    def _reject(self, record: Record, reasons_: list[Reason]) -> None:
        self.report.reject(record, reasons_)
        if self._rejects is not None:
            self._rejects.write(record, reasons_)

"""What became of the rows of an import: counted, and printed at the end."""

from collections import Counter

from ..customers.import_customers import Accepted
from ..files.records import Record
from ..files.rows import Reason
from .import_source import SHOWN_HEADERS, on_one_line
from .table import print_table

_COLUMNS = ("ROWS", "FIRST LINE", "REASON")

# The number of different reasons that are shown.
_SHOWN_REASONS = 20


class Report:
    """Counts each row once: as created, already there or rejected.

    `is_dry`: nothing is stored.
    """

    def __init__(self, *, is_dry: bool) -> None:
        self._is_dry = is_dry
        self._accepted: Counter[Accepted] = Counter()
        self.rejected = 0
        self._reasons: Counter[str] = Counter()
        self._first_lines: dict[str, int] = {}
        # The keys of objects that are not imported, with the line on which each was first.
        self._ignored: dict[str, int] = {}
        self._short_zip_codes = 0
        self._first_short_zip_code = 0

    def accept(self, record: Record, outcome: Accepted, *, may_lack_zero: bool) -> None:
        """Counts a row whose customer is stored."""
        self._accepted[outcome] += 1
        if may_lack_zero:
            self._short_zip_codes += 1
            self._first_short_zip_code = self._first_short_zip_code or record.line

    def reject(self, record: Record, reasons: list[Reason]) -> None:
        """Counts a row that was rejected for these reasons."""
        self.rejected += 1
        for reason in map(str, reasons):
            self._reasons[reason] += 1
            self._first_lines.setdefault(reason, record.line)

    def ignore(self, record: Record, key: str) -> None:
        """Notes a key that no earlier record had when the columns were recognised."""
        if len(self._ignored) <= SHOWN_HEADERS:
            self._ignored.setdefault(key, record.line)

    @property
    def rows(self) -> int:
        """The number of rows that have an outcome."""
        return self._accepted.total() + self.rejected

    @property
    def note(self) -> str:
        """The counts of rows that were not created, in a few words."""
        counts = {
            "already there": self._accepted[Accepted.ALREADY_THERE],
            "rejected": self.rejected,
        }
        return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)

    def print(self) -> None:
        """Prints the counts and the reasons, without any value of a row."""
        created = "would be created" if self._is_dry else "created"
        print(
            f"{self.rows:,} rows: {self._accepted[Accepted.CREATED]:,} {created}, "
            f"{self._accepted[Accepted.ALREADY_THERE]:,} already there, {self.rejected:,} rejected."
        )
        if self._short_zip_codes:
            print(
                f"Warning: {self._short_zip_codes:,} ZIP codes of the United States have four "
                f"digits, first on line {self._first_short_zip_code:,}. A spreadsheet may have "
                "removed a zero at the beginning."
            )
        if self._ignored:
            keys = [f"{on_one_line(key)} (line {line:,})" for key, line in self._ignored.items()]
            more = " and more" if keys[SHOWN_HEADERS:] else ""
            print(
                "Warning: Not imported, because the first objects lack them: "
                f"{', '.join(keys[:SHOWN_HEADERS])}{more}. Import from a file, not from a pipe: "
                "then the keys of all objects are recognised."
            )
        if self._reasons:
            shown = self._reasons.most_common(_SHOWN_REASONS)
            print_table(
                _COLUMNS,
                *((f"{count:,}", f"{self._first_lines[text]:,}", text) for text, count in shown),
            )
            if len(self._reasons) > len(shown):
                print(f"{len(self._reasons) - len(shown):,} more reasons are not shown.")

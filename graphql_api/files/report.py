"""The outcomes of the rows of an import, counted."""

from collections import Counter
from collections.abc import Sequence

from ..customers.import_customers import Accepted
from .counts import counted
from .records import Record
from .rows import Reason

# How many headers, and how much of each text, are shown.
SHOWN_HEADERS = 30
_SHOWN_CHARACTERS = 40


def on_one_line(text: str) -> str:
    """The text on one short line, without characters that a terminal would execute."""
    line = "".join(c if c.isprintable() else " " for c in text[: _SHOWN_CHARACTERS + 1])
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:-2]}…"


class Report:
    """Counts each row once: as created, already there or rejected."""

    def __init__(self) -> None:
        self._accepted: Counter[Accepted] = Counter()
        self.rejected = 0
        self._reasons: Counter[str] = Counter()
        self._first_lines: dict[str, int] = {}
        # The keys of objects that are not imported, with the line on which each was first.
        self._ignored: dict[str, int] = {}
        # How many ZIP codes may lack a zero at the beginning, and the line of the first one.
        self.short_zip_codes = 0
        self.first_short_zip_code = 0

    def accept(self, outcome: Accepted) -> None:
        """Counts a row whose customer is stored."""
        self._accepted[outcome] += 1

    def reject(self, record: Record, reasons: Sequence[Reason]) -> None:
        """Counts a row that was rejected for these reasons."""
        self.rejected += 1
        for reason in map(str, reasons):
            self._reasons[reason] += 1
            self._first_lines.setdefault(reason, record.line)

    def note_short_zip_code(self, record: Record) -> None:
        """Counts a row, also a rejected one, whose ZIP code may lack a zero."""
        self.short_zip_codes += 1
        self.first_short_zip_code = self.first_short_zip_code or record.line

    def ignore(self, record: Record, key: str) -> None:
        """Notes a key that no earlier record had when the columns were recognised."""
        if len(self._ignored) <= SHOWN_HEADERS:
            self._ignored.setdefault(key, record.line)

    @property
    def created(self) -> int:
        """The number of rows whose customers were created."""
        return self._accepted[Accepted.CREATED]

    @property
    def already_there(self) -> int:
        """The number of rows whose customers were stored before."""
        return self._accepted[Accepted.ALREADY_THERE]

    @property
    def rows(self) -> int:
        """The number of rows that have an outcome."""
        return self._accepted.total() + self.rejected

    @property
    def reasons(self) -> list[tuple[int, int, str]]:
        """Each reason, without any value of a row: its rows, their first line, and the sentence.

        The most frequent one is the first.
        """
        return [
            (count, self._first_lines[reason], reason)
            for reason, count in self._reasons.most_common()
        ]

    @property
    def warnings(self) -> list[str]:
        """Sentences about rows and keys that a person should look at."""
        warnings = []
        if self.short_zip_codes:
            warnings.append(
                f"{counted(self.short_zip_codes, 'ZIP code')} of the United States "
                f"{'has' if self.short_zip_codes == 1 else 'have'} four digits, first on line "
                f"{self.first_short_zip_code:,}. A spreadsheet may have removed a zero at the "
                "beginning."
            )
        if self._ignored:
            keys = [f"{on_one_line(key)} (line {line:,})" for key, line in self._ignored.items()]
            more = " and more" if keys[SHOWN_HEADERS:] else ""
            warnings.append(
                "Not imported, because the first objects lack them: "
                f"{', '.join(keys[:SHOWN_HEADERS])}{more}. Import from a file, not from a pipe: "
                "then the keys of all objects are recognised."
            )
        return warnings

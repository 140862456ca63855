"""The report of an import, as the command prints it."""

from ..files.counts import counted
from ..files.report import Report
from .table import print_table

_COLUMNS = ("ROWS", "FIRST LINE", "REASON")

# The number of different reasons that are shown.
_SHOWN_REASONS = 20


def note(report: Report) -> str:
    """The counts of rows that were not created, in a few words."""
    counts = {"already there": report.already_there, "rejected": report.rejected}
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def print_report(report: Report, not_reached: int, *, is_dry: bool) -> None:
    """Prints the counts and the reasons, without any value of a row.

    `not_reached` is the number of rows without an outcome. `is_dry`: nothing was stored.
    """
    left = f" {counted(not_reached, 'more row')} not reached." if not_reached else ""
    print(
        f"{counted(report.rows, 'row')}: "
        f"{report.created:,} {'would be created' if is_dry else 'created'}, "
        f"{report.already_there:,} already there, {report.rejected:,} rejected.{left}"
    )
    for warning in report.warnings:
        print(f"Warning: {warning}")
    if reasons := report.reasons:
        shown = reasons[:_SHOWN_REASONS]
        print_table(_COLUMNS, *((f"{count:,}", f"{line:,}", text) for count, line, text in shown))
        if len(reasons) > len(shown):
            print(f"Not shown: {counted(len(reasons) - len(shown), 'more reason')}.")

"""The progress of a long command on standard error: a bar on a terminal, otherwise plain lines."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

# How often a plain line is printed.
_SECONDS = 5.0


class Shown(Protocol):
    """A progress that is being shown."""

    def update(self, done: int, note: str = "") -> None:
        """Shows how many rows are done, and a short note about them."""


@contextlib.contextmanager
def shown(what: str, total: int | None) -> Iterator[Shown]:
    """Shows the progress of `what`, such as `Importing`, until the context ends.

    `total` is the number of rows, if it is known.
    """
    if not sys.stderr.isatty():
        yield _Lines(what, total)
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[rows]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}"),
        console=Console(file=sys.stderr),
        transient=True,
    ) as progress:
        yield _Bar(progress, what, total)


class _Rate:
    """The number of rows a second, since the beginning."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def of(self, done: int) -> float:
        return done / max(time.monotonic() - self._began, 0.001)


class _Bar:
    def __init__(self, progress: Progress, what: str, total: int | None) -> None:
        self._progress = progress
        self._total = total
        self._rate = _Rate()
        self._task = progress.add_task(what, total=total, rows="", rate="", note="")

    def update(self, done: int, note: str = "") -> None:
        self._progress.update(
            self._task,
            completed=done,
            rows=_rows(done, self._total),
            rate=f"{self._rate.of(done):,.0f}/s",
            note=note,
        )


class _Lines:
    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._total = total
        self._rate = _Rate()
        self._printed_at = time.monotonic()

    def update(self, done: int, note: str = "") -> None:
        now = time.monotonic()
        if now < self._printed_at + _SECONDS:
            return
        self._printed_at = now
        rate = self._rate.of(done)
        left = ""
        if self._total is not None:
            left = f", {(self._total - done) / max(rate, 0.001):,.0f} s left"
        end = f" {note}" if note else ""
        print(
            f"{self._what}: {_rows(done, self._total)} rows, {rate:,.0f} a second{left}.{end}",
            file=sys.stderr,
        )


def _rows(done: int, total: int | None) -> str:
    return f"{done:,}" if total is None else f"{done:,} of {total:,}"

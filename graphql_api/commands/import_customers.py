"""The command `graphql-api import`, which imports customers from a file."""

import argparse
import asyncio
import contextlib
import gc
import math
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import FrameType
from typing import TextIO

from ..customers.import_customers import DryRun, import_customers
from ..customers.judge import Value
from ..faults import Unavailable
from ..files.columns import UnknownColumn, mapping
from ..files.importing import Importing
from ..files.rejects import Rejects
from ..files.rows import Rows
from ..files.text import DEFAULT_ENCODING, InvalidFile
from ..mongo.database import MongoDatabase
from ..mongo.imports import MongoImports
from ..settings import Settings
from .import_report import note, print_report
from .import_source import STANDARD_INPUT, Source, open_source, print_understood
from .open_database import set_up, with_database
from .progress import shown
from .setting_options import add_setting_options, environment_with

SUMMARY = "import customers from a CSV or JSON Lines file"

# While rows are in memory, Python looks for garbage in cycles, of which they have none, after this
# number of new objects. With its own 700, that takes a tenth of the time.
_OBJECTS = 50_000

# The rows of one insert. Fewer take more time for each row; with more, Ctrl-C waits longer.
_BATCH = 1_000
# With a rate, an insert has the rows of this number of seconds, because the requests of servers
# wait for each insert.
_RATE_SECONDS = 0.02

# While MongoDB writes the journal for one batch, it inserts another.
_IN_FLIGHT_AT_ONCE = 4

_AGAIN = "To go on, run the same command again: rows that are stored will count as already there."
_DRY_AGAIN = "Nothing was stored. Run the same command again to check the whole file."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    add_setting_options(parser, "data_dir")
    parser.add_argument(
        "file",
        metavar="FILE",
        help="A CSV or JSON Lines file, which may be compressed with gzip; - is standard input.",
    )
    parser.add_argument(
        "--map",
        metavar="COLUMN=FIELD",
        type=_map,
        default={},
        help="The fields that columns become, such as 'Mail=email,First+Last=name', if they "
        "are not recognised. 'Notes=' leaves a column out.",
    )
    parser.add_argument(
        "--encoding",
        type=_encoding,
        default=DEFAULT_ENCODING,
        help=f"The encoding of the file, such as cp1252. Default: {DEFAULT_ENCODING}.",
    )
    parser.add_argument(
        "--delimiter",
        type=_delimiter,
        help="The character between columns, or tab. Default: the comma, semicolon, tab or | that "
        "is most frequent in the header.",
    )
    parser.add_argument(
        "--phones",
        choices=["digits"],
        help="digits: import only the digits of phone numbers such as +1 (541) 754-3010.",
    )
    parser.add_argument(
        "--rejects",
        type=Path,
        metavar="FILE",
        help="Write the rejected rows with the reasons to this file, which you can correct and "
        "import. Without rejected rows, there is no such file. An older file of this name gets the "
        "ending .old.",
    )
    parser.add_argument(
        "--rate",
        type=_rate,
        metavar="ROWS",
        help="Import at most this number of rows in a second, so that the requests of servers "
        "wait less.",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="Check every row, and store nothing."
    )


def run(options: argparse.Namespace) -> int:
    """Imports the file.

    Returns 1 if a row was rejected, 2 if rows could not be imported, and 130 after Ctrl-C.

    Raises `SettingsError`, `MongodError`, `OSError` and `Unavailable`.
    """
    settings = Settings.read(environment_with(options))
    try:
        with contextlib.ExitStack() as stack:
            source = open_source(
                options.file, options.encoding, options.delimiter, options.map, stack
            )
            rows = Rows(
                source.columns,
                source.table.columns,
                reduces_phones=options.phones is not None,
                phones_option="--phones digits",
            )
            print_understood(source, rows)
            rejects = _open_rejects(options.rejects, options.file, source, stack)
            importing = _Import(source, rows, rejects, options.rate, is_dry=options.dry_run)
            return with_database(settings, importing.run, creates=True)
    except InvalidFile as error:
        advice = "" if error.encoding is None else f" Add --encoding {error.encoding}."
        print(f"graphql-api: {error}{advice}", file=sys.stderr)
        return 2
    except UnknownColumn as error:
        print(f"graphql-api: {error}", file=sys.stderr)
        return 2


class _RejectsFailed(Exception):
    """A rejected row cannot be written. The message says why."""


class _Import:
    """One import of the command, with its progress, its signals and its report."""

    def __init__(
        self,
        source: Source,
        rows: Rows,
        rejects: Rejects | None,
        rate: int | None,
        *,
        is_dry: bool,
    ) -> None:
        """`rate` is the most rows that are imported in a second."""
        self._total = source.rows
        self._is_dry = is_dry
        self._advice = _DRY_AGAIN if is_dry else _AGAIN
        self._rejects = rejects
        # The known keys of objects that can be read only once: later ones may have more.
        is_read_once = source.rows is None and source.table.columns is None
        keys = set(source.headers) if is_read_once else None
        self._rate = rate
        size = _BATCH if rate is None else min(_BATCH, math.ceil(rate * _RATE_SECONDS))
        self._importing = Importing(source.records, rows, rejects, size, keys)

    async def run(self, database: MongoDatabase) -> int:
        """Imports all records into the database, and prints a report."""
        mongo = MongoImports(database)
        importing = self._importing
        try:
            with contextlib.ExitStack() as stack:
                if self._is_dry:
                    dry = stack.enter_context(contextlib.closing(DryRun(mongo.find_existing)))
                    imports: DryRun | MongoImports = dry
                else:
                    await set_up(database)
                    imports = mongo
                stack.enter_context(_collecting_rarely())
                progress = stack.enter_context(shown("Importing", self._total))
                stack.enter_context(self._stopping_on_signals())
                imported = import_customers(
                    imports, self._batches(), in_flight_at_once=_IN_FLIGHT_AT_ONCE
                )
                async for outcomes in imported:
                    with _rejects_failing():
                        importing.count(outcomes)
                    progress.update(importing.report.rows, note(importing.report))
        except Unavailable:
            self._report()
            print(f"The database is unavailable. {self._advice}", file=sys.stderr)
            return 2
        except _RejectsFailed as failure:
            self._report()
            print(
                f"graphql-api: The rejected rows cannot be written: {failure}. {self._advice}",
                file=sys.stderr,
            )
            return 2
        self._report()
        return self._end()

    def _report(self) -> None:
        report = self._importing.report
        not_reached = 0 if self._total is None else self._total - report.rows
        print_report(report, not_reached, is_dry=self._is_dry)

    async def _batches(self) -> AsyncIterator[list[dict[str, Value]]]:
        next_ = time.monotonic()
        while (rows := self._importing.take()) is not None:
            await asyncio.sleep(next_ - time.monotonic())
            yield rows
            # The delay of a sleep does not delay the batches after it. After a longer delay, such
            # as of the database, only one batch is due at once, because more would be a burst.
            pause = len(rows) / self._rate if self._rate else 0
            next_ = max(next_ + pause, time.monotonic())

    def _end(self) -> int:
        importing = self._importing
        if importing.failure is not None:
            print(f"graphql-api: {importing.failure}", file=sys.stderr)
            done = "checked" if self._is_dry else "imported"
            print(f"The rows before this fault are {done}. {self._advice}", file=sys.stderr)
            return 2
        if importing.is_stopping:
            print(f"Stopped. {self._advice}", file=sys.stderr)
            return 130
        if importing.report.rejected and self._rejects is None:
            print(
                "Add --rejects FILE to write the rejected rows to a file that you can correct and "
                "import."
            )
        return 1 if importing.report.rejected else 0

    @contextlib.contextmanager
    def _stopping_on_signals(self) -> Iterator[None]:
        """The first Ctrl-C, or SIGTERM, ends the import after the batches that were taken."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            if self._importing.is_stopping:
                raise KeyboardInterrupt
            self._importing.stop()
            print(
                "\nStopping after the current rows. Press Ctrl-C again to stop at once.",
                file=sys.stderr,
            )

        before = [(number, signal.signal(number, stop)) for number in _STOPPING]
        try:
            yield
        finally:
            for number, handler in before:
                signal.signal(number, handler)


_STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def _collecting_rarely() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _open_rejects(
    path: Path | None, name: str, source: Source, stack: contextlib.ExitStack
) -> Rejects | None:
    if path is None:
        return None
    old = path.with_name(f"{path.name}.old")
    imported = os.fstat(sys.stdin.fileno()) if name == STANDARD_INPUT else Path(name).stat()
    for each in (path, old):
        if each.exists() and os.path.samestat(each.stat(), imported):
            raise InvalidFile("--rejects must not replace the file to import.")
    # Somebody may have corrected rows in it.
    if path.is_file():
        path.replace(old)
        print(f"The older file {path} is now {old}.", file=sys.stderr)
    file = path.open(
        "w", encoding=source.table.text.encoding, errors="backslashreplace", newline=""
    )
    rejects = Rejects(file, source.table.columns, source.table.delimiter)
    stack.callback(_close, file, path, rejects)
    return rejects


def _close(file: TextIO, path: Path, rejects: Rejects) -> None:
    """Closes the file of rejected rows, and removes it if it has no rows."""
    # After each batch, the import says whether its rejected rows were written.
    with contextlib.suppress(OSError):
        file.close()
    if rejects.is_empty and path.is_file():
        path.unlink()


@contextlib.contextmanager
def _rejects_failing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _RejectsFailed(error.strerror) from None


def _map(text: str) -> dict[str, str]:
    try:
        return mapping(text)
    except UnknownColumn as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError:
        raise argparse.ArgumentTypeError("use the name of an encoding, such as cp1252") from None
    return name


def _rate(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError("use a whole number greater than 0")
    return int(text)


def _delimiter(text: str) -> str:
    text = "\t" if text in ("tab", "\\t") else text
    if len(text) != 1 or text in '"\r\n':
        raise argparse.ArgumentTypeError("use one character, or tab")
    return text

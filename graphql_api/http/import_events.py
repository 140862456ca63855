"""The import of a request: how the server understands the file, the progress, and the report."""

import asyncio
import contextlib
import io
import itertools
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Protocol, cast

from ..customers.fields import FIELDS
from ..customers.import_customers import (
    DryRun,
    Existing,
    Imports,
    Outcome,
    import_customers,
)
from ..customers.judge import Value
from ..customers.problems import EMAIL
from ..customers.store import StoredCustomer
from ..faults import Unavailable
from ..files.columns import Columns, UnknownColumn, chosen, recognised
from ..files.importing import Importing
from ..files.records import Record, Records, next_records
from ..files.rejects import Rejects
from ..files.rows import Rows
from ..files.survey import Survey
from ..files.text import InvalidFile
from .errors import RequestError
from .subscriptions import SHUTTING_DOWN, TOKEN_ENDED

# The rows of one insert. More take less time for each row, and other requests wait longer.
_BATCH = 250

# The records that are shown, and how much of each of their values.
_SAMPLES = 3
_SHOWN_CHARACTERS = 80

# The number of different reasons that the report has.
_TOLD_REASONS = 50

# How often the client gets the progress, also during a long step, so that no proxy gives up.
_TELL_SECONDS = 0.2
_STEP_SECONDS = 5.0

# The label of the option in the dashboard.
_PHONES_OPTION = "the option `Import only the digits of phone numbers`"

_STORED = "rows that are stored will count as already there."
_AGAIN = f"Send the file again: {_STORED}"

# What a client is told of an import that ends early.
_STOPPED = {
    SHUTTING_DOWN: f"The server is stopping. {_AGAIN}",
    TOKEN_ENDED: "The token has expired or was revoked. Send the file again with another token: "
    f"{_STORED}",
}

# One line of the answer.
Event = dict[str, Any]


class ImportStore(Imports, Protocol):
    """Where an import looks for customers, and stores them."""

    async def find_existing(self, new: Sequence[StoredCustomer]) -> Sequence[Existing | None]:
        """What `add_new` would return for each customer that nothing precedes. Stores nothing."""


@dataclass(frozen=True)
class ImportOptions:
    """How a client wants its file to be read. `columns` are None if they are to be recognised."""

    is_dry: bool
    encoding: str
    delimiter: str | None
    reduces_phones: bool
    columns: Mapping[str, Sequence[str]] | None


class FileImport:
    """One import of a file. `max_bytes` also bounds the file after it is decompressed."""

    def __init__(
        self, file: IO[bytes], options: ImportOptions, store: ImportStore, max_bytes: int
    ) -> None:
        self._file = cast(io.BufferedReader, file)
        self._options = options
        self._store = store
        self._max_bytes = max_bytes
        # Why it ends early, if it does.
        self._reason: RequestError | None = None
        self._told_at = time.monotonic()

    def stop(self, reason: RequestError) -> None:
        """Ends the import after the batches that were taken. `_STOPPED` has the reasons."""
        self._reason = reason

    async def events(self) -> AsyncGenerator[Event, None]:
        """What happens, from the first look at the file until the report, or an error."""
        try:
            async with contextlib.aclosing(self._events()) as events:
                async for event in events:
                    yield event
        except InvalidFile as error:
            yield _error(str(error), "INVALID_FILE", encoding=error.encoding)
        except UnknownColumn as error:
            yield _error(str(error), "BAD_USER_INPUT")

    async def _events(self) -> AsyncGenerator[Event, None]:
        table, survey = await asyncio.to_thread(self._opened)
        while await asyncio.to_thread(_add_next, table, survey):
            if self._reason is not None:
                yield _stopped(self._reason)
                return
            if self._is_due():
                yield {"type": "reading", "rows": survey.rows}
        self._file.seek(0)
        table, _ = await asyncio.to_thread(self._opened)
        columns = self._columns(survey)
        rows = Rows(
            columns,
            table.columns,
            reduces_phones=self._options.reduces_phones,
            phones_option=_PHONES_OPTION,
        )
        first = await asyncio.to_thread(lambda: list(next_records(iter(table), _SAMPLES)))
        yield _understood(table, survey, columns, [_sample(record, rows) for record in first])
        if EMAIL not in columns.of_fields:
            yield _error(
                "No column was recognised as the email address. Choose its column.",
                "NO_EMAIL_COLUMN",
            )
            return
        text = io.StringIO()
        rejects = None if self._options.is_dry else Rejects(text, table.columns, table.delimiter)
        # The file was read to its end before, so it has no fault that would end the import.
        importing = Importing(itertools.chain(first, table), rows, rejects, _BATCH)
        failure: Event | None = None
        try:
            async with contextlib.aclosing(self._steps(importing)) as steps:
                async for _ in steps:
                    if self._is_due():
                        yield _progress(importing)
                    if importing.report.rejected and (written := text.getvalue()):
                        yield {"type": "rejects", "text": written}
                        text.seek(0)
                        text.truncate()
        except Unavailable:
            failure = _error(f"The database is unavailable. {_AGAIN}", "UNAVAILABLE")
        if failure is None and self._reason is not None:
            failure = _stopped(self._reason)
        yield _report(importing, is_dry=self._options.is_dry, is_complete=failure is None)
        if failure is not None:
            yield failure

    def _opened(self) -> tuple[Records, Survey]:
        """The records of the file, and a survey to add them to. Raises `InvalidFile`."""
        encoding, delimiter = self._options.encoding, self._options.delimiter
        table = Records(self._file, encoding, delimiter, self._max_bytes)
        return table, Survey(table)

    def _columns(self, survey: Survey) -> Columns:
        columns = recognised(survey.headers)
        if self._options.columns is None:
            return columns
        return chosen(survey.headers, self._options.columns, columns.source)

    async def _steps(self, importing: Importing) -> AsyncGenerator[None, None]:
        """Imports the rows. Yields after each batch, and while a batch takes long."""
        with contextlib.ExitStack() as stack:
            imports: Imports = self._store
            if self._options.is_dry:
                imports = stack.enter_context(contextlib.closing(DryRun(self._store.find_existing)))
            outcomes = import_customers(imports, self._batches(importing))
            async with contextlib.aclosing(outcomes):
                while True:
                    taking = asyncio.create_task(_next(outcomes))
                    try:
                        while not (await asyncio.wait([taking], timeout=_STEP_SECONDS))[0]:
                            yield
                    finally:
                        taking.cancel()
                        await asyncio.wait([taking])
                    if (batch := taking.result()) is None:
                        return
                    importing.count(batch)
                    yield

    async def _batches(self, importing: Importing) -> AsyncIterator[list[dict[str, Value]]]:
        # In a thread, because a file may have a long part without any record.
        while self._reason is None:
            if (rows := await asyncio.to_thread(importing.take)) is None:
                return
            yield rows

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now < self._told_at + _TELL_SECONDS:
            return False
        self._told_at = now
        return True


def _add_next(table: Records, survey: Survey) -> bool:
    """Adds the next records to the survey. False at the end of the file. Raises `InvalidFile`."""
    rows = survey.rows
    for record in next_records(iter(table), _BATCH):
        survey.add(record)
    return survey.rows > rows


async def _next(outcomes: AsyncIterator[list[Outcome]]) -> list[Outcome] | None:
    return await anext(outcomes, None)


def _understood(table: Records, survey: Survey, columns: Columns, samples: list[Event]) -> Event:
    return {
        "type": "understood",
        "format": "jsonl" if table.columns is None else "csv",
        "delimiter": table.delimiter,
        "encoding": table.text.encoding,
        "isCompressed": table.text.is_compressed,
        "source": columns.source,
        "rows": survey.rows,
        "headers": survey.headers,
        "columns": {field.public_name: list(used) for field, used in columns.of_fields.items()},
        "samples": samples,
    }


def _sample(record: Record, rows: Rows) -> Event:
    if record.fault is not None:
        return {"line": record.line, "fault": record.fault}
    values = rows.values(record.cells)
    shown = {
        field.public_name: value[:_SHOWN_CHARACTERS]
        for field in FIELDS
        if isinstance(value := values.get(field.name), str)
    }
    return {"line": record.line, "values": shown}


def _progress(importing: Importing) -> Event:
    return {"type": "progress", **_counts(importing)}


def _counts(importing: Importing) -> Event:
    report = importing.report
    return {
        "rows": report.rows,
        "created": report.created,
        "alreadyThere": report.already_there,
        "rejected": report.rejected,
    }


def _report(importing: Importing, *, is_dry: bool, is_complete: bool) -> Event:
    """The report of the command, without any value of a row."""
    reasons = importing.report.reasons
    return {
        "type": "report",
        "isDryRun": is_dry,
        "isComplete": is_complete,
        **_counts(importing),
        "reasons": [
            {"rows": count, "firstLine": line, "reason": reason}
            for count, line, reason in reasons[:_TOLD_REASONS]
        ],
        "moreReasons": max(0, len(reasons) - _TOLD_REASONS),
        "warnings": importing.report.warnings,
    }


def _stopped(reason: RequestError) -> Event:
    return _error(_STOPPED[reason], reason.code)


def _error(message: str, code: str, encoding: str | None = None) -> Event:
    return {"type": "error", "message": message, "code": code, "encoding": encoding}

"""The resource that imports the customers of a file, which the dashboard sends."""

import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

import structlog
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from ..access.principal import Scope as AccessScope
from ..customers.fields import FIELDS
from ..files.records import MAX_COLUMNS
from ..files.text import DEFAULT_ENCODING
from ..logs import stack_frames
from .authentication import Authenticate
from .errors import RequestError
from .exchange import Exchange, exchange_of
from .file_requests import Places, principal_with, received_file, require_type
from .file_stream import send_parts
from .import_events import Event, FileImport, ImportOptions, ImportStore
from .subscriptions import SHUTTING_DOWN, Subscriptions

logger = structlog.get_logger()

IMPORT_PATH = "/customers/import"

# Each of them may have a temporary file of the largest size.
_MAX_IMPORTS = 2

_MEDIA_TYPE = "application/octet-stream"
_HEADERS = [(b"content-type", b"application/jsonl; charset=utf-8")]

# Some of Python's other encodings take more than linear time, or do not encode text.
ENCODINGS = (
    *(DEFAULT_ENCODING, "utf-16", "utf-16-le", "utf-16-be"),
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1257", "iso-8859-1", "iso-8859-15"),
    *("shift_jis", "gb18030", "big5", "euc_kr"),
)
_NOT_DELIMITERS = '"\r\n'

_FIELDS = {field.public_name for field in FIELDS}


class ImportEndpoint:
    """An ASGI application: takes a file, and answers with lines of JSON about its import.

    `open_store` returns the store for one import. An import ends when `subscriptions` finds that
    its token is no longer valid.
    """

    def __init__(
        self,
        open_store: Callable[[], ImportStore],
        authenticate: Authenticate,
        subscriptions: Subscriptions,
        max_bytes: int,
    ) -> None:
        self._open_store = open_store
        self._subscriptions = subscriptions
        self._authenticate = authenticate
        self._max_bytes = max_bytes
        self._places = Places(_MAX_IMPORTS, "imports")
        self._running: set[FileImport] = set()
        self._is_stopping = False

    def stop(self) -> None:
        """Ends the imports that run: the server stops. Their clients can send the files again."""
        self._is_stopping = True
        for running in self._running:
            running.stop(SHUTTING_DOWN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises `RequestError`, and `ClientDisconnect` when the client has gone."""
        request = Request(scope, receive)
        # Before the file is received, and before anything of the request is parsed.
        await principal_with(AccessScope.CUSTOMERS_WRITE, self._authenticate, request)
        require_type(request, _MEDIA_TYPE)
        options = _options(request.query_params)
        with self._places.place(), self._subscriptions.watched(request) as ticket:
            async with received_file(request, self._max_bytes) as file:
                import_ = FileImport(file, options, self._open_store(), self._max_bytes)
                ticket.on_end(import_.stop)
                if self._is_stopping:
                    # Its file was received since.
                    import_.stop(SHUTTING_DOWN)
                self._running.add(import_)
                try:
                    lines = _lines(import_.events(), exchange_of(scope))
                    await send_parts(lines, _HEADERS, receive, send)
                finally:
                    self._running.discard(import_)


async def _lines(
    events: AsyncGenerator[Event, None], exchange: Exchange
) -> AsyncGenerator[bytes, None]:
    try:
        async with contextlib.aclosing(events):
            async for event in events:
                if event["type"] == "error":
                    exchange.fail([{"extensions": {"code": event["code"]}}])
                    event["requestId"] = exchange.request_id
                # JSON Lines may have lone surrogates, which UTF-8 lacks, so the text is ASCII.
                yield json.dumps(event).encode() + b"\n"
    except Exception as error:  # noqa: BLE001  # the client hears of every failure
        logger.error("The server failed.", exception=stack_frames(error))  # noqa: TRY400  # no texts
        exchange.fail([{"extensions": {"code": "INTERNAL_SERVER_ERROR"}}])
        failure = {
            "type": "error",
            "message": "The server failed. The request is not the cause.",
            "code": exchange.outcome,
            "requestId": exchange.request_id,
        }
        yield json.dumps(failure).encode() + b"\n"


def _options(query: Mapping[str, str]) -> ImportOptions:
    """The options in a query string. Raises `RequestError`."""
    unknown = query.keys() - {"dryRun", "encoding", "delimiter", "phones", "columns"}
    if unknown:
        raise RequestError(
            400,
            "The query has an unknown parameter. Use `dryRun`, `encoding`, `delimiter`, `phones` "
            "and `columns`.",
        )
    dry_run = query.get("dryRun", "false")
    if dry_run not in ("true", "false"):
        raise RequestError(400, "`dryRun` must be true or false.")
    encoding = query.get("encoding", DEFAULT_ENCODING)
    if encoding not in ENCODINGS:
        raise RequestError(400, f"`encoding` must be one of {', '.join(ENCODINGS)}.")
    delimiter = query.get("delimiter")
    if delimiter is not None and (len(delimiter) != 1 or delimiter in _NOT_DELIMITERS):
        raise RequestError(400, "`delimiter` must be one character.")
    if query.get("phones", "digits") != "digits":
        raise RequestError(400, "`phones` must be digits.")
    return ImportOptions(
        is_dry=dry_run == "true",
        encoding=encoding,
        delimiter=delimiter,
        reduces_phones="phones" in query,
        columns=_columns(query.get("columns")),
    )


def _columns(text: str | None) -> Mapping[str, Sequence[str]] | None:
    """The columns of each field, by its name in the API. Raises `RequestError`."""
    if text is None:
        return None
    try:
        columns: Any = json.loads(text)
    except (ValueError, RecursionError):
        columns = None
    if (
        not isinstance(columns, dict)
        or not columns.keys() <= _FIELDS
        or not all(_is_list_of_texts(used) for used in columns.values())
    ):
        raise RequestError(
            400,
            "`columns` must be a JSON object: the names of fields, each with a list of different "
            "columns that become its value.",
        )
    return columns


def _is_list_of_texts(used: object) -> bool:
    return (
        isinstance(used, list)
        and len(used) <= MAX_COLUMNS
        and all(isinstance(header, str) for header in used)
        # One long cell, joined a thousand times, would fill the memory.
        and len(set(used)) == len(used)
    )

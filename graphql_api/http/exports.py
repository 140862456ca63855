"""The resource that exports the customers of a list as a file, which the dashboard downloads."""

import asyncio
import contextlib
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

import structlog
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from ..access.principal import Scope as AccessScope
from ..customers.fields import Customer
from ..customers.list_customers import listing
from ..customers.listings import InvalidList, Listing, Order, OrderField
from ..execution.coercion import coercer
from ..execution.covered import NotCovered
from ..faults import Misconfigured, Unavailable
from ..files.writing import CsvWriter, JsonWriter
from ..schema.customers import filter_of
from ..schema.schema import create_schema
from .authentication import Authenticate
from .body import LargeBodies, read_body
from .errors import JSON, RequestError, retry_later
from .file_requests import Places, principal_with, require_type
from .file_stream import send_parts
from .json_values import from_json
from .subscriptions import Subscriptions, Ticket

logger = structlog.get_logger()

EXPORT_PATH = "/customers/export"

# Each of them has a thousand customers in memory.
_MAX_EXPORTS = 4

# This many customers are written before other tasks run.
_UNINTERRUPTED = 100

# An import of the file creates the customers in the same order.
_OLDEST_FIRST = Order(OrderField.CREATED_AT)

# The mark at the beginning of a file with which Excel recognises UTF-8.
_MARK = "\ufeff"

_CSV = b"text/csv; charset=utf-8; header=present", b'attachment; filename="customers.csv"'
_JSON_LINES = b"application/jsonl; charset=utf-8", b'attachment; filename="customers.jsonl"'
_Format = tuple[type[CsvWriter | JsonWriter], str, tuple[bytes, bytes]]
_FORMATS: dict[str, _Format] = {
    "csv": (CsvWriter, "", _CSV),
    "excel": (CsvWriter, _MARK, _CSV),
    "jsonl": (JsonWriter, "", _JSON_LINES),
}

# Yields the customers of a listing in parts. Raises `Unavailable`.
Export = Callable[[Listing], AsyncGenerator[Sequence[Customer], None]]


class ExportEndpoint:
    """An ASGI application: answers with the file of all customers that a list has.

    The answer breaks off when `subscriptions` finds that the token is no longer valid.
    """

    def __init__(
        self,
        export: Export,
        authenticate: Authenticate,
        subscriptions: Subscriptions,
        max_body_bytes: int,
    ) -> None:
        self._export = export
        self._subscriptions = subscriptions
        self._authenticate = authenticate
        # It accepts no larger bodies than usual.
        self._bodies = LargeBodies(max_body_bytes)
        self._places = Places(_MAX_EXPORTS, "exports")
        self._coerce = coercer(create_schema().type_map["CustomerFilter"])  # type: ignore[arg-type]  # it is an input type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises `RequestError`, and `ClientDisconnect` when the client has gone."""
        request = Request(scope, receive)
        await principal_with(AccessScope.CUSTOMERS_READ, self._authenticate, request)
        require_type(request, JSON)
        content = await read_body(request, self._bodies.max_bytes, self._bodies)
        selected, (make_writer, mark, (media_type, disposition)) = self._asked(content)
        with self._places.place(), self._subscriptions.watched(request) as ticket:
            try:
                async with contextlib.aclosing(self._export(selected)) as parts:
                    # This is read before the answer begins, so that a failure can have a status.
                    first = await anext(parts, None)
                    headers = [(b"content-type", media_type), (b"content-disposition", disposition)]
                    file = _written(make_writer, mark, first, parts, ticket)
                    await send_parts(file, headers, receive, send)
            except Unavailable as error:
                if isinstance(error, Misconfigured):
                    # Its message is for the operator.
                    logger.warning(str(error))
                raise retry_later(503, "The database is unavailable.", "UNAVAILABLE") from None

    def _asked(self, content: bytes) -> tuple[Listing, _Format]:
        """The listing and the format that a body asks for. Raises `RequestError`."""
        try:
            asked: Any = from_json(content)
        except (ValueError, RecursionError):
            raise RequestError(400, "The body is not valid JSON. Send JSON in UTF-8.") from None
        if not isinstance(asked, dict) or asked.keys() - {"format", "search", "filter"}:
            raise RequestError(
                400, "The body must be a JSON object with `format`, `search` and `filter`."
            )
        name, search = asked.get("format", "csv"), asked.get("search")
        if not isinstance(name, str) or name not in _FORMATS:
            raise RequestError(400, f"`format` must be one of {', '.join(_FORMATS)}.")
        if not isinstance(search, str | None):
            raise RequestError(400, "`search` must be a string.")
        try:
            filter_ = filter_of(self._coerce(asked.get("filter")))
        except NotCovered:
            raise RequestError(
                400, "`filter` must be a CustomerFilter, as the GraphQL schema describes it."
            ) from None
        try:
            return listing(search, filter_, _OLDEST_FIRST), _FORMATS[name]
        except InvalidList as error:
            raise RequestError(400, str(error), code="BAD_USER_INPUT") from None


async def _written(
    make_writer: type[CsvWriter | JsonWriter],
    mark: str,
    first: Sequence[Customer] | None,
    others: AsyncIterator[Sequence[Customer]],
    ticket: Ticket,
) -> AsyncGenerator[bytes, None]:
    """The file with these customers, in parts. Raises the reason why the ticket must end."""
    text = io.StringIO(newline="")
    text.write(mark)
    writer = make_writer(text)
    part = first or []
    while True:
        for start in range(0, max(len(part), 1), _UNINTERRUPTED):
            if ticket.reason is not None:
                raise ticket.reason
            for customer in part[start : start + _UNINTERRUPTED]:
                writer.write(customer)
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
            await asyncio.sleep(0)
        if (following := await anext(others, None)) is None:
            return
        part = following

"""GraphQL over HTTP: reads a request, has it executed, and answers in a form that it takes."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from graphql import OperationType
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from ..access.principal import Principal
from ..access.trusted_documents import TrustedDocuments
from ..customers.store import Customers
from ..schema.operation import Operation
from ..schema.operations import Context
from ..schema.schema import create_schema
from ..settings import Settings
from .addresses import client_address, network
from .body import read_body
from .documents import Document, Documents
from .errors import JSON as _JSON
from .errors import RequestError, body, error_response
from .exchange import Exchange, exchange_of
from .graphiql import graphiql_page
from .media import preferred
from .trusted_documents import Trusted

_GRAPHQL_RESPONSE = "application/graphql-response+json"
_OFFERED = (_JSON, _GRAPHQL_RESPONSE)
_HTML = "text/html"
_CONTENT_TYPES = {name: f"{name}; charset=utf-8".encode() for name in _OFFERED}

# What each method may do.
_ALLOWED = {
    "GET": {OperationType.QUERY},
    "POST": {OperationType.QUERY, OperationType.MUTATION},
}

# Of the name of an operation, so many characters are logged.
_LONGEST_LOGGED = 64

# orjson reads integers beyond 64 bits as floats. To look for their digits so is ten times as fast
# as a regular expression is.
_AS_ZEROS = bytes(ord("0") if chr(byte).isdecimal() else ord(" ") for byte in range(256))
_LONG_INTEGER = b"0" * 19


# Says who a request is from, by its headers and its address; raises `RequestError`.
Admit = Callable[[Request], Awaitable[Principal]]


@dataclass(frozen=True)
class _Parameters:
    # Empty where there is the id of a trusted document.
    query: str
    document_id: str | None
    variables: dict[str, Any] | None
    operation_name: str | None


class GraphQLEndpoint:
    """An ASGI application: the GraphQL over HTTP specification, and GraphiQL for browsers."""

    def __init__(
        self,
        customers: Customers,
        registered: TrustedDocuments,
        admit: Admit,
        settings: Settings,
    ) -> None:
        self._customers = customers
        self._admit = admit
        self._settings = settings
        self._page = graphiql_page(introspection=settings.introspection)
        self._documents = Documents(create_schema(), settings)
        self.trusted = Trusted(registered, self._documents)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        accept = exchange_of(request.scope).headers.get(b"accept", b"*/*").decode("latin-1")
        if request.method == "GET" and preferred(accept, (*_OFFERED, _HTML)) == _HTML:
            policy = {"Content-Security-Policy": self._page.policy}
            return HTMLResponse(self._page.html, headers=policy)
        media_type = preferred(accept, _OFFERED)
        try:
            return await self._execute(request, media_type)
        except RequestError as error:
            return error_response(error, exchange_of(request.scope), media_type or _JSON)

    async def _execute(self, request: Request, media_type: str | None) -> Response:
        # Before anything of the request's is read.
        principal = await self._admit(request)
        if media_type is None:
            raise RequestError(406, f"Accept {_GRAPHQL_RESPONSE} or {_JSON}.")
        if request.method == "GET":
            parameters = _from_query_string(request.query_params)
        elif request.method == "POST":
            parameters = await _from_body(request, self._settings.max_body_bytes)
        else:
            raise RequestError(405, "Send the request by POST.", {"Allow": "GET, POST"})
        exchange = exchange_of(request.scope)
        # Keys and tokens are of principals with such ids: `key:...`, `jwt:...`.
        exchange.client = principal.id.partition(":")[0]

        id_ = parameters.document_id
        document = self._documents.get(parameters.query) if id_ is None else self.trusted.get(id_)
        if document is None:
            owner = f"{principal.id} {network(client_address(request))}"
            document = await self._read(parameters, owner)
        operation = _chosen(document, parameters.operation_name)
        if operation is not None:
            exchange.operation = operation.name and operation.name[:_LONGEST_LOGGED]
            if operation.type not in _ALLOWED[request.method]:
                raise RequestError(
                    405, "Send mutations by POST; there are no subscriptions.", {"Allow": "POST"}
                )
        # The draft: 200 for whatever a well-formed request leads to, in the older form.
        refused = 400 if media_type == _GRAPHQL_RESPONSE else 200
        if document.errors:
            return _response({"errors": document.errors}, refused, media_type, exchange)
        if operation is None:
            # A client that names none is well-formed, one that names another is not.
            raise RequestError(
                refused if parameters.operation_name is None else 400,
                "Name one of the document's operations in `operationName`.",
                code="BAD_REQUEST",
            )

        context = Context(self._customers, principal, _idempotency_key(request))
        try:
            async with asyncio.timeout(self._settings.execution_seconds):
                result = await operation.execute(parameters.variables, context)
        except TimeoutError:
            raise RequestError(
                504 if media_type == _GRAPHQL_RESPONSE else 200,
                "The operation took too long, and may have been done or not; send the request "
                "again, with the same idempotency key.",
                code="TIMEOUT",
            ) from None
        if not result.errors:
            return _response({"data": result.data}, 200, media_type, exchange)
        errors = [error.formatted for error in result.errors]
        if result.data is None:
            # Fields at the top may be null, so nothing was executed, and there is no `data`.
            return _response({"errors": errors}, refused, media_type, exchange)
        return _response({"errors": errors, "data": result.data}, 200, media_type, exchange)

    async def _read(self, parameters: _Parameters, owner: str) -> Document:
        """A document that is not remembered."""
        if parameters.document_id is not None:
            return await self.trusted.look_up(parameters.document_id)
        if self._settings.trusted_documents_only:
            raise RequestError(
                403,
                "Send the `documentId` of a registered document instead of a `query`; no other "
                "documents are taken here.",
                code="TRUSTED_DOCUMENTS_ONLY",
            )
        return self._documents.read(parameters.query, owner)


def _chosen(document: Document, name: str | None) -> Operation | None:
    """The operation that a request means; None where that cannot be told."""
    if name is None and len(document.operations) == 1:
        [operation] = document.operations.values()
        return operation
    return None if name is None else document.operations.get(name)


def _response(
    content: dict[str, Any], status_code: int, media_type: str, exchange: Exchange
) -> Response:
    waits = [
        seconds
        for error in content.get("errors", ())
        if (seconds := error.get("extensions", {}).get("retryAfter")) is not None
    ]
    answer = _Answer(body(content, exchange), status_code, media_type)
    if waits:
        answer.headers["Retry-After"] = str(max(waits))
    return answer


class _Answer(Response):
    """Starlette's response, whose headers are not encoded anew each time."""

    def __init__(self, content: bytes, status_code: int, media_type: str) -> None:
        self.status_code = status_code
        self.body = content
        self.background = None
        self.raw_headers = [
            (b"content-length", b"%d" % len(content)),
            (b"content-type", _CONTENT_TYPES[media_type]),
        ]


def _idempotency_key(request: Request) -> str | None:
    if b"idempotency-key" not in exchange_of(request.scope).headers:
        return None
    keys = request.headers.getlist("idempotency-key")
    if len(keys) > 1:
        raise RequestError(400, "Send one header Idempotency-Key.")
    return keys[0]


async def _from_body(request: Request, limit: int) -> _Parameters:
    if not _is_json(exchange_of(request.scope).headers.get(b"content-type", b"")):
        raise RequestError(415, f"Send the request as {_JSON}.")
    try:
        return _parameters(_from_json(await read_body(request, limit)))
    except (ValueError, RecursionError):
        raise RequestError(
            400, "Send the request as I-JSON (RFC 7493): UTF-8, and no lone surrogates."
        ) from None


# Of headers as long as there may be.
@lru_cache(maxsize=64)
def _is_json(content_type: bytes) -> bool:
    return content_type.partition(b";")[0].strip().lower() == _JSON.encode()


def _from_query_string(query: QueryParams) -> _Parameters:
    values: dict[str, Any] = dict(query)
    if "variables" in values:
        try:
            values["variables"] = _from_json(values["variables"].encode())
        except (ValueError, RecursionError):
            raise RequestError(400, "Send `variables` as a JSON object.") from None
    return _parameters(values)


def _from_json(text: bytes) -> object:
    """Raises `ValueError` for what is not JSON, and `RecursionError`."""
    value = orjson.loads(text)
    return json.loads(text) if _LONG_INTEGER in text.translate(_AS_ZEROS) else value


def _parameters(values: object) -> _Parameters:
    if not isinstance(values, dict):
        raise RequestError(400, "Send the request as a JSON object.")
    query = values.get("query")
    document_id = values.get("documentId")
    variables = values.get("variables")
    operation_name = values.get("operationName")
    extensions = values.get("extensions")
    if document_id is not None:
        if not isinstance(document_id, str):
            raise RequestError(400, "Send `documentId` as a string.")
        if query is not None:
            raise RequestError(400, "Send either `query` or `documentId`.")
        query = ""
    elif not isinstance(query, str) or not query:
        raise RequestError(400, "Send a GraphQL document as `query`, or the `documentId` of one.")
    if not isinstance(variables, dict | None):
        raise RequestError(400, "Send `variables` as a JSON object.")
    if not isinstance(operation_name, str | None):
        raise RequestError(400, "Send `operationName` as a string.")
    if not isinstance(extensions, dict | None):
        raise RequestError(400, "Send `extensions` as a JSON object.")
    return _Parameters(query, document_id, variables, operation_name)

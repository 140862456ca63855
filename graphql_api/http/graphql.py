"""GraphQL over HTTP: reads a request, has it executed, and answers in a form that it takes."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from ..access.principal import Principal
from ..customers.store import Customers
from ..schema.operations import Context
from ..schema.schema import create_schema
from ..settings import Settings
from .body import read_body
from .documents import Documents, ReadDocuments
from .errors import JSON as _JSON
from .errors import RequestError, body, error_response
from .exchange import Exchange, exchange_of, operation_name
from .graphiql import graphiql_page
from .media import preferred

_GRAPHQL_RESPONSE = "application/graphql-response+json"
_OFFERED = (_JSON, _GRAPHQL_RESPONSE)
_HTML = "text/html"

# orjson reads integers beyond 64 bits as floats.
_LONG_INTEGER = re.compile(rb"[0-9]{19}")


# Says who a request is from, by its headers and its address; raises `RequestError`.
Admit = Callable[[Request], Awaitable[Principal]]


@dataclass(frozen=True)
class _Parameters:
    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


class GraphQLEndpoint:
    """An ASGI application: the GraphQL over HTTP specification, and GraphiQL for browsers."""

    def __init__(self, customers: Customers, admit: Admit, settings: Settings) -> None:
        self._customers = customers
        self._admit = admit
        self._settings = settings
        self._page = graphiql_page(introspection=settings.introspection)
        self._schema = create_schema(lambda: ReadDocuments(self._documents))
        self._documents = Documents(self._schema.graphql_schema, settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        accept = request.headers.get("accept", "*/*")
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
            allowed = {OperationType.QUERY}
        elif request.method == "POST":
            parameters = await _from_body(request, self._settings.max_body_bytes)
            allowed = {OperationType.QUERY, OperationType.MUTATION}
        else:
            raise RequestError(405, "Send the request by POST.", {"Allow": "GET, POST"})
        exchange = exchange_of(request.scope)
        # Keys and tokens are of principals with such ids: `key:...`, `jwt:...`.
        exchange.client = principal.id.partition(":")[0]
        exchange.operation = operation_name(parameters.query, parameters.operation_name)
        context = Context(self._customers, principal, _idempotency_key(request))
        try:
            async with asyncio.timeout(self._settings.execution_seconds):
                result = await self._schema.execute(
                    parameters.query,
                    variable_values=parameters.variables,
                    context_value=context,
                    operation_name=parameters.operation_name,
                    allowed_operation_types=allowed,
                )
        except TimeoutError:
            # The draft: 200 for whatever a well-formed request leads to, in the older form.
            raise RequestError(
                504 if media_type == _GRAPHQL_RESPONSE else 200,
                "The operation took too long, and may have been done or not; send the request "
                "again, with the same idempotency key.",
                code="TIMEOUT",
            ) from None
        except MissingQueryError:
            raise RequestError(400, "Send a GraphQL document as `query`.") from None
        except CannotGetOperationTypeError:
            raise RequestError(
                400, "Name one of the document's operations in `operationName`."
            ) from None
        except InvalidOperationTypeError:
            raise RequestError(
                405, "Send mutations by POST; there are no subscriptions.", {"Allow": "POST"}
            ) from None

        if not result.errors:
            return _response({"data": result.data}, 200, media_type, exchange)
        errors = [error.formatted for error in result.errors]
        if result.data is None and not any(error.path for error in result.errors):
            # Nothing was executed, so there is no `data`, and no success to report.
            status_code = 400 if media_type == _GRAPHQL_RESPONSE else 200
            return _response({"errors": errors}, status_code, media_type, exchange)
        return _response({"errors": errors, "data": result.data}, 200, media_type, exchange)


def _response(
    content: dict[str, Any], status_code: int, media_type: str, exchange: Exchange
) -> Response:
    waits = [
        seconds
        for error in content.get("errors", ())
        if (seconds := error.get("extensions", {}).get("retryAfter")) is not None
    ]
    headers = {"Retry-After": str(max(waits))} if waits else None
    return Response(
        body(content, exchange), status_code, headers, media_type=f"{media_type}; charset=utf-8"
    )


def _idempotency_key(request: Request) -> str | None:
    keys = request.headers.getlist("idempotency-key")
    if len(keys) > 1:
        raise RequestError(400, "Send one header Idempotency-Key.")
    return keys[0] if keys else None


async def _from_body(request: Request, limit: int) -> _Parameters:
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type != _JSON:
        raise RequestError(415, f"Send the request as {_JSON}.")
    try:
        return _parameters(_from_json(await read_body(request, limit)))
    except (ValueError, RecursionError):
        raise RequestError(
            400, "Send the request as I-JSON (RFC 7493): UTF-8, and no lone surrogates."
        ) from None


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
    return json.loads(text) if _LONG_INTEGER.search(text) else value


def _parameters(values: object) -> _Parameters:
    if not isinstance(values, dict):
        raise RequestError(400, "Send the request as a JSON object.")
    query = values.get("query")
    variables = values.get("variables")
    operation_name = values.get("operationName")
    extensions = values.get("extensions")
    if not isinstance(query, str):
        raise RequestError(400, "Send a GraphQL document as `query`, a string.")
    if not isinstance(variables, dict | None):
        raise RequestError(400, "Send `variables` as a JSON object.")
    if not isinstance(operation_name, str | None):
        raise RequestError(400, "Send `operationName` as a string.")
    if not isinstance(extensions, dict | None):
        raise RequestError(400, "Send `extensions` as a JSON object.")
    return _Parameters(query, variables, operation_name)

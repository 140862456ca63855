"""GraphQL over HTTP: reads a request, executes it, and answers in a media type it accepts."""

import re
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple, cast

from graphql import ExecutionResult, OperationType
from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from ..access.principal import Principal
from ..access.trusted_documents import TrustedDocuments
from ..customers.event_feed import EventFeed, Follower
from ..customers.store import Customers
from ..deadline import start_deadline
from ..execution.documents import Document, Documents
from ..execution.limits import Limits
from ..execution.operation import Operation
from ..schema.context import Context, SubscriptionContext
from ..schema.list_sizes import CREATE_CUSTOMERS, LIST_SIZES
from ..schema.outcomes import IMMUTABLE
from ..schema.schema import create_schema
from ..settings import Settings
from .addresses import client_address, network
from .authentication import Authenticate
from .body import LargeBodies, read_body, too_large
from .dashboard import dashboard_documents, shows_dashboard
from .document_ids import TrustedDocumentCache
from .errors import JSON as _JSON
from .errors import RequestError, body, error_response, retry_headers
from .event_stream import EVENT_STREAM, Answers, Asked, EventStream, Started, complete_event
from .exchange import Exchange, exchange_of
from .graphiql import graphiql_page
from .json_values import from_json
from .media import preferred
from .subscriptions import Subscriptions
from .time_limit import TimeLimit

_GRAPHQL_RESPONSE = "application/graphql-response+json"
_OFFERED = (_JSON, _GRAPHQL_RESPONSE, EVENT_STREAM)
_HTML = "text/html"
_OFFERED_TO_BROWSERS = (_JSON, _GRAPHQL_RESPONSE, _HTML, EVENT_STREAM)
_READING = ("GET", "HEAD")
_CONTENT_TYPES = {name: f"{name}; charset=utf-8".encode() for name in _OFFERED}

# Characters and length of a list of the codings in IANA's registry.
_CODING = re.compile(rb"[A-Za-z0-9, -]{1,40}")

# The types of operations that each method allows.
_ALLOWED = {
    "GET": {"query", "subscription"},
    "HEAD": {"query"},
    "POST": {"query", "mutation", "subscription"},
}

# In a query string, where all parameters are text, these are JSON.
_JSON_PARAMETERS = {"variables", "extensions"}

# How many characters of an operation's name are logged.
_LONGEST_LOGGED = 64


class _Parameters(NamedTuple):
    # Empty if the request has the id of a trusted document.
    query: str
    document_id: str | None
    variables: dict[str, Any] | None
    operation_name: str | None


def create_documents(settings: Settings) -> Documents:
    """The documents that a server with these settings accepts."""
    limits = Limits(
        max_tokens=settings.max_tokens,
        max_fragments=settings.max_fragments,
        max_root_fields=settings.max_root_fields,
        max_depth=settings.max_depth,
        max_aliases=settings.max_aliases,
        max_directives=settings.max_directives,
        max_cost=settings.max_cost,
        allows_introspection=settings.allows_introspection,
    )
    return Documents(create_schema(), limits, IMMUTABLE, LIST_SIZES)


class GraphQLEndpoint:
    """An ASGI application: the GraphQL over HTTP specification, and GraphiQL for browsers."""

    def __init__(
        self,
        customers: Customers,
        feed: EventFeed,
        registered: TrustedDocuments,
        authenticate: Authenticate,
        settings: Settings,
    ) -> None:
        self._customers = customers
        self._feed = feed
        self._authenticate = authenticate
        self._settings = settings
        self._time_limit = TimeLimit(settings.execution_seconds)
        self._page = (
            graphiql_page(
                introspection=settings.allows_introspection, dashboard=shows_dashboard(settings)
            )
            if settings.shows_graphiql
            else None
        )
        self._documents = create_documents(settings)
        self._large = LargeBodies(max(settings.max_body_bytes, settings.max_bulk_body_bytes))
        own_documents = dashboard_documents(settings)
        self._own_texts = frozenset(own_documents.values())
        self._answers = Answers()
        self.subscriptions = Subscriptions(
            authenticate, settings.max_subscriptions, settings.max_client_subscriptions
        )
        self.trusted_documents = TrustedDocumentCache(registered, own_documents, self._documents)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start_deadline()
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        finally:
            self._large.discard(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response | EventStream:
        exchange = exchange_of(request.scope)
        accept = exchange.headers.get(b"accept", b"*/*").decode("latin-1")
        if (
            self._page is not None
            and request.method in _READING
            and preferred(accept, _OFFERED_TO_BROWSERS) == _HTML
        ):
            return _shown(self._page, request)
        media_type = preferred(accept, _OFFERED)
        try:
            return await self._execute(request, exchange, media_type)
        except RequestError as error:
            if media_type == EVENT_STREAM:
                if error.status_code == HTTPStatus.OK:
                    return _response({"errors": [error.formatted]}, 200, EVENT_STREAM, exchange)
                media_type = None
            return error_response(error, exchange, media_type or _JSON)

    async def _execute(
        self, request: Request, exchange: Exchange, media_type: str | None
    ) -> Response | EventStream:
        # Before the body is read, and before anything of the request is parsed.
        principal = await self._authenticate(request)
        if media_type is None:
            raise RequestError(
                406,
                "The header Accept lists no media type that the server can send. Accept "
                f"{_GRAPHQL_RESPONSE}, {_JSON} or {EVENT_STREAM}.",
            )
        if request.method in _READING:
            parameters = _from_query_string(request.query_params)
        elif request.method == "POST":
            parameters = await _from_body(request, self._settings.max_body_bytes, self._large)
        else:
            raise RequestError(
                405,
                "This method is not allowed. Send the request by POST.",
                {"Allow": "GET, HEAD, POST"},
            )
        # The id of a principal is `key:...`, `jwt:...` or `anonymous`.
        exchange.client = principal.id.partition(":")[0]

        id_ = parameters.document_id
        document = (
            self._documents.get(parameters.query)
            if id_ is None
            else self.trusted_documents.get(id_)
        )
        if document is None:
            document = await self._read(parameters, _owner(principal, request))
        operation = _chosen(document, parameters.operation_name)
        if operation is not None:
            exchange.operation = operation.name and operation.name[:_LONGEST_LOGGED]
        self._check(request, operation)
        # GraphQL over HTTP, "Status Codes": application/json has 200 for every well-formed request,
        # even if its operation cannot be determined.
        refused = 400 if media_type == _GRAPHQL_RESPONSE else 200
        if document.errors:
            return _response({"errors": document.errors}, refused, media_type, exchange)
        if operation is None:
            raise _unresolved(refused)

        exchange.execute(operation)
        if operation.type is OperationType.SUBSCRIPTION:
            return await self._subscribe(
                request, principal, operation, parameters.variables, media_type
            )

        key = _idempotency_key(exchange, operation, parameters.variables, refused)
        context = Context(self._customers, principal, key, exchange.reject)
        try:
            with self._time_limit:
                result = await operation.execute(parameters.variables, context)
        except TimeoutError:
            raise _took_too_long(504 if media_type == _GRAPHQL_RESPONSE else 200) from None
        if not result.errors:
            return _response({"data": result.data}, 200, media_type, exchange)
        errors = [error.formatted for error in result.errors]
        if result.data is None:
            # All root fields are nullable, so nothing was executed, and the answer has no `data`.
            return _response({"errors": errors}, refused, media_type, exchange)
        return _response({"errors": errors, "data": result.data}, 200, media_type, exchange)

    async def _subscribe(
        self,
        request: Request,
        principal: Principal,
        operation: Operation,
        variables: dict[str, Any] | None,
        media_type: str,
    ) -> Response | EventStream:
        """The answers of a subscription as a stream, or the one answer that it cannot begin."""
        exchange = exchange_of(request.scope)
        if media_type != EVENT_STREAM:
            raise RequestError(
                406,
                f"The operation is a subscription. Accept {EVENT_STREAM} alone.",
            )
        last_event_id = exchange.headers.get(b"last-event-id", b"").decode("latin-1")
        started = await self.subscribe(
            request, principal, operation, variables, last_event_id or None
        )
        if isinstance(started, ExecutionResult):
            errors = [error.formatted for error in started.errors or ()]
            return _response({"errors": errors}, 200, EVENT_STREAM, exchange)
        return EventStream(started)

    async def subscribe(
        self,
        connection: HTTPConnection,
        principal: Principal,
        operation: Operation,
        variables: dict[str, Any] | None,
        last_event_id: str | None = None,
    ) -> Started | ExecutionResult:
        """Begins a subscription. Returns a result with errors if it cannot begin.

        Raises `RequestError` if there are too many subscriptions.
        """
        context = SubscriptionContext(
            self._customers, principal, events=self._feed, last_event_id=last_event_id
        )
        ticket = self.subscriptions.admit(connection, principal)
        try:
            source = await operation.subscribe(variables, context)
        except BaseException:
            self.subscriptions.release(ticket)
            raise
        if isinstance(source, ExecutionResult):
            self.subscriptions.release(ticket)
            return source
        follower = cast("Follower", source)
        ticket.on_end(follower.end)

        transport = "websocket" if connection.scope["type"] == "websocket" else "event_stream"
        measurements = exchange_of(connection.scope).measurements
        if measurements is not None:
            measurements.subscriptions[transport] += 1

        def end() -> None:
            if measurements is not None:
                measurements.subscriptions[transport] -= 1
            follower.leave()
            self.subscriptions.release(ticket)

        return Started(Asked(operation, variables, context), follower, self._answers, end)

    async def find(
        self, connection: HTTPConnection, principal: Principal, values: object, exchange: Exchange
    ) -> tuple[Operation, dict[str, Any] | None] | list[dict[str, Any]]:
        """The operation of a request that is not an HTTP request, and its variables.

        `values` are those that an HTTP request has in its body. Returns the errors of a document
        that is not valid. Raises `RequestError`.
        """
        parameters = _parameters(values)
        document = await self._read(parameters, _owner(principal, connection))
        if document.errors:
            return document.errors
        operation = _chosen(document, parameters.operation_name)
        if operation is None:
            raise _unresolved(400)
        exchange.execute(operation)
        exchange.operation = operation.name and operation.name[:_LONGEST_LOGGED]
        return operation, parameters.variables

    async def content(
        self,
        operation: Operation,
        variables: dict[str, Any] | None,
        principal: Principal,
        exchange: Exchange,
    ) -> dict[str, Any]:
        """The answer of a query or a mutation. Raises `RequestError` if it takes too long."""
        context = Context(self._customers, principal, rejected=exchange.reject)
        try:
            with self._time_limit:
                result = await operation.execute(variables, context)
        except TimeoutError:
            raise _took_too_long(504) from None
        content: dict[str, Any] = {}
        if result.errors:
            content["errors"] = [error.formatted for error in result.errors]
        if result.data is not None:
            content["data"] = result.data
        return content

    def _check(self, request: Request, operation: Operation | None) -> None:
        """Raises `RequestError` if the method or the size of the request does not allow this."""
        if operation is not None and operation.type_name not in _ALLOWED[request.method]:
            raise RequestError(
                405,
                "This method does not allow this operation. Send mutations by POST.",
                {"Allow": "POST"},
            )
        if request in self._large and (
            operation is None or operation.only_root_field != CREATE_CUSTOMERS
        ):
            raise too_large(self._settings.max_body_bytes)

    async def _read(self, parameters: _Parameters, owner: str) -> Document:
        """A document that may not be cached. Raises `RequestError`."""
        if (id_ := parameters.document_id) is not None:
            return self.trusted_documents.get(id_) or await self.trusted_documents.look_up(id_)
        if self._settings.trusted_documents_only and parameters.query not in self._own_texts:
            raise RequestError(
                403,
                "This server accepts registered documents only. Send a `documentId` instead of a "
                "`query`.",
                code="TRUSTED_DOCUMENTS_ONLY",
            )
        return self._documents.read(parameters.query, owner)


def _owner(principal: Principal, connection: HTTPConnection) -> str:
    """Whose documents are evicted first when the cache is full."""
    return f"{principal.id} {network(client_address(connection))}"


def _unresolved(status_code: int) -> RequestError:
    return RequestError(
        status_code,
        "`operationName` is missing or unknown. Name one of the document's operations.",
        code="OPERATION_RESOLUTION_FAILURE",
    )


def _took_too_long(status_code: int) -> RequestError:
    return RequestError(
        status_code,
        "The operation took too long. Send the request again. A mutation may or may not have taken "
        "effect: send a creation with the same idempotency key.",
        code="TIMEOUT",
    )


def _shown(page: HTMLResponse, request: Request) -> Response:
    if request.scope["path"].endswith("/"):
        # The page loads its files by relative paths, which need its usual path.
        query = request.scope["query_string"].decode("latin-1")
        return RedirectResponse(f"../graphql?{query}" if query else "../graphql")
    return page


def _chosen(document: Document, name: str | None) -> Operation | None:
    """The operation with this name, or the only one; None if neither exists."""
    if name is None and len(document.operations) == 1:
        [operation] = document.operations.values()
        return operation
    return None if name is None else document.operations.get(name)


def _response(
    content: dict[str, Any], status_code: int, media_type: str, exchange: Exchange
) -> Response:
    if exchange.trace is not None:
        errors = content.get("errors")
        exchange.trace.end_operation(errors[0]["extensions"]["code"] if errors else None)
    encoded = body(content, exchange)
    if media_type == EVENT_STREAM:
        encoded = complete_event(encoded)
    answer = _Answer(encoded, status_code, media_type)
    if "errors" in content:
        answer.headers.update(retry_headers(content["errors"]))
    return answer


class _Answer(Response):
    """Starlette's response with headers that are already encoded, which saves time."""

    def __init__(self, content: bytes, status_code: int, media_type: str) -> None:
        self.status_code = status_code
        self.body = content
        self.background = None
        self.raw_headers = [
            (b"content-length", b"%d" % len(content)),
            (b"content-type", _CONTENT_TYPES[media_type]),
        ]


def _idempotency_key(
    exchange: Exchange, operation: Operation, variables: dict[str, Any] | None, refused: int
) -> str | None:
    """The key in the header.

    Raises `RequestError` with the status `refused` if the operation has several creations, because
    the key belongs to one.
    """
    key = exchange.headers.get(b"idempotency-key")
    if key is None:
        return None
    if operation.executes_several("idempotencyKey", variables):
        raise RequestError(
            refused,
            "The header Idempotency-Key is for requests with one creation, and this request has "
            "several. Send each key as the argument `idempotencyKey`.",
            code="BAD_USER_INPUT",
        )
    return key.decode("latin-1")


async def _from_body(request: Request, limit: int, large: LargeBodies) -> _Parameters:
    headers = exchange_of(request.scope).headers
    if not _is_json(headers.get(b"content-type", b"")):
        raise RequestError(
            415, f"The Content-Type is missing or not supported. Send the request as {_JSON}."
        )
    coding = headers.get(b"content-encoding", b"").strip()
    if coding.lower() not in (b"", b"identity"):
        # The message repeats only a valid name of a coding, and nothing else that a client sent.
        named = f" {coding.decode()}" if _CODING.fullmatch(coding) else ""
        raise RequestError(
            415,
            f"Content-Encoding{named} is not supported. Send the body unencoded.",
            {"Accept-Encoding": "identity"},
        )
    content = await read_body(request, limit, large)
    try:
        parameters = _parameters(from_json(content))
    except (ValueError, RecursionError):
        raise RequestError(400, "The body is not valid JSON. Send JSON in UTF-8.") from None
    # Of a large request, only the variables may be large.
    if len(parameters.query) > limit:
        raise too_large(limit)
    return parameters


# Few entries, because they hold headers, which may be long.
@lru_cache(maxsize=64)
def _is_json(content_type: bytes) -> bool:
    return content_type.partition(b";")[0].strip().lower() == _JSON.encode()


def _from_query_string(query: QueryParams) -> _Parameters:
    values: dict[str, Any] = {name: value for name, value in query.items() if value}
    for name in _JSON_PARAMETERS & values.keys():
        try:
            values[name] = from_json(values[name].encode())
        except (ValueError, RecursionError):
            raise _not_an_object(name) from None
    return _parameters(values)


def _parameters(values: object) -> _Parameters:
    if not isinstance(values, dict):
        raise RequestError(400, "The body must be a JSON object.")
    query = values.get("query")
    document_id = values.get("documentId")
    variables = values.get("variables")
    operation_name = values.get("operationName")
    extensions = values.get("extensions")
    if document_id is not None:
        if not isinstance(document_id, str):
            raise RequestError(400, "`documentId` must be a string.")
        if query is not None:
            raise RequestError(
                400, "The request has both `query` and `documentId`. Send one of them."
            )
        query = ""
    elif not isinstance(query, str) or not query:
        raise RequestError(
            400,
            "The request has no document. Send a GraphQL document as `query`, or the `documentId` "
            "of a registered one.",
        )
    if not isinstance(variables, dict | None):
        raise _not_an_object("variables")
    if not isinstance(operation_name, str | None):
        raise RequestError(400, "`operationName` must be a string.")
    if not isinstance(extensions, dict | None):
        raise _not_an_object("extensions")
    # GraphQL over HTTP, "GET": an empty name counts as missing. Some clients send it by POST too.
    return _Parameters(query, document_id, variables, operation_name or None)


def _not_an_object(parameter: str) -> RequestError:
    return RequestError(400, f"`{parameter}` must be a JSON object.")

"""The spans of one request: one for HTTP, and in it one for the GraphQL operation."""

from http import HTTPStatus

from opentelemetry.context import attach
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import HTTP_RESPONSE_STATUS_CODE
from opentelemetry.trace import (
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    format_trace_id,
    set_span_in_context,
)


class RequestTrace:
    """The trace of one request. `id`, 32 hexadecimal digits, is for the log and the client.

    Attributes follow the semantic conventions for HTTP and GraphQL. Never the document, a variable,
    a header or an address.
    """

    __slots__ = ("_operation", "_span", "_tracer", "id")

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._operation: Span | None = None
        self.id = format_trace_id(span.get_span_context().trace_id)

    def begin_operation(self, type_: str, name: str) -> None:
        """`name` must not be one that a client has invented."""
        if not self._span.is_recording():
            # The request is not sampled, so its children would not be sampled either.
            return
        attributes = {"graphql.operation.type": type_, "graphql.operation.name": name}
        parent = set_span_in_context(self._span)
        self._operation = self._tracer.start_span(type_, parent, SpanKind.SERVER, attributes)
        attach(set_span_in_context(self._operation))

    def end_operation(self, error: str | None) -> None:
        """`error` is the `extensions.code` of the first error, if the operation has one."""
        if self._operation is None:
            return
        if error is not None:
            _fail(self._operation, error)
        self._operation.end()
        self._operation = None

    def end(self, status: int | None, outcome: str) -> None:
        """Ends all that has not ended. `outcome` is that of the request's line in the log.

        `status` is None if the client or the server left before the answer.
        """
        if not self._span.is_recording():
            return
        self.end_operation(None if outcome == "success" else outcome)
        if status is not None:
            self._span.set_attribute(HTTP_RESPONSE_STATUS_CODE, status)
        self._span.set_attribute("graphql_api.outcome", outcome)
        if status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _fail(self._span, outcome if status is None else str(status))
        self._span.end()


def _fail(span: Span, error: str) -> None:
    span.set_attribute(ERROR_TYPE, error)
    # Without a description, which could hold anything.
    span.set_status(StatusCode.ERROR)

"""The spans of one server process: made here, and sent to a collector in the background."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from http import HTTPMethod
from uuid import uuid4

import structlog
from opentelemetry.context import Context, attach
from opentelemetry.sdk.resources import (
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.semconv.attributes.http_attributes import HTTP_REQUEST_METHOD, HTTP_ROUTE
from opentelemetry.semconv.attributes.url_attributes import URL_PATH, URL_SCHEME
from opentelemetry.trace import NoOpTracer, SpanKind, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .batches import BatchSpans
from .commands import CommandSpans
from .exporter import Exporter
from .requests import RequestTrace

logger = structlog.get_logger()

# The time for the last spans when the process ends.
_FINISH_SECONDS = 1.0

# Load balancers send these every few seconds, and their spans would have no use.
_PROBES = ("/healthz", "/readyz")

# An import or an export sends thousands of commands, too many for one trace.
_WITH_COMMANDS = ("/graphql", "/graphql/")

_METHODS = frozenset(HTTPMethod)

_PROPAGATOR = TraceContextTextMapPropagator()


class Tracing:
    """Makes the spans of a process. `commands` and `batches` are for the room `mongo`.

    The variables of OpenTelemetry, such as OTEL_TRACES_SAMPLER, configure it. With
    OTEL_SDK_DISABLED there are no spans. `valid_variables` rejects invalid ones.
    """

    def __init__(self) -> None:
        defaults = {
            SERVICE_NAME: "graphql-api",
            # Each process has its own, so several workers have several.
            SERVICE_INSTANCE_ID: str(uuid4()),
        }
        # The variables have priority over the defaults. `Resource.create` has it the other way.
        resource = Resource.create(defaults).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracer = self._provider.get_tracer("graphql_api")
        # It reads variables, too. An invalid one must be noticed before the server starts.
        BatchSpanProcessor(Exporter()).shutdown()  # type: ignore[no-untyped-call]  # the SDK's
        self.commands = CommandSpans(self._tracer)
        self.batches = BatchSpans(self._tracer)

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        """Sends spans from a thread. At the end, sends the last ones, for a second at most."""
        self._provider.add_span_processor(BatchSpanProcessor(Exporter()))
        if not isinstance(self._tracer, NoOpTracer):
            logger.info("Traces are sent to the collector.")
        try:
            yield
        finally:
            # `shutdown` waits half a minute for a collector that does not answer.
            finishing = threading.Thread(target=self._provider.shutdown, daemon=True)
            finishing.start()
            finishing.join(_FINISH_SECONDS)

    def request(
        self, method: str, path: str | None, scheme: str, headers: Mapping[bytes, bytes]
    ) -> RequestTrace | None:
        """Begins the span of a request, in the trace that its header `traceparent` names, if any.

        `path` is None if it is not one of the server's own: it may hold anything then. Of the
        headers, no other is read: `tracestate` and `baggage` may hold anything, too. What the
        current task sends to MongoDB has spans in the trace, for GraphQL. Returns None for a probe,
        and if the SDK is disabled.
        """
        if path in _PROBES:
            return None
        is_known = method in _METHODS
        name = method if is_known else "HTTP"
        attributes = {HTTP_REQUEST_METHOD: method if is_known else "_OTHER", URL_SCHEME: scheme}
        if path is not None:
            name = f"{name} {path}"
            attributes |= {HTTP_ROUTE: path, URL_PATH: path}
        return self._begin(name, attributes, headers, with_commands=path in _WITH_COMMANDS)

    def message(self, path: str, headers: Mapping[bytes, bytes]) -> RequestTrace | None:
        """Does the same as `request` for an operation that arrives over a WebSocket.

        `headers` are those of the request that opened the WebSocket.
        """
        attributes = {HTTP_ROUTE: path, URL_PATH: path}
        return self._begin(f"WEBSOCKET {path}", attributes, headers, with_commands=True)

    def _begin(
        self,
        name: str,
        attributes: Mapping[str, str],
        headers: Mapping[bytes, bytes],
        *,
        with_commands: bool,
    ) -> RequestTrace | None:
        span = self._tracer.start_span(name, _parent(headers), SpanKind.SERVER, attributes)
        if with_commands and span.is_recording():
            attach(set_span_in_context(span))
        return RequestTrace(self._tracer, span) if span.get_span_context().is_valid else None


def _parent(headers: Mapping[bytes, bytes]) -> Context:
    given = headers.get(b"traceparent")
    if given is None:
        return Context()
    return _PROPAGATOR.extract({"traceparent": given.decode("latin-1")}, Context())

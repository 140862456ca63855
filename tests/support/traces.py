"""The spans that a collector has received."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from .receivers import Received


@dataclass(frozen=True)
class SentSpan:
    """A span. Its ids, that of its parent and those of its links are hexadecimal."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    links: list[str]
    attributes: dict[str, Any]
    failed: bool
    process: dict[str, Any]

    @property
    def error(self) -> str | None:
        """The type of the error. None if it has not failed."""
        assert self.failed is ("error.type" in self.attributes)
        return self.attributes.get("error.type")


def spans_in(received: Iterable[Received]) -> list[SentSpan]:
    """The spans of these requests to a collector."""
    return [
        _sent(span, _values(resource.resource.attributes))
        for request in received
        for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def tree(spans: Sequence[SentSpan], parent: str) -> list[tuple[Any, ...]]:
    """The names of the spans below one: each in a tuple with those of the spans below it."""
    return sorted((one.name, *tree(spans, one.id)) for one in spans if one.parent == parent)


def _sent(span: Span, process: dict[str, Any]) -> SentSpan:
    return SentSpan(
        span.name,
        Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        [link.span_id.hex() for link in span.links],
        _values(span.attributes),
        span.status.code == Status.STATUS_CODE_ERROR,
        process,
    )


def _values(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value") or "") for one in attributes}

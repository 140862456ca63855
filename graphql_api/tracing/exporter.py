"""Sends the spans of one process to the collector."""

import logging
from collections.abc import Sequence

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

logger = structlog.get_logger()

# The first two of these loggers log each attempt, and the text may show the address of the
# collector. The last one logs headers that are not valid, which may have a token.
_SILENT = (
    "opentelemetry.exporter",
    "opentelemetry.sdk._shared_internal",
    "opentelemetry.util.re",
)


class Exporter(OTLPSpanExporter):
    """OTLP over HTTP. The log says once when the collector fails, and once when it works again.

    The variables of OpenTelemetry, such as OTEL_EXPORTER_OTLP_ENDPOINT, configure it. Nothing
    connects before the first spans are sent.
    """

    def __init__(self) -> None:
        for name in _SILENT:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        super().__init__()
        self._fails = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends the spans, and repeats it for some seconds on failure. Only one thread calls it."""
        result = super().export(spans)
        fails = result is not SpanExportResult.SUCCESS
        if fails and not self._fails:
            logger.warning("The collector accepts no traces. Until it does, they are dropped.")
        elif self._fails and not fails:
            logger.warning("The collector accepts traces again.")
        self._fails = fails
        return result

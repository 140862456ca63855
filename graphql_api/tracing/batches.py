"""A span for each batch that requests share, linked to their spans."""

from collections.abc import Awaitable, Sequence
from typing import TypeVar

from opentelemetry.context import Context, attach
from opentelemetry.trace import Link, Span, Tracer, get_current_span, set_span_in_context

_Outcomes = TypeVar("_Outcomes")


class BatchSpans:
    """The span of a batch is a child of its first request's, and is linked to those of all.

    The spans of the other requests have a link to it, so that each trace leads to the commands that
    it waited for. Requests that are not sampled do not count.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def current(self) -> Span:
        """The span of the request that now adds an item."""
        return get_current_span()

    async def send(
        self, name: str, spans: Sequence[Span], sending: Awaitable[_Outcomes]
    ) -> _Outcomes:
        """Sends the batch of the items with these spans. `name` says what is sent."""
        # A request may have several items in the batch.
        sampled = [span for span in dict.fromkeys(spans) if span.is_recording()]
        if not sampled:
            # The context of this task is that of a random request.
            attach(Context())
            return await sending
        first, *others = sampled
        links = [Link(span.get_span_context()) for span in sampled]
        attributes = {"graphql_api.batch.size": len(spans)}
        parent = set_span_in_context(first)
        batch = self._tracer.start_span(f"batch {name}", parent, attributes=attributes, links=links)
        for span in others:
            span.add_link(batch.get_span_context())
        attach(set_span_in_context(batch))
        try:
            return await sending
        finally:
            batch.end()

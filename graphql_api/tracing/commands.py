"""A span for each command that a request sends to MongoDB."""

from opentelemetry.semconv.attributes.db_attributes import (
    DB_COLLECTION_NAME,
    DB_NAMESPACE,
    DB_OPERATION_NAME,
    DB_RESPONSE_STATUS_CODE,
    DB_SYSTEM_NAME,
)
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, get_current_span
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)


class CommandSpans(CommandListener):
    """A listener of the driver, which calls it in the thread and in the context of the command.

    Motor runs each command in a copy of the context of the task that sends it, and PyMongo's own
    asynchronous client runs it in that task. So the current span is that of the request, or of its
    batch. Commands of no request, such as those of the change stream, have no span.

    Attributes follow the semantic conventions for databases: never a value of the command, and
    never the message of an error.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        # By the ids that the driver gives the commands in progress.
        self._spans: dict[int, Span] = {}

    def started(self, event: CommandStartedEvent) -> None:
        # The span of a request that has ended records nothing, and its context may live on in tasks
        # that it has started.
        if not get_current_span().is_recording():
            return
        name = event.command_name
        attributes = {
            DB_SYSTEM_NAME: "mongodb",
            DB_NAMESPACE: event.database_name,
            DB_OPERATION_NAME: name,
        }
        target = event.database_name
        # The value of most commands is the collection's name. `getMore` has the id of a cursor.
        collection = event.command.get("collection" if name == "getMore" else name)
        if isinstance(collection, str):
            attributes[DB_COLLECTION_NAME] = target = collection
        self._spans[event.request_id] = self._tracer.start_span(
            f"{name} {target}", kind=SpanKind.CLIENT, attributes=attributes
        )

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if (span := self._spans.pop(event.request_id, None)) is not None:
            span.end()

    def failed(self, event: CommandFailedEvent) -> None:
        if (span := self._spans.pop(event.request_id, None)) is None:
            return
        failure = event.failure
        if "code" in failure:
            span.set_attribute(DB_RESPONSE_STATUS_CODE, str(failure["code"]))
        # MongoDB's name of the code, or the type of the driver's exception.
        span.set_attribute(ERROR_TYPE, failure.get("codeName") or failure.get("errtype", "_OTHER"))
        span.set_status(StatusCode.ERROR)
        span.end()

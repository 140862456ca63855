"""One request and its answer: their id, their line in the log, and what the metrics count."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.types import Scope

from ..execution.operation import Operation
from ..logs import log_request
from ..metrics.measurements import Measurements
from ..schema.types import CustomerFieldError

# What the log has in place of a method for an operation that arrived over a WebSocket.
WEBSOCKET = "WEBSOCKET"

if TYPE_CHECKING:
    from ..tracing.requests import RequestTrace
    from ..tracing.tracing import Tracing

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


@dataclass(slots=True)
class Exchange:
    """What the log says of one request and its answer.

    Each part of the server adds what it knows: never a customer's value, a token or an address.
    """

    request_id: str
    # The request's headers, with one value for each name in lower case.
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    # How the client authenticated itself: `anonymous`, `key` or `jwt`.
    client: str = "anonymous"
    operation: str | None = None
    # `success`, `failure`, `disconnected`, or the code of an error.
    outcome: str = "success"
    # A stream or a session that its connection has taken over, and that writes the line at its end.
    stream: object = None
    # None unless the server sends traces. A WebSocket has no trace, but each of its operations.
    tracing: "Tracing | None" = None
    trace: "RequestTrace | None" = None
    # None unless the server shows metrics.
    measurements: Measurements | None = None
    # The operation of a valid document.
    executed: Operation | None = None
    # Whether a mutation has answered with one of its typed failures.
    is_rejected: bool = False

    def execute(self, operation: Operation) -> None:
        """Notes that the operation of a valid document begins, and begins its span."""
        self.executed = operation
        if self.trace is not None:
            self.trace.begin_operation(operation.type_name, operation.label)

    def reject(self, errors: Sequence[CustomerFieldError] = ()) -> None:
        """Notes that a mutation answers with a typed failure, which may have errors of fields."""
        self.is_rejected = True
        if self.measurements is not None:
            counts = self.measurements.field_errors
            for error in errors:
                counts[error.label] += 1

    def fail(self, errors: Sequence[Mapping[str, Any]]) -> None:
        """Notes the GraphQL errors of the answer. The log gets the code of the first one."""
        self.outcome = errors[0]["extensions"]["code"]
        if self.measurements is not None:
            for error in errors:
                self.measurements.error_codes[error["extensions"]["code"]] += 1

    def lose_client(self) -> None:
        """Notes that the connection ended before the answer, unless the answer had errors."""
        if self.outcome == "success":
            self.outcome = "disconnected"

    def log(
        self, *, status: int | None, method: str | None, path: str | None, duration_ms: float | None
    ) -> None:
        """Writes the line of the request, counts the request, and ends its trace."""
        if self.measurements is not None:
            self._count(self.measurements, status if method != WEBSOCKET else None, duration_ms)
        failed = (status or HTTPStatus.INTERNAL_SERVER_ERROR) >= HTTPStatus.BAD_REQUEST
        outcome = "failure" if self.outcome == "success" and failed else self.outcome
        line: dict[str, object] = {
            "request_id": self.request_id,
            "method": method,
            "path": path,
            "status": status,
            "operation": self.operation,
            "outcome": outcome,
            "client": self.client,
            "duration_ms": duration_ms,
        }
        if self.trace is not None:
            self.trace.end(status, outcome)
            line["trace_id"] = self.trace.id
        log_request(line)

    def _count(
        self, measurements: Measurements, status: int | None, duration_ms: float | None
    ) -> None:
        if status is not None:
            measurements.statuses[status] += 1
        if (operation := self.executed) is None:
            return
        if self.outcome == "success":
            outcome = "rejected" if self.is_rejected else "success"
        else:
            outcome = "disconnected" if self.outcome == "disconnected" else "error"
        measurements.operations[operation.label, operation.type_name, outcome] += 1
        if duration_ms is not None and operation.type_name != "subscription":
            measurements.durations.observe(duration_ms / 1000, (operation.label,))


def exchange_of(scope: Scope) -> Exchange:
    exchange: Exchange = scope["exchange"]
    return exchange


def request_id(given: bytes | None = None) -> str:
    """The id that the client sent, if a log can hold it safely, and a new one otherwise."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode("ascii")
    return os.urandom(16).hex()

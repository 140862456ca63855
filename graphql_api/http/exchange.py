"""One request and its answer: their id, and their line in the log."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.types import Scope

from ..logs import log_request

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

    def log(
        self, *, status: int | None, method: str | None, path: str | None, duration_ms: float | None
    ) -> None:
        failed = (status or HTTPStatus.INTERNAL_SERVER_ERROR) >= HTTPStatus.BAD_REQUEST
        log_request(
            request_id=self.request_id,
            method=method,
            path=path,
            status=status,
            operation=self.operation,
            outcome="failure" if self.outcome == "success" and failed else self.outcome,
            client=self.client,
            duration_ms=duration_ms,
        )


def exchange_of(scope: Scope) -> Exchange:
    exchange: Exchange = scope["exchange"]
    return exchange


def request_id(given: bytes | None = None) -> str:
    """The id that the client sent, if a log can hold it safely, and a new one otherwise."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode("ascii")
    return os.urandom(16).hex()

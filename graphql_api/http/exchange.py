"""One request and its answer: the id they have, and what the log will say about them."""

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
    """Whoever learns something for the log writes it here: never a value, a token or an address."""

    request_id: str
    # One value for each name.
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    # How the client showed who it is, never who.
    client: str = "anonymous"
    operation: str | None = None
    # `success`, `failure`, or the code of what went wrong.
    outcome: str = "success"

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
    """The id that the client gave, where it is one that can be trusted in a log, else a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode("ascii")
    return os.urandom(16).hex()

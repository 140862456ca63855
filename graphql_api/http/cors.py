"""Lets scripts of the origins that the operator lists call the API, and of no other one."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp


class CrossOrigin(CORSMiddleware):
    """Starlette's middleware for a GraphQL API: no cookies, and no answer in plain text."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID"),
            expose_headers=("Retry-After", "X-Request-ID"),
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """The headers of Starlette's answer, which say it all: a browser reads nothing else."""
        answer = super().preflight_response(request_headers)
        headers = {k: v for k, v in answer.headers.items() if not k.startswith("content-")}
        return Response(status_code=204, headers=headers)

"""One request of a connection and its answer, as uvicorn has it, with less work for each answer."""

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

if TYPE_CHECKING:
    from .protocol import Protocol

# Answers with these statuses have no body (RFC 9110, 6.4.1).
_WITHOUT_BODY = (204, 304)


class Cycle(RequestResponseCycle):
    """One request. The names of its answer's headers must be in lower case, as ASGI requires."""

    def __init__(self, connection: "Protocol", scope: HTTPScope, *, expects_continue: bool) -> None:
        super().__init__(
            scope,
            connection.transport,
            connection.flow,
            connection.logger,
            connection.access_logger,
            access_log=False,
            default_headers=connection.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=expects_continue,
            # An answer that is sent before its request is complete is the connection's last one.
            keep_alive=False,
            on_response=connection.on_response_complete,
        )
        self._connection = connection
        # The head of an answer with an announced length, until its body follows.
        self._head = b""

    async def run_asgi(self, app: ASGI3Application) -> None:
        """Runs the application, which answers and logs every failure itself.

        The connection ends if the answer breaks off.
        """
        try:
            await app(self.scope, self.receive, self.send)
        finally:
            self._connection.tasks.discard(asyncio.current_task())
            if not self.response_complete and not self.disconnected:
                self._end()

    async def send(self, message: Any) -> None:  # noqa: ANN401  # ASGI's
        """Raises `RuntimeError` if the length of the body is not the announced one."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if self.response_started:
            self._send_part(message.get("body", b""), more=message.get("more_body", False))
        else:
            self._begin(message["status"], [*self.default_headers, *message["headers"]])

    def _begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        given = dict(headers)
        if b"content-length" in given:
            self.expected_content_length = int(given[b"content-length"])
        elif self.scope["method"] != "HEAD" and status not in _WITHOUT_BODY:
            self.chunked_encoding = True
            headers.append((b"transfer-encoding", b"chunked"))
        if given.get(b"connection") == b"close":
            self.keep_alive = False
        elif not self.keep_alive:
            headers.append((b"connection", b"close"))
        lines = [b"%b: %b\r\n" % header for header in headers]
        head = b"%b%b\r\n" % (STATUS_LINE[status], b"".join(lines))
        if head.count(b"\n") != len(headers) + 2:
            # A client could take the text after a line break for another header or answer.
            raise RuntimeError("A header has several lines.")
        if self.expected_content_length:
            # One system call sends it with the body.
            self._head = head
        else:
            self.transport.write(head)

    def _send_part(self, body: bytes, *, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            self.expected_content_length, body = 0, b""
        elif self.chunked_encoding:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more:
                body += b"0\r\n\r\n"
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("The body is longer than announced.")
        if data := self._head + body:
            self._head = b""
            self.transport.write(data)
        elif more:
            self._connection.hand_over()
        if not more:
            if self.expected_content_length:
                raise RuntimeError("The body is shorter than announced.")
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self._end()
            self.on_response()

    def _end(self) -> None:
        """Lets the client read the answer before the connection ends."""
        if not self.transport.is_closing():
            self._connection.linger()

"""uvicorn's HTTP protocol, with bounds: on time, on sizes, on connections, and on who is served."""

import asyncio
from asyncio import TimerHandle
from typing import Any, cast

import httptools
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ..settings import Settings
from .edge import SECURITY_HEADERS
from .errors import JSON, RequestError, body
from .exchange import Exchange, request_id
from .timers import Timer, stood_still

# Pipelined requests that wait for their turn cost memory, and nobody needs them.
_MOST_PIPELINED = 16
# A byte of a chunked body may be a chunk of its own, which has six.
_MOST_BYTES_PER_BYTE = 8
# For the client to read the last answer while it still sends; closing at once would destroy it.
_LINGER_SECONDS = 2.0
# For a request that is on its way when the server begins to stop.
_FAREWELL_SECONDS = 1.0

_MALFORMED = (400, "Send a request that is valid HTTP/1.1.")
_TOO_SLOW = (408, "Send the whole request faster.")
_BODY_TOO_LARGE = (413, "Send a shorter body.")
_TARGET_TOO_LONG = (414, "Send a long query by POST.")
_HEADERS_TOO_LARGE = (431, "Send fewer or shorter headers.")
_OVERLOADED = (
    503,
    "The server has too much to do; send the request again in a second.",
    {"Retry-After": "1"},
    "OVERLOADED",
)


class Protocol(HttpToolsProtocol):
    """One connection. An ASGI application sees neither slow headers nor unread answers: this does.

    What it answers by itself has GraphQL's form, too, and is the connection's last answer.
    """

    def __init__(self, settings: Settings, **of_uvicorn: Any) -> None:  # noqa: ANN401  # its own business
        super().__init__(**of_uvicorn)
        self._settings = settings
        # Of the request that is being received: what came of it, and which part is to come.
        self._in_head = False
        self._in_body = False
        self._received_bytes = 0
        self._header_bytes = 0
        # Of requests whose head was received.
        self._unanswered = 0
        # What is still to be said once all of them are answered; nothing is heard any more.
        self._refusal: RequestError | None = None
        self._deaf = False
        # Until when the request must be here, the answer be read on, and the connection be over.
        self._receiving: Timer | None = None
        self._sending: Timer | None = None
        self._ending: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        if len(self.connections) > self._settings.max_connections:
            self._refuse(RequestError(*_OVERLOADED))
        else:
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for deadline in (self._receiving, self._sending, self._ending):
            _cancel(deadline)

    # Receiving

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        self._received_bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, RequestError) else RequestError(*_MALFORMED))
            return
        # Nets, for what the parser keeps to itself: headers and trailers that do not end.
        settings = self._settings
        if self._in_head and self._received_bytes > (
            settings.max_header_bytes + settings.max_target_bytes
        ):
            self._refuse(RequestError(*_HEADERS_TOO_LARGE))
        elif self._in_body and self._received_bytes > (
            settings.max_header_bytes
            + settings.max_target_bytes
            + settings.max_body_bytes * _MOST_BYTES_PER_BYTE
        ):
            self._refuse(RequestError(*_BODY_TOO_LARGE))
        elif self._receiving is None and (self._in_head or self._in_body or self._unanswered == 0):
            self._await_request()

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                rest = data[upgrade.args[0] :]
            else:
                return
            # An offer of another protocol, which may be ignored (RFC 9110, 7.8). The parser takes
            # what follows for that protocol, so the request is parsed anew without the offer.
            head = [b"%s %s HTTP/1.1" % (self.parser.get_method(), self.url)]
            head += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
            self.parser = httptools.HttpRequestParser(self)
            data = b"\r\n".join([*head, b"", rest])

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._received_bytes = self._header_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self._settings.max_target_bytes:
            raise RequestError(*_TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value) + len(b": \r\n")
        if self._header_bytes > self._settings.max_header_bytes:
            raise RequestError(*_HEADERS_TOO_LARGE)
        # Trailers are no headers, though they come by this way.
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise RequestError(*_MALFORMED)
            return
        if (
            len(self.tasks) >= self._settings.max_connections
            or len(self.pipeline) >= _MOST_PIPELINED
        ):
            raise RequestError(*_OVERLOADED)
        super().on_headers_complete()
        if self.scope["method"] == "POST" and not self.expect_100_continue:
            self.cycle.transport = cast("asyncio.Transport", _OneWrite(self.transport, self.loop))
        self._in_head, self._in_body = False, True
        self._unanswered += 1

    def on_message_complete(self) -> None:
        if self._in_body:
            self._in_body = False
            self._request_received()
            super().on_message_complete()

    def _await_request(self) -> None:
        self._receiving = Timer(self.loop, self._settings.receive_seconds, self._too_slow)

    def _request_received(self) -> None:
        _cancel(self._receiving)
        self._receiving = None

    def _too_slow(self) -> None:
        if self._in_head or self._in_body:
            self._refuse(RequestError(*_TOO_SLOW))
        else:
            # Nobody asked. What is said now could be taken for the answer to a later request.
            self.transport.close()

    # Answering

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unanswered -= 1
        if self.transport.is_closing():
            self._end_within(self._settings.send_seconds)
        elif self._refusal is not None:
            self._say_refusal()
        elif self._in_body and self.cycle.response_complete:
            # The answer did not need the rest of the request.
            self._linger()

    def _refuse(self, refusal: RequestError) -> None:
        """Answers so, after what was asked before, and hears no more."""
        self._refusal, self._deaf = refusal, True
        self._request_received()
        if self._in_body:
            if self.pipeline:
                self.pipeline.popleft()
            else:
                # The application waits for the rest of this body: as if the client had gone.
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            self._unanswered -= 1
        self._say_refusal()

    def _say_refusal(self) -> None:
        if self._refusal is None or self._unanswered or self.transport.is_closing():
            return
        exchange = Exchange(request_id())
        content = body({"errors": [self._refusal.formatted]}, exchange)
        headers = [
            *self.server_state.default_headers,
            (b"content-type", f"{JSON}; charset=utf-8".encode()),
            (b"content-length", b"%d" % len(content)),
            CLOSE_HEADER,
            *(
                (name.lower().encode(), value.encode())
                for name, value in (self._refusal.headers or {}).items()
            ),
            (b"x-request-id", exchange.request_id.encode()),
            *SECURITY_HEADERS,
        ]
        head = [STATUS_LINE[self._refusal.status_code]]
        head += [b"%s: %s\r\n" % header for header in headers]
        self.transport.write(b"".join([*head, b"\r\n", content]))
        exchange.log(status=self._refusal.status_code, method=None, path=None, duration_ms=None)
        self._refusal = None
        self._linger()

    def _linger(self) -> None:
        self._deaf = True
        self._request_received()
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self.transport.write_eof()
        self._end_within(_LINGER_SECONDS)

    def _end_within(self, seconds: float) -> None:
        self._ending = self.loop.call_later(seconds, self.transport.abort)

    # Sending

    def pause_writing(self) -> None:
        super().pause_writing()
        self._sending = Timer(self.loop, self._settings.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        _cancel(self._sending)

    def timeout_keep_alive_handler(self) -> None:
        # uvicorn's own timer counts the time for which the process stood still.
        due = cast("TimerHandle", self.timeout_keep_alive_task).when()
        seconds = self._settings.keep_alive_seconds if stood_still(self.loop, due) else 0
        self.timeout_keep_alive_task = Timer(self.loop, seconds, self._end_idle)  # type: ignore[assignment]  # it is only cancelled

    def _end_idle(self) -> None:
        super().timeout_keep_alive_handler()
        self._end_within(self._settings.send_seconds)

    # Stopping

    def shutdown(self) -> None:
        """From now on every answer of the server is the last one of its connection.

        A client that does not know so yet, and sends a request at this moment, gets its answer.
        """
        if CLOSE_HEADER not in self.server_state.default_headers:
            self.server_state.default_headers.append(CLOSE_HEADER)
        if self._unanswered:
            self.cycle.keep_alive = False
        elif not (self._in_head or self._deaf):
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                _FAREWELL_SECONDS, self.timeout_keep_alive_handler
            )


class _OneWrite:
    """The transport of one answer: its head goes with its body, for a system call is dear."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        if self._head is None:
            self._head = data
            # The body nearly always follows at once.
            self._loop.call_soon(self._send_head)
        else:
            self._transport.write(self._head + data)
            self._head = b""

    def close(self) -> None:
        self._send_head()
        self._transport.close()

    def _send_head(self) -> None:
        if self._head:
            self.write(b"")


def _cancel(deadline: Timer | TimerHandle | None) -> None:
    if deadline is not None:
        deadline.cancel()

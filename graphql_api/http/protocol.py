"""uvicorn's HTTP protocol, with bounds: on time, on sizes, on connections, and on who is served."""

import asyncio
import re
from asyncio import TimerHandle
from collections.abc import Callable
from typing import Any, cast

import httptools
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ..settings import Settings
from .cors import cors_headers
from .edge import SECURITY_HEADERS
from .errors import JSON, RequestError, body, retry_later
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

# A target in absolute form (RFC 9112, 3.2.2): the host, and what a target is without it.
_ABSOLUTE = re.compile(rb"https?://([^/?#]+)(.*)", re.IGNORECASE)

_MALFORMED = (400, "The request is not valid HTTP/1.1.")
_TOO_SLOW = (408, "The request took too long to arrive.")
_BODY_TOO_LARGE = (413, "The body is too large. Send a shorter one.")
_TARGET_TOO_LONG = (414, "The path with its query is too long. Send a long query by POST.")
_HEADERS_TOO_LARGE = (431, "The headers are too large. Send fewer or shorter ones.")
_OTHER_VERSION = (505, "The HTTP version is not supported. Use HTTP/1.1.")
_OVERLOADED = (503, "The server is overloaded.", "OVERLOADED")


class Protocol(HttpToolsProtocol):
    """One connection. An ASGI application sees neither slow headers nor unread answers: this does.

    What it answers by itself has GraphQL's form, too, and is the connection's last answer.
    """

    def __init__(self, settings: Settings, **of_uvicorn: Any) -> None:  # noqa: ANN401  # its own business
        super().__init__(**of_uvicorn)
        self._settings = settings
        self._parse_anew()
        # Of the request that is being received: what is wrong with its head, which is said when
        # that is whole, for it may name an origin; what came, and which part is to come.
        self._fault: RequestError | None = None
        self._in_head = False
        self._in_body = False
        self._received_bytes = 0
        self._header_bytes = 0
        # Whether the connection is kept once the request is here as a whole.
        self._keep_alive = False
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
            self._refuse(retry_later(*_OVERLOADED))
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
            self._refuse(cause if isinstance(cause, RequestError) else self._malformed())
            return
        # Nets, for what the parser keeps to itself: headers and trailers that do not end.
        settings = self._settings
        if self._in_head and self._received_bytes > (
            settings.max_header_bytes + settings.max_target_bytes
        ):
            self._refuse(self._fault or RequestError(*_HEADERS_TOO_LARGE))
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
            method, version = self.parser.get_method(), self.parser.get_http_version().encode()
            head = [b"%s %s HTTP/%s" % (method, self.url, version)]
            head += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
            self._parse_anew()
            data = b"\r\n".join([*head, b"", rest])

    def _parse_anew(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(
            # What follows the last request of a connection is not answered.
            lenient_data_after_close=True,
            # Each version is told apart here.
            lenient_version=True,
        )

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._fault = None
        self._in_head = True
        self._received_bytes = self._header_bytes = 0

    def on_url(self, url: bytes) -> None:
        if len(self.url) + len(url) > self._settings.max_target_bytes:
            self._fault = RequestError(*_TARGET_TOO_LONG)
        else:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value) + len(b": \r\n")
        if self._header_bytes > self._settings.max_header_bytes:
            self._fault = self._fault or RequestError(*_HEADERS_TOO_LARGE)
        # Trailers are no headers, though they come by this way.
        if not self._in_head:
            if self._fault is not None:
                raise self._fault
        elif self._fault is None or name.lower() == b"origin":
            # White space around a value is no part of it (RFC 9110, 5.5).
            super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        if self._fault is not None:
            raise self._fault
        version = self.parser.get_http_version()
        if not version.startswith("1."):
            raise RequestError(*_OTHER_VERSION)
        if not self.url.startswith((b"/", b"*")):
            self._take_absolute_form()
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise RequestError(*_MALFORMED)
            return
        if (
            len(self.tasks) >= self._settings.max_connections
            or len(self.pipeline) >= _MOST_PIPELINED
        ):
            raise retry_later(*_OVERLOADED)
        if version == "1.0":
            # It has no such expectation (RFC 9110, 10.1.1).
            self.expect_100_continue = False
        super().on_headers_complete()
        cycle = self.cycle
        cycle.transport = cast(
            "asyncio.Transport", _AnswerTransport(self.transport, self.loop, self._linger)
        )
        # An answer that does not need the rest of its request is the connection's last one.
        self._keep_alive, cycle.keep_alive = cycle.keep_alive, False
        self._in_head, self._in_body = False, True
        self._unanswered += 1

    def on_message_complete(self) -> None:
        if self._in_body:
            self._in_body = False
            self._request_received()
            if not self.cycle.response_started:
                self.cycle.keep_alive = self._keep_alive
            super().on_message_complete()

    def _await_request(self) -> None:
        self._receiving = Timer(self.loop, self._settings.receive_seconds, self._too_slow)

    def _request_received(self) -> None:
        _cancel(self._receiving)
        self._receiving = None

    def _too_slow(self) -> None:
        if self._in_head or self._in_body:
            self._refuse(self._fault or RequestError(*_TOO_SLOW))
        else:
            # Nobody asked. What is said now could be taken for the answer to a later request.
            self.transport.close()

    def _malformed(self) -> RequestError:
        # Among what follows HTTP/2's preface nothing can be read.
        is_other_version = self.parser.get_http_version()[0] > "1"
        return RequestError(*(_OTHER_VERSION if is_other_version else _MALFORMED))

    def _take_absolute_form(self) -> None:
        """Goes on as if the target had come in the usual form, and its host as the Host."""
        absolute = _ABSOLUTE.fullmatch(self.url)
        if absolute is None:
            raise RequestError(*_MALFORMED)
        host, rest = absolute.groups()
        self.url = rest if rest.startswith(b"/") else b"/" + rest
        if self.parser.get_http_version() == "1.0" and b"host" not in dict(self.headers):
            self.headers.append((b"host", host))
        # The list is the scope's, too.
        self.headers[:] = [
            (name, host if name == b"host" else value) for name, value in self.headers
        ]

    # Answering

    def on_response_complete(self) -> None:
        self._unanswered -= 1
        if self._ending is None:
            super().on_response_complete()
            self._say_refusal()

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
                for name, value in self._refusal.headers.items()
            ),
            (b"x-request-id", exchange.request_id.encode()),
            *SECURITY_HEADERS,
            *self._cors_headers(),
        ]
        head = [STATUS_LINE[self._refusal.status_code]]
        head += [b"%s: %s\r\n" % header for header in headers]
        self.transport.write(b"".join([*head, b"\r\n", content]))
        exchange.log(status=self._refusal.status_code, method=None, path=None, duration_ms=None)
        self._refusal = None
        self._linger()

    def _cors_headers(self) -> list[tuple[bytes, bytes]]:
        origins = self._settings.cors_origins
        received = dict(self.headers) if self._in_head or self._in_body else {}
        return [] if origins is None else cors_headers(origins, received.get(b"origin"))

    def _linger(self) -> None:
        """Ends the connection, in stages: its client is to read the last answer (RFC 9112, 9.6)."""
        self._deaf = True
        self._request_received()
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        is_unsent = self.transport.get_write_buffer_size() > 0
        self.transport.write_eof()
        self._end_within(self._settings.send_seconds if is_unsent else _LINGER_SECONDS)

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


class _AnswerTransport:
    """The transport of one answer: its head goes with its body, for a system call is dear.

    Closing it lets the client read the answer first.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        close: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._close = close
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
        if not self.is_closing():
            self._close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _send_head(self) -> None:
        if self._head:
            self.write(b"")


def _cancel(deadline: Timer | TimerHandle | None) -> None:
    if deadline is not None:
        deadline.cancel()

"""uvicorn's HTTP protocol, with limits on times, sizes, connections and pipelined requests."""

import asyncio
import re
from asyncio import TimerHandle
from enum import Enum, auto
from http import HTTPMethod
from typing import Any, cast
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from ..settings import Settings
from .cors import cors_headers
from .cycle import Cycle
from .edge import SECURITY_HEADERS
from .errors import JSON, RequestError, body, retry_later
from .event_stream import EventStream
from .exchange import Exchange, request_id
from .imports import IMPORT_PATH
from .stream_protocol import StreamProtocol
from .timers import Timer, was_frozen
from .web_socket_protocol import WebSocketProtocol

# A pipelined request uses memory while it waits, and common clients do not pipeline.
_MOST_PIPELINED = 16
# In a chunked body, a chunk of one byte takes six bytes.
_MOST_BYTES_PER_BYTE = 8
# How long the client may read the last answer while it still sends its request. The kernel would
# discard an unread answer if the connection was closed at once.
_LINGER_SECONDS = 2.0
# How long an idle connection stays open when the server begins to stop, for a request that is
# already on its way.
_FAREWELL_SECONDS = 1.0

# The only path that accepts WebSockets, and what the library accepts of their heads.
_WEB_SOCKET_PATH = b"/graphql"
_WEB_SOCKET_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_MOST_HEADERS = 128
_LONGEST_LINE = 8000

# A file to import may take longer to arrive than other requests, if this much of it arrives in the
# time for one.
_IMPORT_PATH = IMPORT_PATH.encode()
_LEAST_PART = 1_000_000

# A target in absolute form (RFC 9112, 3.2.2): the host, and the path with the query.
_ABSOLUTE = re.compile(rb"https?://([^/?#]+)(.*)", re.IGNORECASE)

# A valid first line of a request (RFC 9112, 3), whatever its method is.
_REQUEST_LINE = re.compile(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]+) [!-~]+ HTTP/1\.[0-9]\r?\n")

_MALFORMED = (400, "The request is not valid HTTP/1.1.")
_TOO_SLOW = (408, "The request took too long to arrive.")
_BODY_TOO_LARGE = (413, "The body is too large. Send a shorter one.")
_TARGET_TOO_LONG = (414, "The path with its query is too long. Send a long query by POST.")
_HEADERS_TOO_LARGE = (431, "The headers are too large. Send fewer or shorter ones.")
_UNKNOWN_METHOD = (501, "The method is unknown. Send the request by POST.")
_OTHER_VERSION = (505, "The HTTP version is not supported. Use HTTP/1.1.")
_OVERLOADED = (503, "The server is overloaded.", "OVERLOADED")


class _State(Enum):
    """What a connection receives next.

    Without a fault it goes IDLE, HEAD, BODY and IDLE again for each request; from every state it
    goes to IGNORING, and stays there.
    """

    IDLE = auto()  # a new request: the last one arrived as a whole, or there was none
    HEAD = auto()  # more of a request's first line and headers
    BODY = auto()  # more of a request's body, or its end
    IGNORING = auto()  # nothing: the connection ends with answers that are already determined


# Looking up a member of an enum takes three times as long as looking up a name of the module.
_IDLE, _HEAD, _BODY, _IGNORING = _State


class Protocol(HttpToolsProtocol):
    """One connection. It enforces the limits that an ASGI application cannot see.

    These are the limits on slow or large heads, on unread answers, and on connections. A request
    that breaks one is rejected with a GraphQL error, after the answers to earlier requests, and
    the rejection is the connection's last answer.
    """

    def __init__(self, settings: Settings, **of_uvicorn: Any) -> None:  # noqa: ANN401  # passed on unread
        super().__init__(**of_uvicorn)
        self._settings = settings
        self._start_parser()
        self._state = _IDLE
        # What is wrong with the head of the current request. It is answered when the head is
        # complete, because the head may name an origin, which the answer needs.
        self._fault: RequestError | None = None
        # How much of the current request has arrived.
        self._received_bytes = 0
        self._header_bytes = 0
        self._body_bytes = 0
        # How much of a file must have arrived when the time for its current part is over.
        self._next_part = _LEAST_PART
        # Whether the connection stays open after the current request, once that is complete.
        self._keep_alive = False
        # The number of requests whose head has arrived and whose answer is not complete.
        self._unanswered = 0
        # The answer to send after theirs, as the connection's last one, and its CORS headers.
        self._rejection: RequestError | None = None
        self._rejection_headers: list[tuple[bytes, bytes]] = []
        # Whether the client has ended its side of the connection.
        self._is_ended = False
        # They end the connection if the request is not complete, the client does not read the
        # answer, or the client does not close the connection in time.
        self._receiving: Timer | None = None
        self._sending: Timer | None = None
        self._ending: TimerHandle | None = None
        # Since when the connection waits for a request, in seconds of `loop.time`.
        self._idle_since = 0.0
        # It looks whether the connection waits too long. Requests do not end it, and the next
        # answer does not start it again: that would take a twelfth of the time for a request.
        self._looking: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        if len(self.connections) > self._settings.max_connections:
            self._reject(retry_later(*_OVERLOADED))
        else:
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for deadline in (self._receiving, self._sending, self._ending, self._looking):
            _cancel(deadline)

    # Receiving

    def data_received(self, data: bytes) -> None:
        if self._state is _IGNORING:
            return
        self._unset_keepalive_if_required()
        self._received_bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._reject(cause if isinstance(cause, RequestError) else self._fault_of(error, data))
            return
        if self._state is _IGNORING:
            # The connection has become a WebSocket.
            return
        # The parser does not report a header or a trailer before it is complete.
        settings = self._settings
        if self._state is _HEAD and self._received_bytes > (
            settings.max_header_bytes + settings.max_target_bytes
        ):
            self._reject(self._fault or RequestError(*_HEADERS_TOO_LARGE))
        elif self._state is _BODY and self._received_bytes > (
            settings.max_header_bytes
            + settings.max_target_bytes
            # The application limits the body. The parser holds a trailer until it is complete.
            + (settings.max_body_bytes + self._body_bytes) * _MOST_BYTES_PER_BYTE
        ):
            self._reject(RequestError(*_BODY_TOO_LARGE))
        elif self._receiving is None and (self._state is not _IDLE or self._unanswered == 0):
            self._await_request()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's, which uvicorn narrows
        """Keeps the connection open until every request has its answer.

        A client may end its side of the connection after its last request. A client that closed
        the whole connection looks the same, and its answers are lost. If the last request is
        incomplete, the connection ends at once.
        """
        if self._unanswered == 0 or self._state in (_HEAD, _BODY):
            return False
        if self.cycle.chunked_encoding and self.url.partition(b"?")[0] != _IMPORT_PATH:
            # An event stream that reads the history, or an export. Its client sends nothing else,
            # so it has closed the whole connection. The client of an import has sent its file.
            return False
        if self._rejection is None:
            self.cycle.keep_alive = False
        self._state, self._is_ended = _IGNORING, True
        return True

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                rest = data[upgrade.args[0] :]
            else:
                return
            if self._opens_web_socket():
                self._become_web_socket(rest)
                return
            # The request offers another protocol, which a server may ignore (RFC 9110, 7.8). The
            # parser expects that protocol from now on, so a new one parses the request without
            # the offer.
            data = self._head(without=b"upgrade") + rest
            self._start_parser()

    def _head(self, *, without: bytes = b"") -> bytes:
        """The head of the current request, without the header with this name."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        head = [b"%s %s HTTP/%s" % (method, self.url, version)]
        head += [b"%s: %s" % header for header in self.headers if header[0] != without]
        return b"\r\n".join([*head, b"", b""])

    def _opens_web_socket(self) -> bool:
        """Whether the request whose head has arrived opens a WebSocket for GraphQL.

        Not behind a request that has no answer yet. The library accepts all of these requests.
        """
        keys = [value for name, value in self.headers if name == b"sec-websocket-key"]
        versions = [value for name, value in self.headers if name == b"sec-websocket-version"]
        return (
            self._get_upgrade() == b"websocket"
            and self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and self.url.partition(b"?")[0] == _WEB_SOCKET_PATH
            and versions == [b"13"]
            and len(keys) == 1
            and _WEB_SOCKET_KEY.fullmatch(keys[0]) is not None
            and self._unanswered == 0
            and len(self.headers) <= _MOST_HEADERS
            and len(self.url) <= _LONGEST_LINE
            and all(len(name) + len(value) <= _LONGEST_LINE for name, value in self.headers)
        )

    def _become_web_socket(self, rest: bytes) -> None:
        """Hands the connection over. `rest` is what follows the head."""
        self._leave()
        protocol = WebSocketProtocol(
            self._settings,
            config=self.config,
            server_state=self.server_state,
            app_state=self.app_state,
        )
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        protocol.data_received(self._head() + rest)
        # It refers to this object, which nothing needs any more.
        self.parser = None  # type: ignore[assignment]  # as uvicorn does

    def _leave(self) -> None:
        """Ends what this object does for the connection: another protocol takes it over."""
        self._state, self._unanswered = _IGNORING, 0
        self._request_received()
        _cancel(self._looking)
        self.connections.discard(self)

    def _start_parser(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(
            # Data after the last request of a connection is ignored, not malformed.
            lenient_data_after_close=True,
            # `on_headers_complete` checks the version, to answer an unsupported one with 505.
            lenient_version=True,
        )

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._fault = None
        self._state = _HEAD
        self._received_bytes = self._header_bytes = self._body_bytes = 0
        self._next_part = _LEAST_PART

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_url(self, url: bytes) -> None:
        if len(self.url) + len(url) > self._settings.max_target_bytes:
            self._fault = RequestError(*_TARGET_TOO_LONG)
        else:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value) + len(b": \r\n")
        if self._header_bytes > self._settings.max_header_bytes:
            self._fault = self._fault or RequestError(*_HEADERS_TOO_LARGE)
        # The parser also reports trailers here. They are counted, but they are not headers.
        if self._state is not _HEAD:
            if self._fault is not None:
                raise self._fault
            return
        name = name.lower()
        if self._fault is None or name == b"origin":
            # White space around a value is not part of it (RFC 9110, 5.5).
            value = value.strip(b" \t")
            self.headers.append((name, value))
            if name == b"expect":
                self.expect_100_continue = value.lower() == b"100-continue"

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
            # HTTP/1.0 does not know `100 Continue` (RFC 9110, 10.1.1).
            self.expect_100_continue = False
        self._begin_cycle(version)
        self._state = _BODY
        self._unanswered += 1

    def _begin_cycle(self, version: str) -> None:
        """Lets the application answer the request, after those before it."""
        target = httptools.parse_url(self.url)
        self.scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": "http",
            "root_path": "",
            "headers": self.headers,
            "state": self.app_state.copy(),
            "method": self.parser.get_method().decode("ascii"),
            "path": unquote(target.path.decode("ascii")),
            "raw_path": target.path,
            "query_string": target.query or b"",
        }
        self._keep_alive = version != "1.0" and self.parser.should_keep_alive()
        previous = self.cycle
        self.cycle = Cycle(self, self.scope, expects_continue=self.expect_100_continue)
        if previous is None or previous.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        # `Cycle` discards the task. uvicorn's callback would take another turn of the event loop.
        self.tasks.add(self.loop.create_task(cycle.run_asgi(app)))

    def on_message_complete(self) -> None:
        # Of a request that offers another protocol, only the head is complete.
        if self._state is _BODY:
            self._state = _IDLE
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
        if self._has_received_part():
            self._await_request()
        elif self._state is not _IDLE:
            self._reject(self._fault or RequestError(*_TOO_SLOW))
        else:
            # No request has begun. The client could take an answer for that to its next request.
            self.transport.close()

    def _has_received_part(self) -> bool:
        """Whether a part of a file has arrived in time. Then the next part has as much time."""
        if (
            self._state is not _BODY
            or self.url.partition(b"?")[0] != _IMPORT_PATH
            or self._body_bytes < self._next_part
        ):
            return False
        self._next_part = self._body_bytes + _LEAST_PART
        return True

    def _fault_of(self, error: httptools.HttpParserError, data: bytes) -> RequestError:
        """The answer to a request that the parser cannot read; `data` is what arrived last."""
        # After HTTP/2's preface, the parser fails before it has read a head.
        if self.parser.get_http_version()[0] > "1":
            return RequestError(*_OTHER_VERSION)
        # To the parser, whatever is not HTTP begins with an unknown method. Only a valid line makes
        # it one (RFC 9110, 9.1). `data` may begin with an earlier request, whose method is known.
        if isinstance(error, httptools.HttpParserInvalidMethodError):
            line = _REQUEST_LINE.match(data)
            if line is not None and line[1].decode() not in HTTPMethod.__members__:
                return RequestError(*_UNKNOWN_METHOD)
        return RequestError(*_MALFORMED)

    def _take_absolute_form(self) -> None:
        """Replaces the target by its path and query, and the header Host by the target's host.

        Raises `RequestError` if the target does not begin with `http://` or `https://`.
        """
        absolute = _ABSOLUTE.fullmatch(self.url)
        if absolute is None:
            raise RequestError(*_MALFORMED)
        host, rest = absolute.groups()
        self.url = rest if rest.startswith(b"/") else b"/" + rest
        if self.parser.get_http_version() == "1.0" and b"host" not in dict(self.headers):
            self.headers.append((b"host", host))
        # In place, because the scope has the same list.
        self.headers[:] = [
            (name, host if name == b"host" else value) for name, value in self.headers
        ]

    # Answering

    def on_response_complete(self) -> None:
        self._unanswered -= 1
        if self._ending is not None or self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle_since = self.loop.time()
            if self._looking is None:
                self._look_at(self._idle_since + self._settings.keep_alive_seconds)
        self._send_rejection()

    def _reject(self, rejection: RequestError) -> None:
        """Ends the connection with this answer, after those to earlier requests."""
        self._rejection = rejection
        if self._settings.cors_origins is not None:
            received = {} if self._state is _IDLE else dict(self.headers)
            origin = received.get(b"origin")
            self._rejection_headers = cors_headers(self._settings.cors_origins, origin)
        self._request_received()
        if self._state is _BODY:
            if self.pipeline:
                self.pipeline.popleft()
            else:
                # The application waits for the rest of this body. This ends it, as if the client
                # had disconnected.
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            self._unanswered -= 1
        self._state = _IGNORING
        self._send_rejection()

    def _send_rejection(self) -> None:
        if self._rejection is None or self._unanswered or self.transport.is_closing():
            return
        exchange = Exchange(request_id(), measurements=self.app_state.get("measurements"))
        content = body({"errors": [self._rejection.formatted]}, exchange)
        headers = [
            *self.server_state.default_headers,
            (b"content-type", f"{JSON}; charset=utf-8".encode()),
            (b"content-length", b"%d" % len(content)),
            CLOSE_HEADER,
            *(
                (name.lower().encode(), value.encode())
                for name, value in self._rejection.headers.items()
            ),
            (b"x-request-id", exchange.request_id.encode()),
            *SECURITY_HEADERS,
            *self._rejection_headers,
        ]
        head = [STATUS_LINE[self._rejection.status_code]]
        head += [b"%s: %s\r\n" % header for header in headers]
        self.transport.write(b"".join([*head, b"\r\n", content]))
        exchange.log(status=self._rejection.status_code, method=None, path=None, duration_ms=None)
        self._rejection = None
        self.linger()

    def linger(self) -> None:
        """Ends the connection in stages, so that the client reads the last answer (RFC 9112, 9.6).

        The server stops sending, and ignores what it still receives until the client closes the
        connection or the time is over.
        """
        self._state = _IGNORING
        self._request_received()
        self._unset_keepalive_if_required()
        if self._is_ended:
            # The client sends nothing more, so closing loses nothing.
            self.transport.close()
            self._end_within(self._settings.send_seconds)
            return
        self.flow.resume_reading()
        is_unsent = self.transport.get_write_buffer_size() > 0
        self.transport.write_eof()
        self._end_within(self._settings.send_seconds if is_unsent else _LINGER_SECONDS)

    def _end_within(self, seconds: float) -> None:
        self._ending = self.loop.call_later(seconds, self.transport.abort)

    def hand_over(self) -> None:
        """Hands the connection over to the event stream that the application has begun, if any."""
        stream = self.cycle.scope["exchange"].stream  # type: ignore[typeddict-item]  # `Edge` adds it
        if not isinstance(stream, EventStream):
            return
        # For uvicorn, the answer is complete.
        self.cycle.response_complete = True
        self._leave()
        self.flow.resume_reading()
        # It refers to this object, which nothing needs any more.
        self.parser = None  # type: ignore[assignment]  # as uvicorn does
        StreamProtocol(
            self.transport, self.loop, self.connections, self._settings.send_seconds, stream
        )

    # Sending

    def pause_writing(self) -> None:
        super().pause_writing()
        self._sending = Timer(self.loop, self._settings.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        _cancel(self._sending)

    def _look_at(self, moment: float) -> None:
        self._looking = self.loop.call_at(moment, self._look)

    def _look(self) -> None:
        self._looking = None
        end = self._idle_since + self._settings.keep_alive_seconds
        if self._unanswered or self._state is not _IDLE:
            # The next answer starts the timer again.
            return
        if end > self.loop.time():
            self._look_at(end)
        else:
            self._end_if_still_idle(end)

    def timeout_keep_alive_handler(self) -> None:
        self._end_if_still_idle(cast("TimerHandle", self.timeout_keep_alive_task).when())

    def _end_if_still_idle(self, due: float) -> None:
        self._unset_keepalive_if_required()
        # The time for which the process was frozen does not count.
        seconds = self._settings.keep_alive_seconds if was_frozen(self.loop, due) else 0
        self.timeout_keep_alive_task = Timer(self.loop, seconds, self._end_idle)  # type: ignore[assignment]  # it is only cancelled

    def _end_idle(self) -> None:
        super().timeout_keep_alive_handler()
        self._end_within(self._settings.send_seconds)

    # Stopping

    def shutdown(self) -> None:
        """Makes every answer of the server the last one of its connection.

        A connection without a request stays open for a moment: a request that the client has
        already sent gets its answer.
        """
        if CLOSE_HEADER not in self.server_state.default_headers:
            self.server_state.default_headers.append(CLOSE_HEADER)
        if self._unanswered:
            self.cycle.keep_alive = False
        elif self._state is _IDLE:
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                _FAREWELL_SECONDS, self.timeout_keep_alive_handler
            )


def _cancel(deadline: Timer | TimerHandle | None) -> None:
    if deadline is not None:
        deadline.cancel()

"""An HTTP server that receives webhooks, as another program does."""

import asyncio
import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook

from .servers import until


@dataclass(frozen=True)
class Received:
    """A request that has arrived. The names of its headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = json.loads(self.body)
        return payload

    @property
    def told(self) -> tuple[Any, ...]:
        """The type, the customer's id, and the version."""
        data = self.payload["data"]
        return self.payload["type"], data.get("id"), data.get("version")

    def verified(self, secret: str) -> Any:
        """The payload, verified by the library for receivers. Raises its error."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass(frozen=True)
class Answer:
    """What the server answers."""

    status: int = 204
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    seconds: float = 0.0


class Receiver:
    """The server. `answer` says how it answers; `received` is what has arrived.

    With None as the answer, it closes the connection.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Answer | None] = lambda _: Answer()
        self.url = ""

    async def until(self, number: int) -> list[Received]:
        """What has arrived, as soon as it is this number of requests."""
        await asyncio.to_thread(
            until, lambda: len(self.received) >= number, f"{number} messages have arrived"
        )
        return self.received


@contextlib.contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Serves on a free port of the loopback address, in a thread."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers["content-length"]))
            received = Received(self.path, headers, body)
            receiver.received.append(received)
            answer = receiver.answer(received)
            if answer is None:
                self.close_connection = True
                return
            time.sleep(answer.seconds)
            self.send_response(answer.status)
            for name, value in (*answer.headers, ("Content-Length", str(len(answer.body)))):
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                # The client may not read all of it.
                self.wfile.write(answer.body)

        def log_message(self, *_: Any) -> None:
            """Prints nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients may leave
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        receiver.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()

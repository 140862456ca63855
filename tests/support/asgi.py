"""Requests and WebSockets to an application, as a server under ASGI sends them."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.types import Message

from .subscribers import CUSTOMER_EVENTS


class Asgi:
    """One request to an application, as a server sends it."""

    def __init__(self, app: Starlette, after: str | None) -> None:
        body = json.dumps({"query": CUSTOMER_EVENTS, "variables": {"after": after}}).encode()
        self._received: asyncio.Queue[Message] = asyncio.Queue()
        self._received.put_nowait({"type": "http.request", "body": body})
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        # Clear while the client does not read.
        self.reads = asyncio.Event()
        self.reads.set()
        headers = {"host": "localhost", "accept": "text/event-stream"}
        headers["content-type"] = "application/json"
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            **_scope(headers),
        }
        self.task = asyncio.create_task(app(scope, self._received.get, self._send))

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        self._sent.put_nowait(message)

    async def part(self) -> str:
        """The next part of the body that is not empty."""
        async with asyncio.timeout(20):
            while not (body := (await self._sent.get()).get("body", b"")):
                pass
        return str(body.decode())

    async def last(self) -> str:
        """The last part of the body."""
        async with asyncio.timeout(20):
            while (message := await self._sent.get()).get("more_body", True):
                pass
            await self.task
        return str(message["body"].decode())

    def disconnect(self) -> None:
        self._received.put_nowait({"type": "http.request", "body": b""})
        self._received.put_nowait({"type": "http.disconnect"})


class Socket:
    """One WebSocket to an application, as a server opens it."""

    def __init__(self, app: Starlette, **headers: str) -> None:
        self._received: asyncio.Queue[Message] = asyncio.Queue()
        self._received.put_nowait({"type": "websocket.connect"})
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.is_gone = False
        self.reads = asyncio.Event()
        self.reads.set()
        headers = {"host": "localhost", **headers}
        scope = {
            "type": "websocket",
            "http_version": "1.1",
            "scheme": "ws",
            **_scope(headers),
            "subprotocols": ["graphql-transport-ws"],
        }
        self.task = asyncio.create_task(app(scope, self._received.get, self._send))
        self.tell({"type": "connection_init"})

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        if self.is_gone:
            raise OSError
        self.sent.put_nowait(message)

    def tell(self, message: dict[str, Any]) -> None:
        self._received.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def subscribe(self, query: str, **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        self.tell({"type": "subscribe", "id": "1", "payload": payload})

    async def next(self, type_: str) -> dict[str, Any]:
        """The next message of this type."""
        async with asyncio.timeout(20):
            while True:
                message: dict[str, Any] = json.loads((await self.sent.get()).get("text", "{}"))
                if message.get("type") == type_:
                    return message

    async def disconnect(self) -> None:
        self._received.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait_for(self.task, 20)


def _scope(headers: Mapping[str, str]) -> dict[str, Any]:
    """What the scope of a request for GraphQL has with every protocol."""
    return {
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("localhost", 80),
    }

"""The page `/metrics`, on a port of its own, in a thread of the process that starts the others."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Iterator
from functools import partial

import structlog
import uvicorn
from prometheus_client import CollectorRegistry, make_asgi_app
from prometheus_client.core import Metric as Family
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from ..logs import stack_frames
from .measurements import Labels
from .totals import Totals

logger = structlog.get_logger()

# Prometheus needs one connection.
_MOST_CONNECTIONS = 20

# Each connection is for one request, and ends after this time: programs that only connect must not
# keep Prometheus out. Prometheus itself waits 10 seconds for a page.
_CONNECTION_SECONDS = 30.0


class MetricsPage:
    """Shows the numbers of all server processes that `connect` has connected.

    The thread has its own event loop, so a slow scrape does not delay the server, nor the server a
    scrape.
    """

    def __init__(
        self, listener: socket.socket, build_info: Labels, configured_workers: int
    ) -> None:
        """`build_info` has the values of that metric's labels."""
        self._listener = listener
        self._totals = Totals(build_info, configured_workers)
        self._loop = asyncio.new_event_loop()
        self._has_ended = asyncio.Event()

    def connect(self) -> socket.socket:
        """A new socket, on which a new server process sends its reports."""
        own, of_process = socket.socketpair()
        asyncio.run_coroutine_threadsafe(_logged(self._totals.follow(own)), self._loop)
        return of_process

    def count_restart(self) -> None:
        """Counts a server process that has ended by itself or was killed."""
        self._totals.restarts += 1

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Shows the page until the context ends."""
        thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._has_ended.set)
            thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(_logged(self._serve()))
            # `connect` needs the event loop, also if the page failed.
            runner.run(self._has_ended.wait())

    async def _serve(self) -> None:
        config = uvicorn.Config(
            Starlette(routes=[Route("/metrics", _Scrape(self._totals), methods=["GET"])]),
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            limit_concurrency=_MOST_CONNECTIONS,
        )
        config.load()
        # uvicorn's own server would log its start and its end as if it were the API.
        state = ServerState()
        state.default_headers = [(b"connection", b"close")]
        protocol = partial(_Connection, config=config, server_state=state, app_state={})
        server = await self._loop.create_server(protocol, sock=self._listener)
        await self._has_ended.wait()
        server.close()


async def _logged(work: Awaitable[None]) -> None:
    """Logs a failure of the work. The server goes on without it."""
    try:
        await work
    except Exception as error:  # noqa: BLE001  # nothing waits for it
        logger.error(  # noqa: TRY400  # the log has no texts of errors
            "The metrics page failed, and numbers are missing. To see them, restart the server.",
            exception=stack_frames(error),
        )


class _Connection(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.loop.call_later(_CONNECTION_SECONDS, transport.abort)


class _Scrape:
    """An ASGI application: all metrics, in the text format that the request prefers."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # So that the page can be asked for some metrics by their names.
        registry = CollectorRegistry(auto_describe=True)
        registry.register(_Scraped(await self._totals.scrape()))
        await make_asgi_app(registry)(scope, receive, send)


class _Scraped:
    """A collector of `prometheus_client`."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> list[Family]:
        return self._families

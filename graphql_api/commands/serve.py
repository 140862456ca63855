"""The command `graphql-api serve`, which runs the application under uvicorn."""

import argparse
import asyncio
import contextlib
import errno
import gc
import logging
import multiprocessing
import os
import platform
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import TypeVar

import uvicorn
from starlette.applications import Starlette

from ..app import create_app, warn_of_ignored
from ..http.dashboard import shows_dashboard
from ..http.protocol import Protocol
from ..logs import configure_logs
from ..metrics.page import MetricsPage
from ..mongo.mongod import DirectoryInUse, embedded_mongod, find_mongod
from ..output import Output
from ..settings import Settings, variable
from .own_version import own_version
from .setting_options import add_setting_options, environment_with, option
from .workers import OTHER_SIGNALS, STOP_SIGNALS, Workers, ignore, on_signals, send_heartbeat

logger = logging.getLogger(__name__)

SUMMARY = "serve GraphQL over HTTP, GraphiQL and the dashboard"

_T = TypeVar("_T")

# The processes that a killed server left behind notice it within this time, and end.
_LEFT_BEHIND_SECONDS = 10.0
_POLL_SECONDS = 0.1

# A client that is still there acknowledges within this time, also after losses of its network.
_LEAST_UNACKNOWLEDGED_SECONDS = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the settings that have an option."""
    names = ("host", "port", "workers", "data_dir", "metrics_port", "metrics_host")
    add_setting_options(parser, *names)
    parser.add_argument(
        "--insecure",
        action="store_const",
        const="true",
        dest=variable("insecure"),
        default=argparse.SUPPRESS,
        help="Accept requests from everybody, even on an address that other machines can reach.",
    )


def run(options: argparse.Namespace) -> int:
    """Serves until SIGINT, SIGQUIT or SIGTERM, and returns the exit code.

    Raises `SettingsError` and `MongodError` if the server cannot start, and `OSError` if it cannot
    listen.
    """
    environment = environment_with(options)
    settings = Settings.read(environment)
    # Raises `SettingsError` before anything starts.
    create_app(replace(settings, mongodb_uri=settings.mongodb_uri or "mongodb://localhost"))
    configure_logs(settings.log_level, settings.log_format)
    warn_of_ignored(environment)
    on_signals(STOP_SIGNALS, _exit)
    on_signals(OTHER_SIGNALS, _do_nothing)
    # Each connection is an open file. The usual soft limit is low for the sake of old programs.
    with contextlib.suppress(ValueError):
        hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    with contextlib.ExitStack() as held:
        listener = held.enter_context(_listener(settings.host, settings.port))
        _end_silent_connections(listener, settings)
        metrics_listener = _metrics_listener(settings)
        # The embedded MongoDB is this server's own, so no operator migrates it by a command.
        migrates = settings.mongodb_uri is None
        settings = _once_free(lambda: held.enter_context(_with_database(settings)))
        _print_addresses(settings, listener, metrics_listener)
        metrics = None
        if metrics_listener is not None:
            metrics = MetricsPage(
                metrics_listener, _build_info(settings.mongodb_driver), settings.workers
            )
            held.enter_context(metrics.shown())
        if settings.workers > 1:
            work = partial(_work, settings, migrates=migrates)
            workers = Workers(work, settings.workers, listener, settings.shutdown_seconds, metrics)
            return workers.run()
        reports = None if metrics is None else metrics.connect()
        _Server(_config(settings, reports, migrates=migrates)).run([listener])
    return 0


def _print_addresses(
    settings: Settings, listener: socket.socket, metrics_listener: socket.socket | None
) -> None:
    """Prints a line for each page, or for the API if it has no page."""
    output = Output(sys.stdout.fileno())
    url = f"http://{_authority(listener)}"
    if shows_dashboard(settings):
        output.msg(f"Dashboard: {url}/")
    output.msg(f"{'GraphiQL' if settings.shows_graphiql else 'GraphQL'}: {url}/graphql")
    if metrics_listener is not None:
        output.msg(f"Metrics: http://{_authority(metrics_listener)}/metrics")


def _metrics_listener(settings: Settings) -> socket.socket | None:
    if settings.metrics_port is None:
        return None
    return _listener(settings.metrics_host, settings.metrics_port, "metrics_host", "metrics_port")


def _build_info(driver: str) -> tuple[str, ...]:
    """The values of the labels of `BUILD_INFO`."""
    # Motor is built on PyMongo.
    packages = dict.fromkeys([driver, "pymongo"])
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return own_version(), platform.python_version(), versions


def _config(
    settings: Settings,
    reports: socket.socket | None,
    every_second: Callable[[], Awaitable[None]] | None = None,
    *,
    migrates: bool,
) -> uvicorn.Config:
    return uvicorn.Config(
        partial(_application, settings, reports, migrates=migrates),
        factory=True,
        loop="uvloop",
        http=partial(Protocol, settings),  # type: ignore[arg-type]  # it is only called
        # `Protocol` makes them.
        ws="none",
        ws_max_size=settings.max_body_bytes,
        # It takes memory for each connection, and the messages are short.
        ws_per_message_deflate=False,
        lifespan="on",
        # It would log URLs, which may contain a query and its variables.
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=settings.trusted_proxies is not None,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        callback_notify=every_second,
        timeout_notify=0,
    )


def _application(settings: Settings, reports: socket.socket | None, *, migrates: bool) -> Starlette:
    application = create_app(settings, migrates=migrates, reports=reports)
    # These objects live until the end: the garbage collector need not look at them again.
    gc.collect()
    gc.freeze()
    return application


def _work(
    settings: Settings,
    listener: socket.socket,
    heartbeats: Connection,
    reports: socket.socket | None = None,
    *,
    migrates: bool,
) -> None:
    """Runs one of several server processes, which ends when the process that started it ends."""
    sentinel = multiprocessing.parent_process().sentinel  # type: ignore[union-attr]  # it has one
    threading.Thread(target=_end_with, args=[sentinel], daemon=True).start()
    on_signals(OTHER_SIGNALS, ignore)
    configure_logs(settings.log_level, settings.log_format)

    async def every_second() -> None:
        send_heartbeat(heartbeats)

    _Server(_config(settings, reports, every_second, migrates=migrates)).run([listener])


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


class _Server(uvicorn.Server):
    """uvicorn's server, which also stops in order if it receives several signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # uvicorn would raise the signals again at the end, while mongod is being stopped.
        on_signals(STOP_SIGNALS, self.handle_exit)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await self.lifespan.state["end_streams"]()
        # A connection that was just accepted is now added to those that uvicorn tells to close.
        await asyncio.sleep(0)
        await super().shutdown(sockets)
        if self.force_exit:
            # A second Ctrl-C: uvicorn returns at once, and the loop would cancel the lifespan, too.
            for task in self.server_state.tasks:
                task.cancel()
            await self.lifespan.shutdown()


def _exit(_signal: int, _frame: FrameType | None) -> None:
    """Ends a server that does not serve yet. Later signals must not interrupt its cleanup."""
    on_signals(STOP_SIGNALS, ignore)
    sys.exit(0)


def _do_nothing(number: int, _frame: FrameType | None) -> None:
    logger.warning("Received %s. It is ignored.", signal.Signals(number).name)


def _once_free(take: Callable[[], _T]) -> _T:
    """Calls `take` until the port or the directory is free: a killed server may leave processes.

    After 10 seconds, and for any other error, raises the error of `take`.
    """
    give_up = time.monotonic() + _LEFT_BEHIND_SECONDS
    waits = False
    while True:
        try:
            return take()
        except (DirectoryInUse, OSError) as error:
            in_use = isinstance(error, DirectoryInUse) or error.errno == errno.EADDRINUSE
            if not in_use or time.monotonic() > give_up:
                raise
        if not waits:
            logger.warning(
                "The port or the data directory is in use. The server waits for up to %d seconds.",
                _LEFT_BEHIND_SECONDS,
            )
            waits = True
        time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def _with_database(settings: Settings) -> Iterator[Settings]:
    """Yields the settings with the URI of a MongoDB. Runs the embedded one if they have no URI."""
    if settings.mongodb_uri is not None:
        yield settings
        return
    with embedded_mongod(find_mongod(settings.mongod), settings.data_dir) as uri:
        # Introspection is allowed by default with the embedded MongoDB, which has a URI now.
        yield replace(settings, mongodb_uri=uri, introspection=settings.allows_introspection)


def _listener(
    host: str, port: int, host_setting: str = "host", port_setting: str = "port"
) -> socket.socket:
    """Listens before the server is ready, so that early clients wait and are not refused."""
    is_ipv6 = ":" in host
    try:
        listener = _once_free(
            lambda: socket.create_server(
                (host, port),
                family=socket.AF_INET6 if is_ipv6 else socket.AF_INET,
                dualstack_ipv6=is_ipv6 and socket.has_dualstack_ipv6(),
            )
        )
    except (OSError, UnicodeError) as error:
        raise OSError(_reason(error, port, host_setting, port_setting)) from None
    return listener


def _end_silent_connections(listener: socket.socket, settings: Settings) -> None:
    """Lets the kernel end connections whose client acknowledges nothing for a time.

    The connections inherit it. Only Linux has it.
    """
    with contextlib.suppress(AttributeError):
        listener.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _unacknowledged_milliseconds(settings)
        )


def _unacknowledged_milliseconds(settings: Settings) -> int:
    """How long a client may acknowledge nothing before the kernel ends its connection.

    A client whose machine was switched off does not end its connection itself. The kernel's own
    limit is about 15 minutes.
    """
    return 1000 * max(settings.send_seconds, _LEAST_UNACKNOWLEDGED_SECONDS)


def _reason(error: OSError | UnicodeError, port: int, host_setting: str, port_setting: str) -> str:
    """Returns a message: why the server cannot listen, and how to solve it."""
    match error:
        case OSError(errno=errno.EADDRINUSE):
            return (
                f"Port {port} is in use. Stop the program that uses it, or choose another port "
                f"with {option(port_setting)} or {variable(port_setting)}."
            )
        case OSError(errno=errno.EACCES):
            return f"This user may not listen on port {port}. Choose a port above 1023."
        case _:
            return (
                "The server cannot listen on this host. Choose an address of this machine with "
                f"{option(host_setting)}."
            )


def _authority(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104  # only shown
        host = "localhost"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

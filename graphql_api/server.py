"""Runs the application under uvicorn, with the embedded MongoDB where no other one is named."""

import contextlib
import errno
import gc
import multiprocessing
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from multiprocessing.connection import wait

import uvicorn
from starlette.applications import Starlette
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from .app import create_app, from_environment
from .http.protocol import Protocol
from .logs import logging_config
from .mongo.mongod import embedded_mongod, find_mongod
from .settings import Settings, variable

# Until a new worker serves on a busy machine. One that cannot start may be noticed as late.
_WORKER_START_SECONDS = 10


def serve(settings: Settings) -> int:
    """Serves until SIGINT or SIGTERM, and gives the exit code.

    Raises `SettingsError` and `MongodError` where it cannot start, and `OSError` where it cannot
    listen.
    """
    create_app(replace(settings, mongodb_uri=settings.mongodb_uri or "mongodb://localhost"))
    config = uvicorn.Config(
        "graphql_api.server:worker",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        loop="uvloop",
        http=partial(Protocol, settings),  # type: ignore[arg-type]  # it is only called
        ws="none",
        lifespan="on",
        # Addresses hold the query and its variables.
        access_log=False,
        server_header=False,
        proxy_headers=settings.trusted_proxies is not None,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_worker_healthcheck=_WORKER_START_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        log_config=logging_config(settings.log_level, settings.log_format),
    )
    signal.signal(signal.SIGTERM, _exit)
    # Each connection is an open file, and the usual limit is only meant for old programs.
    with contextlib.suppress(ValueError):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with (
        contextlib.suppress(KeyboardInterrupt),
        _listener(settings) as listener,
        _database(settings) as uri,
    ):
        os.environ[variable("mongodb_uri")] = uri
        # Workers read the settings anew, and for them the embedded MongoDB has a URI.
        os.environ[variable("introspection")] = str(settings.allows_introspection).lower()
        shown = "GraphiQL" if settings.shows_graphiql else "GraphQL"
        print(f"{shown}: http://{_authority(listener)}/graphql", flush=True)
        if settings.workers == 1:
            uvicorn.Server(config).run([listener])
        else:
            workers = Multiprocess(config, [listener])
            workers.run()
            if any(process.exitcode == STARTUP_FAILURE for process in workers.processes):
                return STARTUP_FAILURE
    return 0


def worker() -> Starlette:
    """The application of one server process, which ends when the one that started it is gone."""
    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=_end_with, args=[parent.sentinel], daemon=True).start()
    application = from_environment()
    # What is here now stays for good, and is not to be looked through again and again for garbage.
    gc.collect()
    gc.freeze()
    return application


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


def _exit(_signal: int, _frame: object) -> None:
    # uvicorn raises the signal that stopped it once more, and mongod is to be stopped after that.
    sys.exit(0)


@contextlib.contextmanager
def _database(settings: Settings) -> Iterator[str]:
    if settings.mongodb_uri is not None:
        yield settings.mongodb_uri
        return
    with embedded_mongod(find_mongod(settings.mongod), settings.data_dir) as uri:
        yield uri


def _listener(settings: Settings) -> socket.socket:
    """Listens at once, so that who connects before all is ready waits and is not refused."""
    is_ipv6 = ":" in settings.host
    try:
        return socket.create_server(
            (settings.host, settings.port),
            family=socket.AF_INET6 if is_ipv6 else socket.AF_INET,
            dualstack_ipv6=is_ipv6 and socket.has_dualstack_ipv6(),
        )
    except (OSError, UnicodeError) as error:
        raise OSError(_why_not(error, settings.port)) from None


def _why_not(error: OSError | UnicodeError, port: int) -> str:
    """Why nothing can listen there, and what to do."""
    match error:
        case OSError(errno=errno.EADDRINUSE):
            return f"Port {port} is in use: stop what uses it, or choose another with --port."
        case OSError(errno=errno.EACCES):
            return f"Port {port} is not open to this user: choose one from 1024 on with --port."
        case _:
            return (
                "The server cannot listen on this host: name an address of this machine with "
                "--host."
            )


def _authority(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104  # shown, not listened on
        host = "localhost"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

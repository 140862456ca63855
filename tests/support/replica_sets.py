"""Replica sets of real mongods, which tests can kill, freeze, restart and make fail."""

import atexit
import contextlib
import random
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pymongo
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from graphql_api.mongo.mongod import find_mongod

from .servers import freeze, until

_OPTIONS = [
    *("--bind_ip", "127.0.0.1", "--nounixsocket"),
    # With zlib, each server would warn of a fault of this version.
    *("--networkMessageCompressors", "snappy,zstd"),
    *("--dbpath", ".", "--logpath", "log", "--logappend", "--quiet"),
    *("--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"),
    *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
    # A secondary stops following a frozen member after one second, not five.
    *("--setParameter", "oplogNetworkTimeoutBufferSeconds=1"),
    # Documents that have expired are deleted after one second, not sixty.
    *("--setParameter", "ttlMonitorSleepSecs=1"),
    # Allows fail points.
    *("--setParameter", "enableTestCommands=1"),
]

_SETTINGS = {
    "electionTimeoutMillis": 1000,
    "heartbeatIntervalMillis": 200,
    # A new primary asks the frozen one for newer writes, but for one second and not for ten.
    "heartbeatTimeoutSecs": 1,
    "catchUpTimeoutMillis": 1000,
}

# Linux chooses higher ports by itself.
_FIRST_PORTS = range(16_000, 32_000, 1000)


def _claim(port: int) -> bool:
    """Takes the port until this process ends, unless another process has it."""
    claim, is_claimed = socket.socket(), False
    atexit.register(claim.close)
    with contextlib.suppress(OSError):
        claim.bind(("127.0.0.1", port))
        is_claimed = True
    return is_claimed


def _own_ports() -> Iterator[int]:
    """Ports that no other process of tests takes, not even while a mongod of this one is dead."""
    first = next(filter(_claim, random.sample(_FIRST_PORTS, len(_FIRST_PORTS))))
    return iter(range(first + 1, first + _FIRST_PORTS.step))


_PORTS = _own_ports()


class Member:
    """One mongod, which can be started again after it has ended."""

    def __init__(self, folder: Path, *options: str, name: str = "tests") -> None:
        """`name` is that of its replica set. The options are further ones of mongod."""
        folder.mkdir()
        self._folder = folder
        self._options = ["--replSet", name, *options]
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.client: MongoClient[dict[str, Any]] = MongoClient(
            self.address, directConnection=True, timeoutMS=20_000, uuidRepresentation="standard"
        )
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # the project's own binary
            [find_mongod(None), *_OPTIONS, *self._options, "--port", str(self._port)],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def freeze(self) -> None:
        freeze(self._process.pid)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends the mongod at once, even if it is frozen (SIGKILL)."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ends the mongod as an operator does (SIGTERM): a primary steps down first."""
        self._process.terminate()
        self._process.wait()

    def says(self, field: str) -> bool:
        """Whether this field of its answer to `hello` is true."""
        with contextlib.suppress(PyMongoError), pymongo.timeout(1):
            return bool(self.client.admin.command("hello").get(field))
        return False

    @contextlib.contextmanager
    def failing(
        self, *commands: str, mode: Any = "alwaysOn", **data: Any
    ) -> Iterator[Callable[[], None]]:
        """Makes these commands fail for the application only, while the context is open.

        Yields a function that waits until the first command has failed, or is blocked.
        """
        data = {"failCommands": commands, "appName": "graphql-api", **data}
        with self.fail_point("failCommand", mode, data) as until_failed:
            yield until_failed

    @contextlib.contextmanager
    def fail_point(
        self, name: str, mode: Any, data: dict[str, Any]
    ) -> Iterator[Callable[[], None]]:
        command = {"configureFailPoint": name}
        before: int = self.client.admin.command({**command, "mode": mode, "data": data})["count"]

        def until_reached() -> None:
            self.client.admin.command(
                "waitForFailPoint", name, timesEntered=before + 1, maxTimeMS=20_000
            )

        try:
            yield until_reached
        finally:
            # This waits for the commands that the fail point blocks.
            self.client.admin.command({**command, "mode": "off"})


class ReplicaSet:
    """Members that elect a primary within about a second."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members
        self._database_numbers = count(1)

    def initiate(self) -> None:
        members = [{"_id": n, "host": member.address} for n, member in enumerate(self.members)]
        until(lambda: all(member.says("ok") for member in self.members), "the mongods answer")
        config = {"_id": "tests", "members": members, "settings": _SETTINGS}
        self.members[0].client.admin.command("replSetInitiate", config)
        until(self.is_whole, "there are a primary and secondaries")

    def is_whole(self) -> bool:
        states = [
            "primary" if member.says("isWritablePrimary") else member.says("secondary")
            for member in self.members
        ]
        return states.count("primary") == 1 and all(states)

    def primary(self, other_than: Member | None = None) -> Member:
        def primaries() -> list[Member]:
            return [
                member
                for member in self.members
                if member is not other_than and member.says("isWritablePrimary")
            ]

        until(primaries, "there is a primary")
        return primaries()[0]

    def customers(self, database_uri: str) -> Collection[dict[str, Any]]:
        """The collection in which an application with this URI stores its customers."""
        database = database_uri.rpartition("/")[2].partition("?")[0]
        return self.primary().client[database]["customers"]

    def database_uri(self) -> str:
        """The URI of a new database."""
        hosts = ",".join(member.address for member in self.members)
        return f"mongodb://{hosts}/test-{next(self._database_numbers)}?replicaSet=tests"


@contextlib.contextmanager
def replica_set(folder: Path, size: int) -> Iterator[ReplicaSet]:
    """Yields a replica set that is ready, and kills its mongods at the end."""
    members = [Member(folder / f"member{number}") for number in range(size)]
    try:
        whole = ReplicaSet(members)
        whole.initiate()
        yield whole
    finally:
        for member in members:
            member.client.close()
            member.kill()


def free_port() -> int:
    """A port on which nothing listens now. No port is returned twice."""
    return next(filter(_is_free, _PORTS))


def _is_free(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0

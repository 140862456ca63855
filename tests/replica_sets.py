"""Replica sets of real mongods that tests may kill, freeze, restart and make fail."""

import contextlib
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from graphql_api.mongo.mongod import find_mongod

from .servers import until

_OPTIONS = [
    *("--bind_ip", "127.0.0.1", "--nounixsocket", "--replSet", "tests"),
    *("--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64", "--quiet"),
    *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
    # A secondary looks for another one to follow than a frozen one: after a second, not five.
    *("--setParameter", "oplogNetworkTimeoutBufferSeconds=1"),
    # Fail points.
    *("--setParameter", "enableTestCommands=1"),
]


class Member:
    """One mongod, which can be started again after it was killed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._port = _free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.client: MongoClient[dict[str, Any]] = MongoClient(
            self.address, directConnection=True, timeoutMS=1000, connect=False
        )
        self.start()

    def start(self) -> None:
        files = ["--dbpath", self._folder, "--logpath", self._folder / "log", "--logappend"]
        self._process = subprocess.Popen(  # noqa: S603  # the binary that the server takes, too
            [find_mongod(None), *_OPTIONS, "--port", str(self._port), *files],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """`kill -9`, frozen or not."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """As an operator does: it steps down first."""
        self._process.terminate()
        self._process.wait()

    def is_primary(self) -> bool:
        with contextlib.suppress(PyMongoError):
            return bool(self.client.admin.command("hello")["isWritablePrimary"])
        return False


class ReplicaSet:
    """The members, and the URI that names them all."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members
        hosts = ",".join(member.address for member in members)
        self.uri = f"mongodb://{hosts}/?replicaSet=tests"

    def primary(self) -> Member:
        until(lambda: any(member.is_primary() for member in self.members), "there is a primary")
        return next(member for member in self.members if member.is_primary())


@contextlib.contextmanager
def replica_set(folder: Path, size: int) -> Iterator[ReplicaSet]:
    """A replica set with a primary that elects another one within about a second."""
    members = [Member(folder / str(number)) for number in range(size)]
    config = {
        "_id": "tests",
        "members": [
            {"_id": number, "host": member.address} for number, member in enumerate(members)
        ],
        "settings": {
            "electionTimeoutMillis": 1000,
            "heartbeatIntervalMillis": 200,
            # A new primary looks for what a frozen one may have had more.
            "heartbeatTimeoutSecs": 1,
            "catchUpTimeoutMillis": 1000,
        },
    }
    try:
        until(lambda: all(map(_answers, members)), "all mongods answer")
        members[0].client.admin.command("replSetInitiate", config)
        yield ReplicaSet(members)
    finally:
        for member in members:
            member.client.close()
            member.kill()


def _answers(member: Member) -> bool:
    with contextlib.suppress(PyMongoError):
        return bool(member.client.admin.command("ping"))
    return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])

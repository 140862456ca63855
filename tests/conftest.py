"""The fixtures that tests share: one embedded MongoDB, and servers on real sockets."""

import io
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from pymongo import MongoClient
from pymongo.collection import Collection
from starlette.applications import Starlette
from xdist.workermanage import NodeManager  # type: ignore[import-untyped]  # it has no types

from graphql_api.__main__ import main
from graphql_api.app import create_app
from graphql_api.mongo.customers import MongoCustomers
from graphql_api.mongo.database import MongoDatabase
from graphql_api.mongo.mongod import embedded_mongod, find_mongod
from graphql_api.settings import PREFIX

from .support.clients import client_of, connected
from .support.databases import DRIVER, DRIVER_VARIABLE, database_at, settings_for
from .support.emptied_databases import EmptiedDatabases
from .support.replica_sets import Member, ReplicaSet, replica_set
from .support.servers import Server, serving, variables_of_a_service
from .support.tracers import measured_apart, unmeasured

# A shell ignores Ctrl-C in what it starts in the background, and programs inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The processes of the tests write their coverage at the end. After this time, they are killed.
NodeManager.EXIT_TIMEOUT = 60

# Runs a command. Returns its exit code, its standard output and its standard error.
Command = Callable[..., tuple[int, str, str]]

_database_numbers = count(1)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Has coverage see in one process only how the tests are imported, because all import them."""
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") != "gw0":
        session.perform_collect = unmeasured(session.perform_collect)  # type: ignore[assignment]  # pytest calls it


def pytest_collection_finish(session: pytest.Session) -> None:
    """Has the tests with the mark `unmeasured` run without coverage's tracer."""
    for item in session.items:
        if item.get_closest_marker("unmeasured"):
            item.runtest = unmeasured(item.runtest)  # type: ignore[method-assign]  # pytest calls it


@pytest.fixture
def graphql_api(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`graphql-api` in this process, with this process's environment without its settings."""
    environment = {name: os.environ[name] for name in os.environ if not name.startswith(PREFIX)}
    environment[DRIVER_VARIABLE] = DRIVER

    def run(*arguments: str, **variables: str) -> tuple[int, str, str]:
        monkeypatch.setattr(os, "environ", {**environment, **variables})
        # As Python opens the standard error of a process.
        cast(io.TextIOWrapper, sys.stderr).reconfigure(errors="backslashreplace")
        code = measured_apart(main)(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def errors(tmp_path: Path) -> Path:
    """The file for the standard error of another process."""
    return tmp_path / "stderr"


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """The path of a new data directory, short enough for the socket in it, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory(prefix="graphql-api-tests-") as folder:
        yield Path(folder, "data")


@pytest.fixture(scope="session")
def mongodb_dir() -> Iterator[Path]:
    """The data directory of the MongoDB for the whole run."""
    with tempfile.TemporaryDirectory(prefix="graphql-api-tests-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def mongodb_uri(mongodb_dir: Path) -> Iterator[str]:
    """The URI of a MongoDB for the whole run; it names no database."""
    with embedded_mongod(find_mongod(None), mongodb_dir) as uri:
        yield uri


@pytest.fixture
def database_uri(mongodb_uri: str) -> str:
    """The URI of a new database on that MongoDB."""
    return _new_database(mongodb_uri)


@pytest.fixture(scope="session")
async def emptied(mongodb_uri: str) -> AsyncIterator[EmptiedDatabases]:
    """Databases that the application has set up, for one test after another."""
    with MongoClient[dict[str, Any]](mongodb_uri) as mongo:
        async with database_at(_new_database(mongodb_uri)) as database:
            await database.set_up()
            example = mongo[database.driver.database.name]
        yield EmptiedDatabases(example)


@pytest.fixture
def emptied_database_uri(mongodb_uri: str, emptied: EmptiedDatabases) -> Iterator[str]:
    """The URI of a database without documents, which the application has set up.

    It is for tests whose application sets up the database in any case. For a new database, MongoDB
    would have to write a dozen files.
    """
    with emptied.one() as name:
        yield mongodb_uri.replace("/?", f"/{name}?")


@pytest.fixture
async def app(database_uri: str) -> AsyncIterator[Starlette]:
    """The application on that database, as a server starts and stops it."""
    app = create_app(settings_for(database_uri))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that application, through ASGI."""
    async with client_of(app) as client:
        yield client


@pytest.fixture(scope="session")
async def lasting_client(mongodb_uri: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one application for all tests for which it does not matter what is stored.

    For them, to set up a database for each test would take more time than the test.
    """
    async with connected(_new_database(mongodb_uri)) as client:
        yield client


@pytest.fixture
def documents(database_uri: str) -> Iterator[Collection[dict[str, Any]]]:
    """The collection of the customers that the application has stored."""
    with MongoClient[dict[str, Any]](database_uri, uuidRepresentation="standard") as mongo:
        yield mongo.get_default_database()["customers"]


@pytest.fixture
def is_sharded() -> bool:
    """Whether `database` has the form that MongoDB can shard."""
    return False


@pytest.fixture
async def database(database_uri: str, *, is_sharded: bool) -> AsyncIterator[MongoDatabase]:
    """That database, set up by the application."""
    async with database_at(database_uri, is_sharded=is_sharded) as database:
        await database.set_up()
        yield database


@pytest.fixture
def customers(database: MongoDatabase) -> MongoCustomers:
    """The application's customers in it."""
    return MongoCustomers(database)


@pytest.fixture(scope="session")
def server_database_uri(mongodb_uri: str) -> str:
    """The URI of the server's database."""
    return _new_database(mongodb_uri)


@pytest.fixture(scope="session")
def server(server_database_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A `graphql-api serve` with its own database, as in a pod beside a Kubernetes Service.

    It shows metrics, so that all kinds of requests are also measured.
    """
    with serving(
        *("--metrics-port", "0"),
        errors=tmp_path_factory.mktemp("server") / "stderr",
        stop=True,
        measured=True,
        GRAPHQL_API_MONGODB_URI=server_database_uri,
        GRAPHQL_API_INTROSPECTION="true",
        **variables_of_a_service("GRAPHQL_API"),
    ) as server:
        yield server


@pytest.fixture
def server_url(server: Server) -> str:
    """The address of that server, such as http://host:port."""
    return server.url


@pytest.fixture(scope="session")
def impatient_database_uri(mongodb_uri: str) -> str:
    """The URI of the impatient server's database."""
    return _new_database(mongodb_uri)


@pytest.fixture(scope="session")
def impatient_server(
    impatient_database_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server with limits of one second, and its own database."""
    with serving(
        errors=tmp_path_factory.mktemp("impatient-server") / "stderr",
        measured=True,
        GRAPHQL_API_MONGODB_URI=impatient_database_uri,
        GRAPHQL_API_GRAPHIQL="true",
        GRAPHQL_API_RECEIVE_SECONDS="1",
        GRAPHQL_API_SEND_SECONDS="1",
        GRAPHQL_API_KEEP_ALIVE_SECONDS="1",
    ) as server:
        yield server


@pytest.fixture(scope="session")
def failing_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """A replica set with one member, which tests may let fail."""
    with replica_set(tmp_path_factory.mktemp("failing-set"), 1) as failing_set:
        yield failing_set


@pytest.fixture(scope="session")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """A replica set with three members, which tests may let fail."""
    with replica_set(tmp_path_factory.mktemp("three"), 3) as three:
        yield three


@pytest.fixture
def member(failing_set: ReplicaSet) -> Member:
    """The only member of that replica set."""
    return failing_set.members[0]


def _new_database(mongodb_uri: str) -> str:
    return mongodb_uri.replace("/?", f"/test-{next(_database_numbers)}?")

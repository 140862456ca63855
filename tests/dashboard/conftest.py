"""One Chromium and one open server for all tests of the dashboard."""

import asyncio
import os
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from ..support.node import CHROMIUM
from ..support.paths import ROOT
from ..support.servers import Server, serving
from .stories import Browser

# The longest line that a story may print.
_LINE = 2**22


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:  # pragma: no cover  # as in node.py
    """Chromium, which starts once for all stories."""
    process = await asyncio.create_subprocess_exec(
        *("node", ROOT / "tests/dashboard/play.mjs"),
        stdin=PIPE,
        stdout=PIPE,
        limit=_LINE,
        env={**os.environ, "CHROMIUM": CHROMIUM or ""},
    )
    assert process.stdin is not None
    yield Browser(process)
    process.stdin.close()
    await process.wait()


@pytest.fixture(scope="session")
def open_server(
    mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, str]]:  # pragma: no cover  # as in node.py
    """A server with a dashboard for everybody, and the URI of its database."""
    uri = mongodb_uri.replace("/?", "/dashboard?")
    with serving(
        errors=tmp_path_factory.mktemp("dashboard") / "stderr",
        GRAPHQL_API_MONGODB_URI=uri,
        GRAPHQL_API_INTROSPECTION="true",
    ) as server:
        yield server, uri


@pytest.fixture
def url(open_server: tuple[Server, str]) -> str:  # pragma: no cover  # as in node.py
    """The address of that server, which has no customers."""
    server, uri = open_server
    with MongoClient[dict[str, Any]](uri) as mongo:
        mongo.get_default_database()["customers"].delete_many({})
    return server.url


@pytest.fixture
def pictures(tmp_path: Path) -> Path:  # pragma: no cover  # as in node.py
    """The folder for pictures, which `make images` sets."""
    return Path(os.environ.get("IMAGES", tmp_path)).absolute()

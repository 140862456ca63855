"""One Chromium and one open server for all tests of the dashboard."""

import asyncio
import json
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from ..support.node import CHROMIUM
from ..support.paths import ROOT
from ..support.servers import Server, serving

# More than a story takes on a busy machine.
_SECONDS = 240
# The longest line that a story may print.
_LINE = 2**22


class Browser:  # pragma: no cover  # as in node.py
    """Chromium, which plays the stories in the scripts beside this file."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def play(
        self, story: str, url: str, *, given: Any = None, **actions: Callable[[], Awaitable[None]]
    ) -> Any:
        """The result of a story with a server. The story can ask for the actions, by their names.

        Asserts that the story ends as it should.
        """
        answer = await self._answer({"story": story, "origin": url, "given": given})
        while action := answer.get("asks"):
            await actions[action]()
            answer = await self._answer(None)
        assert "error" not in answer, answer["error"]
        return answer["told"]

    async def _answer(self, message: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        async with asyncio.timeout(_SECONDS):
            return json.loads(await self._process.stdout.readline())


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

"""The command line, and the server on real sockets: how it starts, what stops it, what it leaves."""

import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from graphql_api.__main__ import main
from graphql_api.schema.schema import sdl
from graphql_api.server import _authority

from .clients import create_customer
from .servers import Server, alive, launched, mongods, serving, until


@pytest.fixture
def errors(tmp_path: Path) -> Path:
    """Where a server's standard error goes."""
    return tmp_path / "stderr"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The whole environment of commands that run in this process."""
    variables: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", variables)
    return variables


async def test_the_server_shows_graphiql_where_it_says_and_creates_customers(
    server_url: str,
) -> None:
    async with httpx.AsyncClient(base_url=server_url) as client:
        page = await client.get("/graphql", headers={"Accept": "text/html"})
        created = await create_customer(client)

    assert "GraphiQL" in page.text
    assert created["__typename"] == "CreateCustomerSuccess"


async def test_a_server_brings_its_own_mongodb_and_flags_win_over_variables(
    data_dir: Path, errors: Path
) -> None:
    variables = {"GRAPHQL_API_PORT": "abc", "GRAPHQL_API_DATA_DIR": str(data_dir)}

    with serving(errors=errors, **variables) as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
            created = await create_customer(client)
        running = mongods(data_dir)

    assert created["__typename"] == "CreateCustomerSuccess"
    assert len(running) == 1
    assert mongods(data_dir) == []


def interrupt(server: Server) -> None:
    """Ctrl-C, which reaches every process of a terminal's foreground group."""
    os.killpg(server.process.pid, signal.SIGINT)


def terminate(server: Server) -> None:
    server.process.terminate()


@pytest.mark.parametrize(
    ("workers", "stop"), [(1, interrupt), (2, interrupt), (2, terminate)]
)
def test_a_server_that_is_stopped_leaves_no_process(
    workers: int, stop: Callable[[Server], None], data_dir: Path, errors: Path
) -> None:
    flags = ("--data-dir", str(data_dir), "--workers", str(workers))

    with serving(*flags, errors=errors, stop=False) as server:
        if workers > 1:
            until(lambda: len(server.workers()) == workers, "all workers run")
        processes = [*server.workers(), *mongods(data_dir)]
        stop(server)
        server.process.wait(20)

    assert server.process.returncode == 0
    # One mongod serves all the workers.
    assert len(processes) == (workers if workers > 1 else 0) + 1
    assert not [pid for pid in processes if alive(pid)]
    assert "Traceback" not in errors.read_text()


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_server_that_is_killed_leaves_no_process_and_the_next_one_starts(
    workers: int, data_dir: Path, errors: Path
) -> None:
    flags = ("--data-dir", str(data_dir), "--workers", str(workers))
    with serving(*flags, errors=errors, stop=False) as server:
        processes = [*server.workers(), *mongods(data_dir)]
        server.kill()

    with serving("--data-dir", str(data_dir), errors=errors) as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
            created = await create_customer(client)
        until(lambda: not [pid for pid in processes if alive(pid)], "the processes have ended")
        running = mongods(data_dir)

    assert created["__typename"] == "CreateCustomerSuccess"
    assert len(running) == 1

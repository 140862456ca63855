"""Operators hear of a fault of MongoDB itself, if their MongoDB has it."""

import asyncio
import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from graphql_api.mongo import known_faults, mongod
from graphql_api.mongo.known_faults import leaks_memory
from graphql_api.mongo.mongod import embedded_mongod, find_mongod

from ..conftest import Command
from ..support.databases import database_at


@pytest.mark.parametrize(
    ("version", "leaks"),
    [
        ("3.6.23", True),
        ("4.2.25", True),
        ("4.4.29", True),
        ("4.4.30", False),
        ("5.0.31", True),
        ("5.0.32", False),
        ("6.0.5", True),
        ("6.0.26", True),
        ("6.0.27", False),
        ("6.3.2", True),
        ("7.0.27", True),
        ("7.0.28", False),
        ("7.3.4", True),
        ("8.0.16", True),
        ("8.0.17", False),
        ("8.1.2", True),
        ("8.2.2", True),
        ("8.2.3", False),
        ("8.3.0", False),
        ("9.0.0", False),
    ],
)
def test_the_versions_that_leak_memory_are_known(version: str, *, leaks: bool) -> None:
    # MongoDB adds a fourth number.
    assert leaks_memory([*map(int, version.split(".")), 0]) is leaks


def test_a_mongodb_that_leaks_memory_is_reported_unless_it_refuses_zlib(
    graphql_api: Command, data_dir: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = mongod._OPTIONS.index("--networkMessageCompressors")
    defaults = mongod._OPTIONS[:place] + mongod._OPTIONS[place + 2 :]
    monkeypatch.setattr(mongod, "_OPTIONS", defaults)
    # The mongod of this machine may be newer than that of the extra.
    monkeypatch.setattr(known_faults, "_CORRECTED", {})
    monkeypatch.setattr(known_faults, "_LAST", (100, 0))

    without_zlib = asyncio.run(warnings_of_a_start(database_uri))
    with embedded_mongod(find_mongod(None), data_dir) as uri:
        [fault] = asyncio.run(warnings_of_a_start(uri))
        code, output, _ = graphql_api("database", "check", GRAPHQL_API_MONGODB_URI=uri)
        monkeypatch.setattr(known_faults, "_LAST", (0, 0))
        corrected = asyncio.run(warnings_of_a_start(uri))

    assert without_zlib == corrected == []
    assert re.match(r"MongoDB [0-9.]+ has the fault CVE-2025-14847: every program", fault)
    assert (code, output.splitlines()[0]) == (1, fault)


async def warnings_of_a_start(uri: str) -> list[str]:
    async with database_at(uri) as database:
        with capture_logs() as logged:
            await database.set_up()
    return [line["event"] for line in logged if line["log_level"] == "warning"]

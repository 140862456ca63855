"""Creations are measured beside other work and beside many customers, on a real server."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest

import benchmarks.database
from benchmarks import beside, growth, open_loop, tails
from benchmarks.beside import works_beside
from benchmarks.database import Database
from benchmarks.growth import measure_growth
from benchmarks.many_customers import documents
from benchmarks.servers import SUBSCRIBERS, WITH_SUBSCRIBERS, Server, ServerFailed, started
from benchmarks.tails import Start, draw_tails, half_load, measure_tails, print_tails

from .conftest import needs_wrk


@pytest.fixture
def start(  # pragma: no cover  # where wrk is missing
    mongodb_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Start:
    """Starts servers, each with a database that no other test has."""
    monkeypatch.setattr(benchmarks.database, "_numbers", count(uuid4().int >> 96))

    @contextmanager
    def starting() -> Iterator[list[Server]]:
        with (
            closing(Database(mongodb_uri, documents(100))) as database,
            started(WITH_SUBSCRIBERS, database, tmp_path) as running,
        ):
            yield [running]

    return starting


@needs_wrk
def test_creations_are_measured_beside_all_work(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "_ROWS", 50)
    monkeypatch.setattr(beside, "_ROWS_IN_A_SECOND", 50)
    monkeypatch.setattr(tails, "_WARM_UP_SECONDS", 0.5)
    monkeypatch.setattr(tails, "_MOST_IN_A_SECOND", 200)
    # Each is used so often that the server does not close it.
    monkeypatch.setattr(open_loop, "_CONNECTIONS", 8)
    works = works_beside(tmp_path, 1)
    assert [*works] == [
        *("nothing", "a page of 50", "a search", f"{SUBSCRIBERS} subscribers"),
        *("50 imported rows a second", "all of these", "an import of 50 rows"),
    ]
    assert {name: len(of_kind) for name, of_kind in works.items() if len(of_kind) != 1} == {
        "nothing": 0,
        "all of these": 4,
    }
    stored = []

    @contextmanager
    def counting(server: Server) -> Iterator[Callable[[], bool]]:
        before = len(server.database)
        yield lambda: True
        stored.append(len(server.database) - before)

    assert half_load(start, 0.1) > 1
    all_works = {"all of these": [counting, *works["all of these"]]}
    measured = measure_tails(start, all_works, 20, 1, 0.1)
    numbers = print_tails(measured)["all of these"]
    draw_tails(measured, tmp_path / "tails.svg")

    assert 1 < numbers["creations"] == stored[0] - 50
    assert 0 < numbers["p50 ms"] <= numbers["p99 ms"] <= numbers["p99.9 ms"]
    assert numbers["p99 / p50"] == numbers["p99 ms"] / numbers["p50 ms"]
    assert "all of these" in (tmp_path / "tails.svg").read_text("utf-8")

    monkeypatch.setattr(beside, "COMMON_FIRST_NAME", "Nobody")
    search = {"a search": works_beside(tmp_path, 1)["a search"]}
    with pytest.raises(ServerFailed, match=r"^The work beside creations failed\.$"):
        measure_tails(start, search, 20, 1, 0.1)


@needs_wrk
def test_creations_are_measured_as_the_customers_grow(
    start: Start,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(growth, "_RATE", 20)
    monkeypatch.setattr(open_loop, "_CONNECTIONS", 8)
    numbers = {"a kind": {"p50 ms": 1.5}}
    with start() as [server]:
        stored = len(server.database)
        report = measure_growth([server, server], 1, 1)

        assert f"{stored:,} customers" in capsys.readouterr().out
        report.write(tmp_path / "results.json", {"tails": numbers})
        results = json.loads((tmp_path / "results.json").read_text("utf-8"))
        rounds = results["scenarios"]["create@1"][f"{stored:,} customers"]["rounds"]
        created = sum(each["requests"] for each in rounds)
        assert len(server.database) == stored + created > stored + 2
        assert results["tails"] == numbers

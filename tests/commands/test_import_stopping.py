"""`graphql-api import` goes on after a signal, a lost database and its own death."""

import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from pymongo.collection import Collection

from graphql_api.__main__ import main
from graphql_api.commands import import_customers as import_command
from graphql_api.customers.store import StoredCustomer
from graphql_api.faults import Unavailable
from graphql_api.mongo.customer_documents import LIST_INDEXES
from graphql_api.mongo.imports import MongoImports

from ..conftest import Command
from ..support.imports import AGAIN, NOT_REACHED, TOTALS, emails, people, table
from ..support.servers import launched, until
from ..support.tracers import unmeasured

Documents = Collection[dict[str, Any]]


def test_an_import_that_loses_the_database_can_be_repeated(
    importing: Command, documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_command, "_BATCH", 10)
    add_new, calls = MongoImports.add_new, 0

    async def fails_third(imports: MongoImports, new: Sequence[StoredCustomer]) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Unavailable
        return await add_new(imports, new)

    monkeypatch.setattr(MongoImports, "add_new", fails_third)
    file = table(tmp_path / "people.csv", *people(100))

    code, output, error = importing(file)
    again = importing(file)

    assert (code, output) == (2, NOT_REACHED.format(20, 20, 0, 0, 80))
    assert error.endswith(f"The database is unavailable. {AGAIN}")
    assert again[0] == 0
    assert documents.count_documents({}) == 100


def process(file: str, database_uri: str, errors: Path) -> Any:
    return launched(
        "import", file, errors=errors, measured=True, GRAPHQL_API_MONGODB_URI=database_uri
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_an_import_after_the_batch_and_tells_how_to_go_on(  # noqa: PLR0913,PLR0917  # fixtures
    number: signal.Signals,
    importing: Command,
    database_uri: str,
    documents: Documents,
    tmp_path: Path,
    errors: Path,
) -> None:
    file = table(tmp_path / "people.csv", *people(8_000))

    with process(file, database_uri, errors) as import_:
        until(documents.find_one, "a customer is stored")
        import_.send_signal(number)
        output, _ = import_.communicate(timeout=60)
    stored = documents.count_documents({})

    assert import_.returncode == 130
    assert output == NOT_REACHED.format(f"{stored:,}", f"{stored:,}", 0, 0, f"{8_000 - stored:,}")
    assert 0 < stored < 8_000
    assert errors.read_text().endswith(
        f"\nStopping after the current rows. Press Ctrl-C again to stop at once.\nStopped. {AGAIN}"
    )
    assert importing(file)[1] == TOTALS.format("8,000", f"{8_000 - stored:,}", f"{stored:,}", 0)


def test_a_second_signal_stops_an_import_that_waits_for_its_file(
    database_uri: str, documents: Documents, tmp_path: Path, errors: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with process(str(pipe), database_uri, errors) as import_, pipe.open("w") as writer:
        writer.write("Email\n" + "".join(f"c{number}@example.com\n" for number in range(1500)))
        writer.flush()
        until(lambda: len(documents.index_information()) > len(LIST_INDEXES), "it has begun")
        time.sleep(1)
        import_.send_signal(signal.SIGINT)
        until(lambda: "Press Ctrl-C again" in errors.read_text(), "the signal arrives")
        import_.send_signal(signal.SIGINT)
        assert import_.wait(60) == 130


@unmeasured
def import_until_killed(file: str, database_uri: str) -> None:
    """Imports in batches of five rows, in a process of its own, which is killed meanwhile."""
    os.environ["GRAPHQL_API_MONGODB_URI"] = database_uri
    import_command._BATCH = 5
    with open(os.devnull, "w") as nothing:  # noqa: PTH123
        sys.stdout = sys.stderr = nothing
        main(["import", file])


@unmeasured
def test_an_import_that_is_killed_goes_on_with_the_same_command(
    importing: Command, database_uri: str, documents: Documents, tmp_path: Path
) -> None:
    rows = [*people(1200), ("nobody", "", "")]
    file = table(tmp_path / "people.csv", *rows)
    # Each process is a copy of one that has imported the modules already.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    stored = [0]

    def goes_on(import_: BaseProcess) -> bool:
        return not import_.is_alive() or documents.count_documents({}) > stored[-1]

    for _ in range(20):
        import_ = processes.Process(target=import_until_killed, args=(file, database_uri))
        import_.start()
        until(partial(goes_on, import_), "more customers are stored")
        time.sleep(random.random() / 30)  # noqa: S311  # any moment
        import_.kill()
        import_.join()
        stored.append(documents.count_documents({}))
    code, output, _ = importing(file)

    assert stored[1] < 1200
    assert code == 1
    assert output.startswith(TOTALS.format("1,201", f"{1200 - stored[-1]:,}", f"{stored[-1]:,}", 1))
    assert emails(documents) == sorted(email for email, *_ in people(1200))

"""The work that runs beside creations: lists, a search, an import and subscribers."""

import contextlib
import http.client
import json
import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from .files import run_command, write_table
from .loads import CUSTOMERS
from .many_customers import COMMON_FIRST_NAME, MOST_CUSTOMERS, documents
from .servers import SUBSCRIBERS, Server, ServerFailed
from .subscribers import subscribe

# The rows of an import as fast as it can be, and of one with a rate.
_ROWS = 100_000
_ROWS_IN_A_SECOND = 1000
_NONEMPTY = b'"nodes":[{'
_PATIENCE_SECONDS = 30
_POLL_SECONDS = 0.1

_Argument = TypeVar("_Argument")

# Work with a server that runs while the context is open, which yields whether the work may end. At
# the end of the context it raises `ServerFailed` if it failed.
Work = Callable[[Server], contextlib.AbstractContextManager[Callable[[], bool]]]

_processes = multiprocessing.get_context("spawn")


def works_beside(folder: Path, seconds: int) -> dict[str, list[Work]]:
    """Each kind of work alone, and all together, by name. The folder is for the import's files.

    An import with a rate lasts at least these seconds.
    """
    table, table_of_a_rate = folder / "beside.csv", folder / "beside-rate.csv"
    _write_new(table, _ROWS)
    _write_new(table_of_a_rate, _ROWS_IN_A_SECOND * seconds)
    rate = ["--rate", str(_ROWS_IN_A_SECOND)]
    works: dict[str, Work] = {
        "a page of 50": partial(_in_a_process, _read_lists, {}),
        "a search": partial(_in_a_process, _read_lists, {"search": COMMON_FIRST_NAME}),
        f"{SUBSCRIBERS} subscribers": partial(_in_a_process, _subscribe, SUBSCRIBERS),
        f"{_ROWS_IN_A_SECOND:,} imported rows a second": partial(_importing, table_of_a_rate, rate),
    }
    return {
        "nothing": [],
        **{name: [work] for name, work in works.items()},
        "all of these": [*works.values()],
        f"an import of {_ROWS:,} rows": [partial(_importing, table, [])],
    }


@contextlib.contextmanager
def _in_a_process(
    work: Callable[[str, _Argument, Event, Event], None], argument: _Argument, server: Server
) -> Iterator[Callable[[], bool]]:
    ready, done = _processes.Event(), _processes.Event()
    process = _processes.Process(target=work, args=(server.url, argument, ready, done))
    process.start()
    try:
        while not ready.wait(_POLL_SECONDS) and process.exitcode is None:
            pass
        yield lambda: True
    finally:
        done.set()
        process.join()
    if process.exitcode:
        raise ServerFailed("The work beside creations failed.")


def _read_lists(url: str, variables: Mapping[str, Any], ready: Event, done: Event) -> None:
    """Reads the same list again and again."""
    body = json.dumps({"query": CUSTOMERS, "variables": variables})
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_PATIENCE_SECONDS)
    while not done.is_set():
        connection.request("POST", parts.path, body, {"Content-Type": "application/json"})
        if _NONEMPTY not in connection.getresponse().read():
            raise ServerFailed("The list is empty.")
        ready.set()
    connection.close()


def _subscribe(url: str, number: int, ready: Event, done: Event) -> None:
    subscribe(url, number, ready, done, web_sockets=False)


def _write_new(table: Path, rows: int) -> None:
    """Writes this number of invented customers as CSV, with email addresses that none has yet."""
    invented = islice(documents(MOST_CUSTOMERS), rows)
    write_table(table, ({**one, "email": one["email"].replace(".com", ".org")} for one in invented))


@contextlib.contextmanager
def _importing(table: Path, options: list[str], server: Server) -> Iterator[Callable[[], bool]]:
    command = ["import", *options, str(table)]
    output = table.with_suffix(".output")
    with ThreadPoolExecutor() as threads:
        imported = threads.submit(run_command, command, server.database.uri, output)
        yield imported.done
        imported.result()

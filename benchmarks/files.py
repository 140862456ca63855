"""The cost of an import and of an export, each in a process of its own.

Beside each of them is what MongoDB's own tools would do with the same customers.
"""

import contextlib
import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from graphql_api.customers.fields import FIELDS
from graphql_api.settings import PREFIX

from .database import Database
from .many_customers import documents
from .mongo_tools import write_prepared
from .processes import cpu_seconds, peak_bytes, resident_bytes
from .servers import ServerFailed

_POLL_SECONDS = 0.02
_COMMAND = [sys.executable, "-m", "graphql_api"]
_TOOLS = [sys.executable, "-m", "benchmarks.mongo_tools"]
_NAMES = [field.public_name for field in FIELDS]


def measure_files(mongodb_uri: str, folder: Path, rows: int) -> None:
    """Imports this number of rows twice, exports them in both forms, and prints what that costs.

    `mongodb_uri` is of an embedded MongoDB and names no database. mongod's CPU time includes a
    checkpoint after each command. A core is a second of CPU time, of the command or of mongod.
    Raises `ServerFailed` if a command fails, or if the customers are not those of the file.
    """
    source, exported = folder / "source.csv", folder / "exported.csv"
    prepared = folder / "prepared.csv"
    write_prepared(partial(documents, rows), prepared)
    write_table(source, documents(rows))
    uri = mongodb_uri.replace("/?", "/benchmark-files?")
    titles = ("s", "rows/s", "CPU s", "mongod CPU s", "rows/s/core", "peak MiB")
    print(f"{f'{rows:,} rows':<22}{''.join(title.rjust(14) for title in titles)}", flush=True)
    with (
        MongoClient[dict[str, Any]](uri) as client,
        contextlib.closing(Database(mongodb_uri)) as beside,
    ):
        steps = {
            "import": (_COMMAND, "import", source, uri),
            "    mongoimport": (_TOOLS, "import", prepared, beside.uri),
            "import again": (_COMMAND, "import", source, uri),
            "export, CSV": (_COMMAND, "export", exported, uri),
            "    mongoexport": (_TOOLS, "export", folder / "tools.csv", beside.uri),
            "export, JSON Lines": (_COMMAND, "export", folder / "exported.jsonl", uri),
            "import of the export": (_COMMAND, "import", exported, uri),
        }
        mongod = client.admin.command("serverStatus")["pid"]
        for name, (program, action, file, database) in steps.items():
            began, mongod_before = time.monotonic(), cpu_seconds(mongod)
            seconds_of_cpu, peak = run_command(
                [action, str(file)], database, folder / "output", program
            )
            seconds = time.monotonic() - began
            client.admin.command("fsync")
            mongod_seconds = cpu_seconds(mongod) - mongod_before
            cells = (
                *(f"{seconds:.1f}", f"{rows / seconds:,.0f}", f"{seconds_of_cpu:.1f}"),
                *(f"{mongod_seconds:.1f}", f"{rows / (seconds_of_cpu + mongod_seconds):,.0f}"),
                f"{peak / 2**20:.0f}",
            )
            print(f"{name:<22}{''.join(cell.rjust(14) for cell in cells)}", flush=True)
        print(f"mongod has {resident_bytes(mongod) / 2**20:,.0f} MiB.\n", flush=True)
        imported = len(beside)
    if imported != rows or _customers(source) != _customers(folder / "tools.csv"):
        raise ServerFailed("MongoDB's tools imported or exported other customers.")
    if _customers(source) != _customers(exported):
        raise ServerFailed("The exported customers are not the imported ones.")


def write_table(file: Path, customers: Iterable[dict[str, Any]]) -> None:
    """Writes the fields of these documents of customers as CSV."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        table = csv.DictWriter(opened, _NAMES, extrasaction="ignore")
        table.writeheader()
        table.writerows(customers)


def run_command(
    arguments: list[str], uri: str, output: Path, program: list[str] | None = None
) -> tuple[float, int]:
    """The CPU seconds and the largest memory, in bytes, of one command. Raises `ServerFailed`.

    Without a program, it is a command of `graphql-api`.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with output.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603  # our own command line
            [*(program or _COMMAND), *arguments],
            env={**inherited, f"{PREFIX}MONGODB_URI": uri},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
        peak = 0
        # The largest memory that `wait4` tells is not less than that of this process.
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            peak = max(peak, peak_bytes(process.pid))
            time.sleep(_POLL_SECONDS)
    _, status, usage = ended
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise ServerFailed(f"The {arguments[0]} failed: {output.read_text()}")
    return usage.ru_utime + usage.ru_stime, peak


def _customers(file: Path) -> list[str]:
    """The values of each row, in an order that does not depend on that of the rows."""
    with file.open(encoding="utf-8", newline="") as opened:
        return sorted("\0".join(row[name] for name in _NAMES) for row in csv.DictReader(opened))

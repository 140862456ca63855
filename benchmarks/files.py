"""The cost of an import and of an export, each in a process of its own."""

import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from graphql_api.customers.fields import FIELDS
from graphql_api.settings import PREFIX

from .many_customers import documents
from .processes import cpu_seconds, peak_bytes, resident_bytes
from .servers import ServerFailed

_POLL_SECONDS = 0.02
_COMMAND = [sys.executable, "-m", "graphql_api"]
_NAMES = [field.public_name for field in FIELDS]


def measure_files(mongodb_uri: str, folder: Path, rows: int) -> None:
    """Imports this number of rows twice, exports them in both forms, and prints what that costs.

    `mongodb_uri` is of an embedded MongoDB and names no database. Raises `ServerFailed` if a
    command fails, or if the exported customers are not the imported ones.
    """
    source, exported = folder / "source.csv", folder / "exported.csv"
    write_table(source, documents(rows))
    steps = {
        "import": ["import", str(source)],
        "import again": ["import", str(source)],
        "export, CSV": ["export", str(exported)],
        "export, JSON Lines": ["export", str(folder / "exported.jsonl")],
        "import of the export": ["import", str(exported)],
    }
    uri = mongodb_uri.replace("/?", "/benchmark-files?")
    titles = ("s", "rows/s", "CPU s", "mongod CPU s", "peak MiB")
    print(f"{f'{rows:,} rows':<22}{''.join(title.rjust(14) for title in titles)}", flush=True)
    with MongoClient[dict[str, Any]](uri) as client:
        mongod = client.admin.command("serverStatus")["pid"]
        for name, arguments in steps.items():
            began, mongod_before = time.monotonic(), cpu_seconds(mongod)
            seconds_of_cpu, peak = run_command(arguments, uri, folder / "output")
            seconds = time.monotonic() - began
            cells = (
                *(f"{seconds:.1f}", f"{rows / seconds:,.0f}", f"{seconds_of_cpu:.1f}"),
                *(f"{cpu_seconds(mongod) - mongod_before:.1f}", f"{peak / 2**20:.0f}"),
            )
            print(f"{name:<22}{''.join(cell.rjust(14) for cell in cells)}", flush=True)
        print(f"mongod has {resident_bytes(mongod) / 2**20:,.0f} MiB.\n", flush=True)
    if _customers(source) != _customers(exported):
        raise ServerFailed("The exported customers are not the imported ones.")


def write_table(file: Path, customers: Iterable[dict[str, Any]]) -> None:
    """Writes the fields of these documents of customers as CSV."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        table = csv.DictWriter(opened, _NAMES, extrasaction="ignore")
        table.writeheader()
        table.writerows(customers)


def run_command(arguments: list[str], uri: str, output: Path) -> tuple[float, int]:
    """The CPU seconds and the largest memory, in bytes, of one command. Raises `ServerFailed`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with output.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603  # our own command line
            [*_COMMAND, *arguments],
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
        raise ServerFailed(f"graphql-api {arguments[0]} failed: {output.read_text()}")
    return usage.ru_utime + usage.ru_stime, peak


def _customers(file: Path) -> list[str]:
    """The values of each row, in an order that does not depend on that of the rows."""
    with file.open(encoding="utf-8", newline="") as opened:
        return sorted("\0".join(row[name] for name in _NAMES) for row in csv.DictReader(opened))

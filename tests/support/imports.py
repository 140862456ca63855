"""Files to import, and what the command says about them."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pymongo.collection import Collection

TOTALS = "{} rows: {} created, {} already there, {} rejected.\n"
NOT_REACHED = TOTALS.replace("rejected.", "rejected. {} more rows not reached.")
AGAIN = "To go on, run the same command again: rows that are stored will count as already there.\n"


def table(path: Path, *rows: Sequence[object], headers: str = "Email,Name,Phone") -> str:
    """Writes a CSV file, and returns its path."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([headers.split(","), *rows])
    return str(path)


def people(count: int) -> list[tuple[str, str, str]]:
    return [(f"c{number}@example.com", "John Smith", f"{number:05}") for number in range(count)]


def emails(documents: Collection[dict[str, Any]]) -> list[str]:
    return sorted(document["email"] for document in documents.find())


def reasons(output: str) -> list[list[str]]:
    """The rows of the table of reasons."""
    _, _, lines = output.partition("ROWS  FIRST LINE  REASON\n")
    return [re.split("  +", line, maxsplit=2) for line in lines.splitlines() if line[0].isdigit()]

"""What `mongoimport` and `mongoexport` do, as far as an import and an export of customers need it.

`mongoimport` parses a CSV file with types in its header (`--columnsHaveTypes`), and several workers
insert unordered batches of 1,000 documents (`--numInsertionWorkers`). It validates nothing itself,
so the file has everything that the server stores. `mongoexport` reads all documents in the order of
their ids, and writes the columns that it is asked for.
"""

import csv
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from pymongo import MongoClient
from pymongo.collection import Collection

from graphql_api.customers.fields import FIELDS
from graphql_api.settings import variable

_BATCH = 1000
# As many as `graphql-api import` has batches in flight.
_WORKERS = 4

_EXPORTED = ["_id", *(field.public_name for field in FIELDS), "createdAt", "updatedAt"]

_Document = dict[str, Any]


def write_prepared(documents: Callable[[], Iterable[_Document]], file: Path) -> None:
    """Writes documents of customers as the CSV file that `mongoimport` reads.

    `documents` is called twice. A column has a name and a type. The elements of an array have a
    column each, with their numbers.
    """
    header = dict.fromkeys(name for document in documents() for name, _ in _cells(document))
    with file.open("w", encoding="utf-8", newline="") as opened:
        table = csv.DictWriter(opened, list(header))
        table.writeheader()
        table.writerows(dict(_cells(document)) for document in documents())


def _cells(document: _Document) -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        if isinstance(value, list):
            for number, element in enumerate(value):
                yield f"{name}.{number}.string()", element
        elif isinstance(value, datetime):
            yield f"{name}.date_ms()", str(round(value.timestamp() * 1000))
        elif isinstance(value, UUID):
            yield f"{name}.binary(hex)", value.hex
        else:
            yield f"{name}.{'int32' if isinstance(value, int) else 'string'}()", str(value)


def mongoimport(customers: Collection[_Document], file: Path) -> None:
    """Raises `pymongo.errors.PyMongoError` if a document is refused."""
    with file.open(encoding="utf-8", newline="") as opened, ThreadPoolExecutor(_WORKERS) as threads:
        table = csv.reader(opened)
        columns = [_column(name) for name in next(table)]
        documents = (_document(columns, row) for row in table)
        inserting = set()
        while batch := list(islice(documents, _BATCH)):
            inserting.add(threads.submit(customers.insert_many, batch, ordered=False))
            if len(inserting) == _WORKERS:
                done, inserting = wait(inserting, return_when=FIRST_COMPLETED)
                for each in done:
                    each.result()
        for each in inserting:
            each.result()


_Column = tuple[str, bool, Callable[[str], Any]]

_TYPES: dict[str, Callable[[str], Any]] = {
    "string()": str,
    "int32()": int,
    "binary(hex)": UUID,
    "date_ms()": lambda cell: datetime.fromtimestamp(int(cell) / 1000, UTC),
}


def _column(heading: str) -> _Column:
    """The name of a field, whether it is an array, and what makes a value of a cell."""
    name, *number, type_ = heading.split(".")
    return name, bool(number), _TYPES[type_]


def _document(columns: list[_Column], row: list[str]) -> _Document:
    """The document of a row. An empty cell is no value (`--ignoreBlanks`)."""
    document: _Document = {}
    for (name, is_array, value), cell in zip(columns, row, strict=True):
        if not cell:
            continue
        if is_array:
            document.setdefault(name, []).append(value(cell))
        else:
            document[name] = value(cell)
    return document


def mongoexport(customers: Collection[_Document], file: Path) -> None:
    with file.open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(_EXPORTED)
        for document in customers.find({}, _EXPORTED, hint="_id_"):
            table.writerow([document.get(name, "") for name in _EXPORTED])


def main() -> None:
    """Arguments: `import` or `export`, and a file. The environment names the database."""
    work = {"import": mongoimport, "export": mongoexport}[sys.argv[1]]
    with MongoClient[_Document](
        os.environ[variable("mongodb_uri")],
        tz_aware=True,
        uuidRepresentation="standard",
        w="majority",
        journal=True,
    ) as client:
        work(client.get_default_database()["customers"], Path(sys.argv[2]))


if __name__ == "__main__":
    main()

"""The command `graphql-api export`, which exports customers to a file."""

import argparse
import contextlib
import gzip
import io
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TextIO, cast

from ..customers.fields import FIELDS
from ..customers.list_customers import listing
from ..customers.listings import Filter, InvalidList, Listing, Order, OrderField, TimeRange
from ..files.counts import counted
from ..files.writing import CsvWriter, JsonWriter
from ..mongo.database import MongoDatabase
from ..mongo.exports import estimated_customers, export_customers
from ..settings import Settings
from .open_database import set_up, with_database
from .progress import shown
from .setting_options import add_setting_options, environment_with
from .times import time_argument

SUMMARY = "export customers to a CSV or JSON Lines file"

_STANDARD_OUTPUT = "-"
_WRITERS: dict[str, type[CsvWriter | JsonWriter]] = {"csv": CsvWriter, "jsonl": JsonWriter}

# An import of the file creates the customers in the same order.
_OLDEST_FIRST = Order(OrderField.CREATED_AT)

# The mark at the beginning of a file with which Excel recognises UTF-8.
_MARK = "\ufeff"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    add_setting_options(parser, "data_dir")
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        default=_STANDARD_OUTPUT,
        help="The file to write, compressed if it ends in .gz. Default: -, standard output.",
    )
    parser.add_argument(
        "--format",
        choices=list(_WRITERS),
        help="Default: jsonl if the name of the file ends in .jsonl or .jsonl.gz, otherwise csv.",
    )
    parser.add_argument(
        "--excel", action="store_true", help="Begin a CSV file so that Excel reads it as UTF-8."
    )
    parser.add_argument("--search", metavar="WORDS", help="Only customers that a search finds.")
    for place in ("country", "state", "city"):
        parser.add_argument(
            f"--{place}",
            action="append",
            metavar="NAME",
            help=f"Only customers with this {place}. Repeat the option for more.",
        )
    for time, name in (("created", "created"), ("updated", "last changed")):
        parser.add_argument(
            f"--{time}-from",
            type=time_argument,
            metavar="TIME",
            help=f"Only customers that were {name} at this time or later, such as 2026-11-22 or "
            "2026-11-22T08:00+01:00. Without an offset, the time is in UTC.",
        )
        parser.add_argument(
            f"--{time}-before",
            type=time_argument,
            metavar="TIME",
            help=f"Only customers that were {name} before this time.",
        )
    for option, which in (("--has", "with"), ("--has-not", "without")):
        parser.add_argument(
            option,
            action="append",
            choices=[field.public_name for field in FIELDS],
            metavar="FIELD",
            help=f"Only customers {which} a value in this field, such as phoneNumber. Repeat the "
            "option for more.",
        )


def run(options: argparse.Namespace) -> int:
    """Exports the customers. The exit code is 0, or 2 if the options are not valid.

    Raises `SettingsError`, `MongodError`, `OSError`, and `Unavailable` with its subclass
    `Misconfigured`. Then an older file of this name is unchanged.
    """
    name = options.format or _format_of(options.file)
    if options.excel and name != "csv":
        print("graphql-api: --excel is for CSV files.", file=sys.stderr)
        return 2
    try:
        selected = listing(options.search, _filter(options), _OLDEST_FIRST)
    except InvalidList as error:
        print(f"graphql-api: {error}", file=sys.stderr)
        return 2
    return with_database(
        Settings.read(environment_with(options)),
        lambda database: _export(database, selected, name, options),
    )


async def _export(
    database: MongoDatabase, selected: Listing, format_: str, options: argparse.Namespace
) -> int:
    await set_up(database)
    total = None
    if selected == listing(order=_OLDEST_FIRST):
        total = await estimated_customers(database)
    rows = 0
    with _opened(options.file) as file, shown("Exporting", total) as progress:
        if options.excel:
            file.write(_MARK)
        writer = _WRITERS[format_](file)
        async for part in export_customers(database, selected):
            for customer in part:
                writer.write(customer)
            rows += len(part)
            progress.update(rows)
    print(f"{counted(rows, 'customer')} exported.", file=sys.stderr)
    return 0


def _format_of(name: str) -> str:
    return "jsonl" if name.removesuffix(".gz").endswith(".jsonl") else "csv"


@contextlib.contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    """The file to write. It has its name only when it is complete."""
    if name == _STANDARD_OUTPUT:
        # Python may have opened it with another encoding, and would change line breaks.
        cast(io.TextIOWrapper, sys.stdout).reconfigure(encoding="utf-8", newline="")
        yield sys.stdout
        return
    path = Path(name)
    # A pipe or a device keeps its name. A directory cannot be opened.
    is_file = path.is_file() or not path.exists()
    unfinished = Path(f"{name}.unfinished") if is_file else path
    try:
        if name.endswith(".gz"):
            with gzip.open(unfinished, "wt", encoding="utf-8", newline="") as file:
                yield file
        else:
            with unfinished.open("w", encoding="utf-8", newline="") as file:
                yield file
        if is_file:
            # Also if the name is that of a symbolic link.
            unfinished.replace(path.resolve())
    finally:
        if is_file:
            unfinished.unlink(missing_ok=True)


def _filter(options: argparse.Namespace) -> Filter:
    return Filter(
        created_at=_times(options.created_from, options.created_before),
        updated_at=_times(options.updated_from, options.updated_before),
        country=_values(options.country),
        state=_values(options.state),
        city=_values(options.city),
        has=_names(options.has),
        has_not=_names(options.has_not),
    )


def _times(start: datetime | None, before: datetime | None) -> TimeRange | None:
    return None if start is None and before is None else TimeRange(start, before)


def _values(texts: list[str] | None) -> tuple[str, ...] | None:
    return None if texts is None else tuple(texts)


def _names(public_names: list[str] | None) -> tuple[str, ...] | None:
    if public_names is None:
        return None
    return tuple(field.name for field in FIELDS if field.public_name in public_names)

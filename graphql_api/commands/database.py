"""The command `graphql-api database`, which migrates and checks the stored customers."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from ..mongo.check import check
from ..mongo.database import MongoDatabase
from ..mongo.migrations import Progress, migrate
from ..settings import Settings
from .open_database import set_up, with_database
from .setting_options import add_setting_options, environment_with
from .table import print_table

SUMMARY = "migrate and check the stored customers"

_Action = Callable[[MongoDatabase], Awaitable[int]]

_COLUMNS = ("COUNT", "FAULT")
_PROGRESS_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the actions, each with its arguments."""
    shared = argparse.ArgumentParser(add_help=False)
    add_setting_options(shared, "data_dir")
    actions = parser.add_subparsers(dest="action", required=True)

    migrating = actions.add_parser(
        "migrate",
        help="migrate the customers that older versions stored; servers may run meanwhile",
        description="Migrates the customers that older versions stored. Servers may run meanwhile.",
        parents=[shared],
    )
    migrating.set_defaults(action=_migrate)

    checking = actions.add_parser(
        "check",
        help="check every customer, the indexes and the validator, and change nothing",
        description="Checks every customer, the indexes and the validator, and changes nothing.",
        parents=[shared],
    )
    checking.set_defaults(action=_check)


def run(options: argparse.Namespace) -> int:
    """Runs the action and returns its exit code.

    Raises `SettingsError`, `MongodError` and `Unavailable`.
    """
    action: _Action = options.action
    return with_database(Settings.read(environment_with(options)), action)


async def _migrate(database: MongoDatabase) -> int:
    # The query for what is left to migrate needs its index.
    await set_up(database)
    progress, shown_at = Progress(), time.monotonic()
    async for batch in migrate(database):
        for refusal in progress.count(batch):
            print(f"graphql-api: {refusal}", file=sys.stderr)
        if time.monotonic() > shown_at + _PROGRESS_SECONDS:
            shown_at = time.monotonic()
            print(f"{progress.total} About {batch.share:.0%} read.", file=sys.stderr)
    print(progress.total)
    return 1 if progress.refused else 0


async def _check(database: MongoDatabase) -> int:
    customers = removed = 0
    faults: Counter[str] = Counter()
    async for checked in check(database):
        customers += checked.customers
        removed += checked.removed
        for finding in checked.findings:
            faults[finding.fault] += 1
            print(finding.fault if finding.id is None else f"{finding.id}: {finding.fault}")
    print(f"Customers: {customers:,}; remains of removed customers: {removed:,}.")
    if faults:
        print_table(_COLUMNS, *((f"{count:,}", fault) for fault, count in faults.most_common()))
    else:
        print("No fault was found.")
    return 1 if faults else 0

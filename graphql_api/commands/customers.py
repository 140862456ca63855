"""The command `graphql-api customers`, which erases a customer for the sake of privacy."""

import argparse
import sys
from datetime import datetime
from uuid import UUID

from ..customers.delete_customer import Deleted, delete_customer
from ..customers.formats import EMAIL
from ..faults import ChangeUnknown, Unavailable
from ..mongo.customers import MongoCustomers
from ..mongo.database import MongoDatabase
from ..mongo.personal_data import find_personal_data
from ..mongo.webhooks import MongoEndpoints
from ..settings import Settings
from .open_database import set_up, with_database
from .setting_options import add_setting_options, environment_with
from .table import print_table

SUMMARY = "erase a customer"

_COLUMNS = ("WHAT REMAINS", "UNTIL")

_NOT_FOUND = "No customer has this id, and none that was deleted in the last 24 hours had it."
_NOT_FOUND_BY_EMAIL = (
    "No customer has this email address. A customer that was deleted is found by its id only."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action, with its arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    erase = actions.add_parser(
        "erase",
        help="delete a customer, and say which data of the person remain",
        description="Deletes a customer, and says which data of the person remain, where, and "
        "until when. You can also name a customer that was deleted in the last 24 hours.",
    )
    add_setting_options(erase, "data_dir")
    which = erase.add_mutually_exclusive_group(required=True)
    which.add_argument("id", metavar="ID", nargs="?", type=_id, help="The customer's id.")
    which.add_argument(
        "--email",
        metavar="ADDRESS",
        type=_email,
        help="The customer's email address. Your shell may store it in its history.",
    )


def run(options: argparse.Namespace) -> int:
    """Erases the customer and returns the exit code.

    It is 1 if there was no such customer, or if other documents have its email address. Raises
    `SettingsError`, `MongodError` and `Unavailable`.
    """
    return with_database(
        Settings.read(environment_with(options)),
        lambda database: _erase(database, options.id, options.email),
    )


async def _erase(database: MongoDatabase, id_: UUID | None, email: str | None) -> int:
    # A server of an older version may have set a validator that refuses deletions.
    await set_up(database)
    customers = MongoCustomers(database)
    customer = await (customers.get(str(id_)) if email is None else customers.by_email(email))
    if customer is not None:
        id_, email = customer.id, customer.email
    is_erased = id_ is not None and await _delete(customers, id_)
    left = await find_personal_data(database, id_, email)
    is_found = is_erased or left.remains_until is not None
    if is_erased:
        print(f"Erased the customer {id_}.")
    elif is_found:
        print(f"The customer {id_} was deleted before.")
    else:
        print(f"graphql-api: {_NOT_FOUND_BY_EMAIL if id_ is None else _NOT_FOUND}", file=sys.stderr)
    if left.remains_until is not None:
        endpoints = await MongoEndpoints(database).all()
        failing = [endpoint.id for endpoint in endpoints if endpoint.failure is not None]
        print_table(_COLUMNS, *_remaining(left.remains_until, left.history_since, failing))
    for other, fields in left.others:
        print(f"{other}: {_fault(fields)}")
    return 0 if is_found and not left.others else 1


async def _delete(customers: MongoCustomers, id_: UUID) -> bool:
    try:
        return isinstance(await delete_customer(customers, str(id_), None), Deleted)
    except ChangeUnknown:
        # If the command runs again, it finds the outcome.
        raise Unavailable from None


def _remaining(
    remains_until: datetime, history_since: datetime | None, failing: list[str]
) -> list[tuple[str, str]]:
    """The rows of a table: the data that remain, and until when. Takes what `PersonalData` has."""
    until = f"{remains_until:%Y-%m-%d %H:%M} UTC"
    begins = (
        "" if history_since is None else f", which begins at {history_since:%Y-%m-%d %H:%M} UTC"
    )
    rows = [
        ("The customer's id, and its idempotency key if it has one", until),
        (f"Changes and events in MongoDB's oplog{begins}", "newer changes replace them"),
    ]
    if failing:
        rows.append((f"Messages for failing webhooks: {', '.join(failing)}", "they are delivered"))
    rows.append(("Backups, and the files of imports and exports", "you delete them"))
    return rows


def _fault(fields: list[str]) -> str:
    """The reason why somebody must correct a document that is left."""
    if not fields:
        return "Another program stored this document. Delete it in MongoDB."
    return f"{' and '.join(f'`{field}`' for field in fields)} has the email address of the person."


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError("use an id as the API returns it") from None


def _email(text: str) -> str:
    email, is_valid = EMAIL.read(text)
    if not is_valid:
        raise argparse.ArgumentTypeError("use a valid email address")
    return email

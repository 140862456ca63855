"""The command `graphql-api keys`, which creates, lists and revokes API keys."""

import argparse
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from ..access.api_keys import ApiKey, ApiKeys, is_key_id, new_api_key
from ..access.principal import Scope, known_scopes
from ..mongo.api_keys import MongoApiKeys
from ..settings import Settings
from .open_database import with_database
from .setting_options import add_setting_options, environment_with
from .table import print_table

SUMMARY = "create, list and revoke API keys"

_Action = Callable[[ApiKeys, argparse.Namespace], Awaitable[int]]

_COLUMNS = ("ID", "NAME", "SCOPES", "CREATED", "EXPIRES", "REVOKED")
_MAX_NAME_LENGTH = 50
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the actions, each with its arguments."""
    shared = argparse.ArgumentParser(add_help=False)
    add_setting_options(shared, "data_dir")
    actions = parser.add_subparsers(dest="action", required=True)

    create = actions.add_parser("create", help="create a key and print it once", parents=[shared])
    create.set_defaults(action=_create)
    create.add_argument("--name", type=_name, required=True, help="What the key is for.")
    create.add_argument(
        "--scope",
        choices=[scope.value for scope in Scope],
        action="append",
        required=True,
        help="What the key allows. Repeat the option for more scopes.",
    )
    create.add_argument(
        "--expires",
        type=_lifetime,
        metavar="TIME",
        help="How long the key is valid, such as 90d, 12h or 30m. Default: until it is revoked.",
    )

    listing = actions.add_parser(
        "list", help="show all keys without their secrets", parents=[shared]
    )
    listing.set_defaults(action=_list)

    revoke = actions.add_parser("revoke", help="revoke a key", parents=[shared])
    revoke.set_defaults(action=_revoke)
    revoke.add_argument("id", metavar="ID", help="The id of the key, as `keys list` shows it.")


def run(options: argparse.Namespace) -> int:
    """Runs the action and returns its exit code.

    Raises `SettingsError`, `MongodError` and `Unavailable`.
    """
    action: _Action = options.action
    return with_database(
        Settings.read(environment_with(options)),
        lambda database: action(MongoApiKeys(database), options),
    )


async def _create(api_keys: ApiKeys, options: argparse.Namespace) -> int:
    token, key = new_api_key(options.name, known_scopes(options.scope), options.expires)
    await api_keys.add(key)
    print(token)
    print(f"Store the key now: it is not shown again. Its id is {key.id}.", file=sys.stderr)
    return 0


async def _list(api_keys: ApiKeys, _options: argparse.Namespace) -> int:
    print_table(_COLUMNS, *map(_row, await api_keys.all()))
    return 0


async def _revoke(api_keys: ApiKeys, options: argparse.Namespace) -> int:
    if not (is_key_id(options.id) and await api_keys.revoke(options.id, datetime.now(UTC))):
        print(f"graphql-api: No key has the id {options.id}.", file=sys.stderr)
        return 1
    print(f"Revoked {options.id}. Servers reject it within seconds.")
    return 0


def _row(key: ApiKey) -> tuple[str, ...]:
    times = (key.created_at, key.expires_at, key.revoked_at)
    return (
        key.id,
        key.name,
        " ".join(sorted(key.scopes)),
        *("-" if time is None else f"{time:%Y-%m-%d %H:%M}" for time in times),
    )


def _name(text: str) -> str:
    if not (text.isprintable() and 0 < len(text) <= _MAX_NAME_LENGTH):
        raise argparse.ArgumentTypeError(f"use 1 to {_MAX_NAME_LENGTH} printable characters")
    return text


def _lifetime(text: str) -> timedelta:
    if not (match := re.fullmatch("([1-9][0-9]{0,4})([mhd])", text)):
        raise argparse.ArgumentTypeError("use a number of minutes, hours or days: 30m, 12h or 90d")
    return int(match[1]) * _UNITS[match[2]]

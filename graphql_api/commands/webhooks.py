"""The command `graphql-api webhooks`: creates, lists, tests, resumes and removes endpoints."""

import argparse
import contextlib
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from ..customers.events import HistoryLost, InvalidCursor, Moment, cursor_of, moment_of
from ..mongo.change_stream import MongoHistory, time_of
from ..mongo.database import MongoDatabase
from ..mongo.webhooks import MongoEndpoints
from ..settings import Settings
from ..webhooks.addresses import (
    RefusedUrl,
    checked_url,
    permitted_addresses,
    resolve_by_system,
)
from ..webhooks.endpoints import Endpoint, is_endpoint_id, new_endpoint
from ..webhooks.messages import CUSTOMER_TYPES, new_test_message, secret_as_text
from ..webhooks.sending import Failed, Sender, tls_context
from .open_database import with_database
from .setting_options import add_setting_options, environment_with
from .table import print_table
from .times import time_argument

SUMMARY = "create, list, test, resume and remove the endpoints of webhooks"

_Action = Callable[[MongoDatabase, argparse.Namespace], Awaitable[int]]

_COLUMNS = ("ID", "URL", "TYPES", "STATE", "BEHIND", "LAST DELIVERY", "NEXT ATTEMPT", "REASON")
# The place of an endpoint that has got everything is stored this often, so it is this old.
_NOT_BEHIND = timedelta(minutes=2)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the actions, each with its arguments."""
    shared = argparse.ArgumentParser(add_help=False)
    add_setting_options(shared, "data_dir")
    with_id = argparse.ArgumentParser(add_help=False, parents=[shared])
    with_id.add_argument("id", metavar="ID", help="The id, as `webhooks list` shows it.")
    actions = parser.add_subparsers(dest="action", required=True)

    create = actions.add_parser(
        "create", help="create an endpoint and print its secret once", parents=[shared]
    )
    create.set_defaults(action=_create)
    create.add_argument("url", metavar="URL", help="The URL that gets the messages.")
    create.add_argument(
        "--types",
        type=_types,
        metavar="TYPES",
        help="The messages that the endpoint gets, separated by commas: "
        f"{', '.join(CUSTOMER_TYPES)}. Default: all of them.",
    )
    create.add_argument(
        "--allow-private",
        action="store_true",
        help="Permit private and loopback addresses, and http:// for them.",
    )

    listing = actions.add_parser(
        "list", help="show all endpoints without their secrets", parents=[shared]
    )
    listing.set_defaults(action=_list)

    test = actions.add_parser("test", help="send a test message", parents=[with_id])
    test.set_defaults(action=_test)

    replay = actions.add_parser(
        "replay",
        help="resume an endpoint that is paused or failing, or deliver events again",
        description="Resumes an endpoint that is paused or failing. With --since or --after, "
        "delivers earlier events again.",
        parents=[with_id],
    )
    replay.set_defaults(action=_replay)
    places = replay.add_mutually_exclusive_group()
    places.add_argument(
        "--since",
        type=_past_time,
        metavar="TIME",
        help="Deliver the events of this time and of later ones again, such as 2026-11-22 or "
        "2026-11-22T08:00+01:00. Without an offset, the time is in UTC.",
    )
    places.add_argument(
        "--after",
        type=_moment,
        metavar="CURSOR",
        help="Deliver the events after the one with this cursor again.",
    )

    remove = actions.add_parser("remove", help="remove an endpoint", parents=[with_id])
    remove.set_defaults(action=_remove)


def run(options: argparse.Namespace) -> int:
    """Runs the action and returns its exit code.

    Raises `SettingsError`, `MongodError` and `Unavailable`.
    """
    action: _Action = options.action
    return with_database(
        Settings.read(environment_with(options)), lambda database: action(database, options)
    )


async def _create(database: MongoDatabase, options: argparse.Namespace) -> int:
    try:
        url = checked_url(options.url, allows_private=options.allow_private)
        # A host that is unknown here may be known to the server.
        with contextlib.suppress(OSError):
            await permitted_addresses(url, resolve_by_system, allows_private=options.allow_private)
    except RefusedUrl as refused:
        print(f"graphql-api: {refused}", file=sys.stderr)
        return 1
    now = cursor_of(await MongoHistory(database).moment_at(None))
    endpoint = new_endpoint(str(url), now, options.types, allows_private=options.allow_private)
    await MongoEndpoints(database).add(endpoint)
    print(secret_as_text(endpoint.secret))
    print(
        f"Store the secret now: it is not shown again. The endpoint's id is {endpoint.id}.",
        file=sys.stderr,
    )
    return 0


async def _list(database: MongoDatabase, _options: argparse.Namespace) -> int:
    print_table(_COLUMNS, *map(_row, await MongoEndpoints(database).all()))
    return 0


async def _test(database: MongoDatabase, options: argparse.Namespace) -> int:
    endpoint = await _endpoint(database, options.id)
    if endpoint is None:
        return _unknown(options.id)
    began = time.monotonic()
    async with contextlib.aclosing(Sender(endpoint, tls_context())) as sender:
        try:
            status = await sender.send(new_test_message())
        except Failed as failed:
            print(f"graphql-api: {failed}", file=sys.stderr)
            return 1
    milliseconds = (time.monotonic() - began) * 1000
    print(f"The endpoint answered with status {status} in {milliseconds:.0f} ms.")
    return 0


async def _replay(database: MongoDatabase, options: argparse.Namespace) -> int:
    history = MongoHistory(database)
    moment: Moment | None = options.after
    try:
        if options.since is not None:
            moment = await history.moment_at(options.since)
        if moment is not None:
            await history.since(moment)
    except HistoryLost:
        print(
            "graphql-api: The history does not go back that far. Choose a later time or cursor.",
            file=sys.stderr,
        )
        return 1
    except InvalidCursor as invalid:
        print(f"graphql-api: {invalid}", file=sys.stderr)
        return 1
    cursor = None if moment is None else cursor_of(moment)
    endpoints = MongoEndpoints(database)
    if not (is_endpoint_id(options.id) and await endpoints.resume(options.id, cursor)):
        return _unknown(options.id)
    print(f"Resumed {options.id}. The server delivers within seconds.")
    return 0


async def _remove(database: MongoDatabase, options: argparse.Namespace) -> int:
    endpoints = MongoEndpoints(database)
    if not (is_endpoint_id(options.id) and await endpoints.remove(options.id)):
        return _unknown(options.id)
    print(f"Removed {options.id}. The server stops within seconds.")
    return 0


async def _endpoint(database: MongoDatabase, id_: str) -> Endpoint | None:
    return await MongoEndpoints(database).get(id_) if is_endpoint_id(id_) else None


def _unknown(id_: str) -> int:
    print(f"graphql-api: No endpoint has the id {id_}.", file=sys.stderr)
    return 1


def _row(endpoint: Endpoint) -> tuple[str, ...]:
    failure = endpoint.failure
    behind = datetime.now(UTC) - time_of(moment_of(endpoint.cursor))
    is_up_to_date = failure is None and behind < _NOT_BEHIND
    chosen = [type_ for type_ in CUSTOMER_TYPES if type_ in endpoint.types]
    return (
        endpoint.id,
        endpoint.url,
        "all" if len(chosen) == len(CUSTOMER_TYPES) else " ".join(chosen),
        _state(endpoint),
        "-" if is_up_to_date else str(timedelta(seconds=int(behind.total_seconds()))),
        _shown(endpoint.delivered_at),
        _shown(None if failure is None else failure.next_attempt_at),
        "-" if failure is None else failure.reason,
    )


def _state(endpoint: Endpoint) -> str:
    if endpoint.failure is None:
        return "active"
    if endpoint.is_paused:
        return f"paused since {_shown(endpoint.failure.at)}"
    return f"failing, attempts: {endpoint.failure.attempts}"


def _shown(time_: datetime | None) -> str:
    return "-" if time_ is None else f"{time_:%Y-%m-%d %H:%M:%S} UTC"


def _types(text: str) -> list[str]:
    types = text.split(",")
    if not set(types) <= set(CUSTOMER_TYPES):
        raise argparse.ArgumentTypeError(f"use one or more of {', '.join(CUSTOMER_TYPES)}")
    return types


def _past_time(text: str) -> datetime:
    past = time_argument(text)
    if not 0 <= past.timestamp() <= time.time():
        raise argparse.ArgumentTypeError("use a time in the past")
    return past


def _moment(text: str) -> Moment:
    try:
        return moment_of(text)
    except InvalidCursor as invalid:
        raise argparse.ArgumentTypeError(str(invalid)) from None

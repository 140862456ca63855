"""The command `graphql-api documents`, which registers, lists and removes trusted documents."""

import argparse
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ..access.manifest import ManifestError, read_manifest
from ..access.trusted_documents import ID_IN_WORDS, IdsTaken, TrustedDocuments, is_document_id
from ..http.graphql import create_documents
from ..mongo.trusted_documents import MongoTrustedDocuments
from ..settings import Settings
from .open_database import with_database
from .setting_options import add_setting_options, environment_with
from .table import print_table

SUMMARY = "register, list and remove trusted documents"

_Action = Callable[[Settings, argparse.Namespace], int]

_COLUMNS = ("ID", "OPERATIONS", "REGISTERED")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the actions, each with its arguments."""
    shared = argparse.ArgumentParser(add_help=False)
    add_setting_options(shared, "data_dir")
    actions = parser.add_subparsers(dest="action", required=True)

    register = actions.add_parser(
        "register", help="register the documents of a manifest", parents=[shared]
    )
    register.set_defaults(action=_register)
    register.add_argument(
        "manifest", metavar="MANIFEST", type=Path, help="The JSON file that a code generator wrote."
    )

    listing = actions.add_parser("list", help="show all registered documents", parents=[shared])
    listing.set_defaults(action=_list)

    remove = actions.add_parser("remove", help="remove registered documents", parents=[shared])
    remove.set_defaults(action=_remove)
    remove.add_argument(
        "ids", metavar="ID", nargs="+", help="The id of a document, as `documents list` shows it."
    )


def run(options: argparse.Namespace) -> int:
    """Runs the action and returns its exit code.

    Raises `OSError`, `SettingsError`, `MongodError` and `Unavailable`.
    """
    action: _Action = options.action
    return action(Settings.read(environment_with(options)), options)


def _register(settings: Settings, options: argparse.Namespace) -> int:
    try:
        documents = read_manifest(options.manifest.read_bytes())
    except ManifestError as error:
        return _reject([str(error)])
    if problems := list(_problems(documents, settings)):
        return _reject(problems)
    return _with_registered(settings, partial(_add, dict(documents)))


def _problems(documents: list[tuple[str, str]], settings: Settings) -> Iterator[str]:
    """Yields the reasons why a server with these settings would reject these documents."""
    reader = create_documents(settings)
    first: dict[str, str] = {}
    for id_, text in documents:
        if not is_document_id(id_):
            yield f"{id_!a}: The id is invalid. Use {ID_IN_WORDS}."
        if first.setdefault(id_, text) != text:
            yield f"{id_}: Several documents have this id. Use an id for one document only."
        if len(text.encode(errors="surrogatepass")) > settings.max_body_bytes:
            yield f"{id_}: The document is larger than {settings.max_body_bytes:,} bytes."
        else:
            yield from (f"{id_}: {_shown(error)}" for error in reader.prepare(text).errors)


def _shown(error: dict[str, Any]) -> str:
    locations = [f"(line {at['line']}, column {at['column']})" for at in error.get("locations", ())]
    return " ".join([error["message"], *locations])


async def _add(texts: dict[str, str], registered: TrustedDocuments) -> int:
    try:
        new = await registered.add(texts, datetime.now(UTC))
    except IdsTaken as taken:
        return _reject(
            f"{id_}: Another document is registered with this id. Remove it first."
            for id_ in taken.ids
        )
    print(f"Registered. Documents in the manifest: {len(texts)}; new: {new}.")
    return 0


def _reject(problems: Iterable[str]) -> int:
    for problem in problems:
        print(f"graphql-api: {problem}", file=sys.stderr)
    print("graphql-api: Nothing was registered.", file=sys.stderr)
    return 1


def _list(settings: Settings, _options: argparse.Namespace) -> int:
    reader = create_documents(settings)

    async def show(registered: TrustedDocuments) -> int:
        documents = await registered.all()
        print_table(
            _COLUMNS,
            *(
                (
                    document.id,
                    " ".join(name or "-" for name in reader.prepare(document.text).operations),
                    f"{document.registered_at:%Y-%m-%d %H:%M}",
                )
                for document in documents
            ),
        )
        return 0

    return _with_registered(settings, show)


def _remove(settings: Settings, options: argparse.Namespace) -> int:
    async def remove(registered: TrustedDocuments) -> int:
        missing = [
            id_ for id_ in options.ids if not (is_document_id(id_) and await registered.remove(id_))
        ]
        for id_ in missing:
            print(f"graphql-api: No document has the id {id_}.", file=sys.stderr)
        if removed := len(options.ids) - len(missing):
            print(f"Removed {removed}. Servers reject removed documents within seconds.")
        return 1 if missing else 0

    return _with_registered(settings, remove)


def _with_registered(settings: Settings, work: Callable[[TrustedDocuments], Awaitable[int]]) -> int:
    return with_database(settings, lambda database: work(MongoTrustedDocuments(database)))

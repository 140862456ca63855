"""The command line: `graphql-api serve`, `keys`, `documents` and `schema`."""

import argparse
import difflib
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from .commands.documents import add_document_actions, run_document_action
from .commands.keys import add_key_actions, run_key_action
from .commands.serve import serve
from .faults import Misconfigured, Unavailable
from .logs import places
from .mongo.mongod import MongodError
from .schema.changes import Severity, changes
from .schema.json_schema import json_schema
from .schema.schema import introspection, possible_types, sdl
from .settings import Settings, SettingsError, description, variable

_SERVE_SETTINGS = ("host", "port", "workers", "data_dir")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command, and says in a sentence why it could not.

    0: done; 1: not done, or found otherwise than asked for; 2: it cannot run so; 130: Ctrl-C.
    `schema --diff` has codes of its own for what it finds, and `serve` 3 where a worker cannot
    start.
    """
    # What the encoding of the output does not have is shown with escapes.
    cast(io.TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")
    code = _run(_parser().parse_args(arguments))
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python would try once more at its end, and show a traceback.
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123,SIM115  # for good
        return code or _refused(error, 2)
    return code


def _run(options: argparse.Namespace) -> int:
    try:
        return _command(options)
    except KeyboardInterrupt:
        return 130
    except Misconfigured as error:
        return _refused(error, 1)
    except Unavailable:
        return _refused("The database is unavailable. Try again.", 1)
    except (SettingsError, MongodError, OSError) as error:
        return _refused(error, 2)
    except Exception as error:  # noqa: BLE001  # what it says may hold a customer's values
        return _refused(f"This is a bug in graphql-api itself: {places(error)}", 1)


def _command(options: argparse.Namespace) -> int:
    if options.command == "schema":
        return _schema(options)
    given = {name: getattr(options, name, None) for name in (*_SERVE_SETTINGS, "insecure")}
    # The processes that serve read their settings from the environment.
    os.environ.update({variable(name): flag for name, flag in given.items() if flag is not None})
    settings = Settings.read(os.environ)
    if options.command == "serve":
        return serve(settings)
    run = run_key_action if options.command == "keys" else run_document_action
    return run(settings, options)


def _refused(why: object, code: int) -> int:
    print(f"graphql-api: {why}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="graphql-api", description="A GraphQL API that creates customers."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    serving = commands.add_parser("serve", help="serve GraphQL over HTTP, and GraphiQL")
    for name in _SERVE_SETTINGS:
        _add_setting(serving, name)
    serving.add_argument(
        "--insecure",
        action="store_const",
        const="true",
        help="Accept requests from everybody, even on an address that other machines can reach.",
    )

    data_dir = argparse.ArgumentParser(add_help=False)
    _add_setting(data_dir, "data_dir")
    add_key_actions(commands.add_parser("keys", help="create, list and revoke API keys"), data_dir)
    add_document_actions(
        commands.add_parser("documents", help="register, list and remove trusted documents"),
        data_dir,
    )

    schema = commands.add_parser(
        "schema", help="print the GraphQL schema"
    ).add_mutually_exclusive_group()
    schema.add_argument(
        "--format",
        choices=("sdl", "json", "possible-types", "json-schema"),
        default="sdl",
        help="the schema document, its introspection, possibleTypes for Apollo Client's cache, or "
        "a JSON Schema of the input of createCustomer for form builders",
    )
    schema.add_argument(
        "--check",
        type=Path,
        metavar="FILE",
        help="show how FILE differs from the schema, and exit with 1 if it does",
    )
    schema.add_argument(
        "--diff",
        type=Path,
        metavar="OLD",
        help="show dangerous (exit code 3) and breaking (4) changes for clients of the schema OLD",
    )
    return parser


def _add_setting(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(
        f"--{name.replace('_', '-')}",
        metavar=name.upper(),
        help=f"{description(name)} Default: {getattr(Settings(), name)}, or the environment "
        f"variable {variable(name)}.",
    )


def _schema(options: argparse.Namespace) -> int:
    if options.check:
        return _check(options.check)
    if options.diff:
        return _diff(options.diff)
    if options.format == "sdl":
        print(sdl(), end="")
    else:
        describe = {
            "json": introspection,
            "possible-types": possible_types,
            "json-schema": json_schema,
        }[options.format]
        print(json.dumps(describe(), indent=2))
    return 0


def _check(file: Path) -> int:
    kept, current = file.read_text(encoding="utf-8", errors="replace"), sdl()
    sys.stdout.writelines(
        difflib.unified_diff(
            kept.splitlines(keepends=True),
            current.splitlines(keepends=True),
            str(file),
            "the current schema",
        )
    )
    return int(kept != current)


def _diff(old: Path) -> int:
    try:
        found = changes(old.read_text(encoding="utf-8"), sdl())
    except ValueError as error:
        print(f"graphql-api: {old} is not a GraphQL schema: {error}", file=sys.stderr)
        return 2
    for change in found:
        print(f"{change.severity.name.lower()}: {change.description}")
    codes = {Severity.DANGEROUS: 3, Severity.BREAKING: 4}
    return max((codes[change.severity] for change in found), default=0)


if __name__ == "__main__":
    sys.exit(main())

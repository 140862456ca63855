"""The command line: `graphql-api serve` and `graphql-api schema`."""

import argparse
import difflib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .mongo.mongod import MongodError
from .schema.schema import sdl
from .server import serve
from .settings import Settings, SettingsError, description, variable

_SERVE_SETTINGS = ("host", "port", "workers", "data_dir")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. 0: done; 1: a check found a difference; 2: it cannot run."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "schema":
            return _check(options.check) if options.check else _print()
        given = {name: getattr(options, name) for name in _SERVE_SETTINGS}
        # The processes that serve read their settings from the environment.
        os.environ.update(
            {variable(name): flag for name, flag in given.items() if flag is not None}
        )
        return serve(Settings.read(os.environ))
    except (SettingsError, MongodError, OSError) as error:
        print(f"graphql-api: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="graphql-api", description="A GraphQL API that creates customers."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    serving = commands.add_parser("serve", help="serve GraphQL over HTTP, and GraphiQL")
    defaults = Settings()
    for name in _SERVE_SETTINGS:
        serving.add_argument(
            f"--{name.replace('_', '-')}",
            metavar=name.upper(),
            help=f"{description(name)} Default: {getattr(defaults, name)}, or the "
            f"environment variable {variable(name)}.",
        )

    schema = commands.add_parser("schema", help="print the GraphQL schema (SDL)")
    schema.add_argument(
        "--check", type=Path, metavar="FILE", help="show how FILE differs, and exit with 1 if so"
    )
    return parser


def _print() -> int:
    print(sdl(), end="")
    return 0


def _check(file: Path) -> int:
    kept, current = file.read_text(encoding="utf-8", errors="replace"), sdl()
    sys.stdout.writelines(
        difflib.unified_diff(
            kept.splitlines(keepends=True),
            current.splitlines(keepends=True),
            str(file),
            "the schema as it is",
        )
    )
    return int(kept != current)


if __name__ == "__main__":
    sys.exit(main())

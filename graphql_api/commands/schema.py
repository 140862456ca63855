"""The command `graphql-api schema`, which prints the GraphQL schema or compares it with a file."""

import argparse
import difflib
import json
import sys
from pathlib import Path

from ..schema.changes import Severity, changes
from ..schema.json_schema import json_schema
from ..schema.schema import introspection, possible_types, sdl

SUMMARY = "print the GraphQL schema, or compare it with a file"

# The formats that are JSON, and the functions that return their content.
_JSON_FORMATS = {
    "json": introspection,
    "possible-types": possible_types,
    "json-schema": json_schema,
}
_EXIT_CODES = {Severity.DANGEROUS: 3, Severity.BREAKING: 4}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options, of which one may be given."""
    options = parser.add_mutually_exclusive_group()
    options.add_argument(
        "--format",
        choices=("sdl", *_JSON_FORMATS),
        default="sdl",
        help="The output: the schema document, its introspection as JSON, possibleTypes for "
        "Apollo Client's cache, or a JSON Schema of the input of createCustomer for form builders. "
        "Default: sdl.",
    )
    options.add_argument(
        "--check",
        type=Path,
        metavar="FILE",
        help="Show how FILE differs from the schema. The exit code is 1 if it differs.",
    )
    options.add_argument(
        "--diff",
        type=Path,
        metavar="OLD",
        help="Show what has changed since the schema in the file OLD. The exit code is 3 for a "
        "change that is dangerous for clients, and 4 for one that breaks them.",
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code. Raises `OSError` for a file it cannot read."""
    if options.check:
        return _check(options.check)
    if options.diff:
        return _diff(options.diff)
    if options.format == "sdl":
        print(sdl(), end="")
    else:
        print(json.dumps(_JSON_FORMATS[options.format](), indent=2))
    return 0


def _check(file: Path) -> int:
    written, current = file.read_text(encoding="utf-8", errors="replace"), sdl()
    sys.stdout.writelines(
        difflib.unified_diff(
            written.splitlines(keepends=True),
            current.splitlines(keepends=True),
            str(file),
            "the current schema",
        )
    )
    return int(written != current)


def _diff(old: Path) -> int:
    try:
        found = changes(old.read_text(encoding="utf-8"), sdl())
    except ValueError as error:
        print(f"graphql-api: {old} is not a GraphQL schema: {error}", file=sys.stderr)
        return 2
    for change in found:
        print(f"{change.severity.name.lower()}: {change.description}")
    return max((_EXIT_CODES[change.severity] for change in found), default=0)

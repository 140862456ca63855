"""The command line: reads the arguments, runs one command, and returns its exit code."""

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from .commands import (
    customers,
    database,
    documents,
    export_customers,
    import_customers,
    keys,
    schema,
    serve,
    webhooks,
)
from .commands.own_version import own_version
from .faults import Misconfigured, Unavailable
from .logs import stack_frames
from .mongo.mongod import MongodError
from .settings import SettingsError


class _Command(Protocol):
    """The parts that each command's module has."""

    SUMMARY: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, options: argparse.Namespace) -> int: ...


_COMMANDS: dict[str, _Command] = {
    "serve": serve,
    "keys": keys,
    "documents": documents,
    "customers": customers,
    "database": database,
    "import": import_customers,
    "export": export_customers,
    "webhooks": webhooks,
    "schema": schema,
}


# The exit code of a command that could not do its work.
_FAILED = 2
_CLOSED_PIPE = 128 + signal.SIGPIPE


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. If it fails, prints the reason to standard error.

    Returns 0 for success, 1 if the command found a fault or a difference, or rejected a part of its
    input, 2 if it could not do its work, and 130 after Ctrl-C. `schema --diff` also returns 3 and
    4, and `serve` 3 if a server process cannot start. Exits with 2 for invalid arguments.
    If nobody reads the output any more, as in `graphql-api export | head`, returns 141 silently.
    """
    # A program can start this one without standard streams.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123,SIM115  # until it ends
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123,SIM115  # until it ends
    # Characters that the output's encoding lacks are shown with escapes.
    cast(io.TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")
    code = _run(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python would flush again when it exits, and print a traceback.
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123,SIM115  # open until the process ends
        return code or _fail(error)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="graphql-api",
        description="A GraphQL API that creates, finds, changes and deletes customers.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {own_version()}")
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, command in _COMMANDS.items():
        description = f"{command.SUMMARY[0].upper()}{command.SUMMARY[1:]}."
        command.add_arguments(
            subparsers.add_parser(name, help=command.SUMMARY, description=description)
        )
    return parser


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options = _parser().parse_args(arguments)
        return _COMMANDS[options.command].run(options)
    except KeyboardInterrupt:
        return 130
    except (Misconfigured, SettingsError, MongodError, OSError) as error:
        return _fail(error)
    except Unavailable:
        return _fail("The database is unavailable. Try again.")
    except Exception as error:  # noqa: BLE001  # its text may contain a customer's values
        return _fail(f"This is a bug in graphql-api: {stack_frames(error)}")


def _fail(reason: object) -> int:
    if isinstance(reason, BrokenPipeError):
        # As other programs, which SIGPIPE ends silently.
        return _CLOSED_PIPE
    if isinstance(reason, OSError) and reason.filename is not None:
        reason = f"{reason.filename}: {reason.strerror}."
    print(f"graphql-api: {reason}", file=sys.stderr)
    return _FAILED

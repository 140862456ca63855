"""Options of the command line that override settings."""

import argparse
import os

from ..settings import PREFIX, Settings, setting_description, variable


def add_setting_options(parser: argparse.ArgumentParser, *names: str) -> None:
    """Adds one option for each of these settings, such as `--data-dir` for `data_dir`."""
    for name in names:
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            metavar=name.upper(),
            dest=variable(name),
            default=argparse.SUPPRESS,
            help=f"{setting_description(name)} Overrides {variable(name)}. "
            f"Default: {getattr(Settings(), name)}.",
        )


def environment_with(options: argparse.Namespace) -> dict[str, str]:
    """The environment of this process, where options that were given replace variables."""
    given = {name: value for name, value in vars(options).items() if name.startswith(PREFIX)}
    return {**os.environ, **given}

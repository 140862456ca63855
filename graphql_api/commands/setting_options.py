"""Options of the command line that override settings."""

import argparse
import os

from ..settings import PREFIX, Settings, setting_default, setting_description, variable


def add_setting_options(parser: argparse.ArgumentParser, *names: str) -> None:
    """Adds one option for each of these settings, such as `--data-dir` for `data_dir`."""
    for name in names:
        parser.add_argument(
            option(name),
            metavar=name.upper(),
            dest=variable(name),
            default=argparse.SUPPRESS,
            help=f"{setting_description(name)} Overrides {variable(name)}. "
            f"Default: {_default(name)}.",
        )


def option(name: str) -> str:
    """The option that overrides a setting, such as `--data-dir` for `data_dir`."""
    return f"--{name.replace('_', '-')}"


def _default(name: str) -> object:
    value = getattr(Settings(), name)
    return setting_default(name) if value is None else value


def environment_with(options: argparse.Namespace) -> dict[str, str]:
    """The environment of this process, where options that were given replace variables."""
    given = {name: value for name, value in vars(options).items() if name.startswith(PREFIX)}
    return {**os.environ, **given}

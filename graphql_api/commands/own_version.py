"""The version of this program."""

import contextlib
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Where the version is, if the program runs from its source.
PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def own_version() -> str:
    """The version, such as 0.1.0, or `unknown`."""
    with contextlib.suppress(PackageNotFoundError):
        return version("graphql-api")
    # It runs from its source, as in the image: only the packages that it needs are installed.
    with contextlib.suppress(OSError):
        own: str = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["version"]
        return own
    return "unknown"

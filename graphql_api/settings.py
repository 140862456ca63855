"""Every setting: one environment variable each, read once."""

import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

PREFIX = "GRAPHQL_API_"


class SettingsError(Exception):
    """A setting that cannot be used; the message names its variable, never its value."""


def _text(value: str) -> str:
    if not value:
        raise ValueError("some text")
    return value


def _path(value: str) -> Path:
    return Path(_text(value))


def _mongodb_uri(value: str) -> str:
    if not value.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("a MongoDB URI, such as mongodb://127.0.0.1:27017/graphql_api")
    return value


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not (re.fullmatch("[0-9]{1,9}", value) and low <= int(value) <= high):
            raise ValueError(f"a whole number from {low} to {high}")
        return int(value)

    return parse


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return value

    return parse


# As browsers send it in the header Origin: no path, no `*`.
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?")


def _origins(value: str) -> tuple[str, ...]:
    origins = tuple(origin.strip() for origin in value.split(","))
    if not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("origins with commas between them, such as https://app.example.com")
    return origins


@dataclass(frozen=True)
class _Setting:
    """What stands beside a setting's type: how its text is read, and what it decides."""

    parse: Callable[[str], object]
    description: str


@dataclass(frozen=True)
class Settings:
    """What the operator decides; each field is the variable of its name in capitals."""

    host: Annotated[str, _Setting(_text, "The address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int, _Setting(_whole_number(0, 65535), "The port to listen on; 0 takes a free one.")
    ] = 8000
    workers: Annotated[
        int, _Setting(_whole_number(1, 256), "How many server processes share the port.")
    ] = 1
    data_dir: Annotated[
        Path,
        _Setting(_path, "Where the embedded MongoDB keeps its data, its socket and its log."),
    ] = Path(".data")
    mongodb_uri: Annotated[
        str | None,
        _Setting(
            _mongodb_uri,
            "The MongoDB to use, a replica set, instead of the embedded one. The path of the URI "
            "names the database, else it is `graphql_api`.",
        ),
    ] = None
    mongod: Annotated[
        Path | None,
        _Setting(
            _path,
            "The mongod binary of the embedded MongoDB; else `mongod` on the PATH, else the one "
            "that the extra `embedded` installs.",
        ),
    ] = None
    receive_seconds: Annotated[
        int,
        _Setting(
            _whole_number(1, 3600),
            "How long a request may take to arrive as a whole, from the first byte of it or from "
            "the beginning of the connection.",
        ),
    ] = 10
    send_seconds: Annotated[
        int,
        _Setting(_whole_number(1, 3600), "How long an answer may wait for its client to read on."),
    ] = 10
    keep_alive_seconds: Annotated[
        int,
        _Setting(
            _whole_number(1, 3600),
            "How long a connection is kept after an answer. Behind a proxy, longer than the proxy "
            "keeps it.",
        ),
    ] = 5
    execution_seconds: Annotated[
        int,
        _Setting(
            _whole_number(1, 3600),
            "How long one operation may take. The database's own limit is below 5 seconds.",
        ),
    ] = 8
    shutdown_seconds: Annotated[
        int,
        _Setting(
            _whole_number(1, 3600), "How long a server that stops waits for what it has begun."
        ),
    ] = 10
    max_connections: Annotated[
        int,
        _Setting(
            _whole_number(1, 1_000_000),
            "How many connections, and requests at once, each server process takes.",
        ),
    ] = 1000
    max_body_bytes: Annotated[
        int, _Setting(_whole_number(1, 100_000_000), "The longest body of a request.")
    ] = 65_536
    max_header_bytes: Annotated[
        int, _Setting(_whole_number(256, 1_000_000), "The longest headers of a request, together.")
    ] = 16_384
    max_target_bytes: Annotated[
        int,
        _Setting(_whole_number(64, 1_000_000), "The longest path of a request, with its query."),
    ] = 8192
    cors_origins: Annotated[
        tuple[str, ...] | None,
        _Setting(
            _origins,
            "The origins whose scripts may call the API from a browser, with commas between them.",
        ),
    ] = None
    log_level: Annotated[
        str,
        _Setting(
            _one_of("debug", "info", "warning", "error"),
            "What is logged: this level and what is graver. Requests are `info`.",
        ),
    ] = "info"
    log_format: Annotated[
        str | None,
        _Setting(
            _one_of("json", "console"),
            "`json` or `console`; else console on a terminal, and JSON elsewhere.",
        ),
    ] = None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Raises `SettingsError` for a value that cannot be used and for a name that is none."""
        names = {variable(name): name for name in _SETTINGS}
        values: dict[str, Any] = {}
        for given, value in environment.items():
            if not given.startswith(PREFIX):
                continue
            if given not in names:
                raise SettingsError(f"{given} is not a setting; there are {', '.join(names)}.")
            try:
                values[names[given]] = _SETTINGS[names[given]].parse(value)
            except ValueError as error:
                raise SettingsError(f"{given} must be {error}.") from None
        return cls(**values)


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def description(name: str) -> str:
    """What a setting decides."""
    return _SETTINGS[name].description


_SETTINGS: dict[str, _Setting] = {
    name: hint.__metadata__[0]
    for name, hint in typing.get_type_hints(Settings, include_extras=True).items()
}

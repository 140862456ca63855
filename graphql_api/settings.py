"""The settings: one environment variable for each, with its default and its description."""

import difflib
import ipaddress
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

PREFIX = "GRAPHQL_API_"

_DEFAULT_RATE_LIMIT = "100/second"

# Without TLS, anybody on the network path could replace the keys.
_JWKS_URL = re.compile(
    r"https://[^/]+.*|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?(?:/.*)?"
)
_RATE = re.compile(r"[1-9][0-9]{0,8}/(?:second|minute|hour|day)")
_RATE_LIMIT_STORAGES = (
    *("memory://", "mongodb://", "mongodb+srv://"),
    *("redis://", "rediss://", "redis+unix://"),
)

# The variables that Kubernetes sets in each container for a Service whose name starts with
# `graphql-api`; see "Environment variables" in https://kubernetes.io/docs/concepts/services-networking/service/.
_SERVICE = re.compile(
    rf"{PREFIX}(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
# One of them has the name of a setting, GRAPHQL_API_PORT; only its value shows which it is.
_SERVICE_PORT = re.compile(rf"{PREFIX}(\w+_)?PORT=(tcp|udp|sctp)://.+")


class SettingsError(Exception):
    """Settings that cannot be used; the message names their variables, never their values."""


def _text(value: str) -> str:
    if not value:
        raise ValueError("text that is not empty")
    return value


def _path(value: str) -> Path:
    return Path(_text(value))


def _mongodb_uri(value: str) -> str:
    if not value.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("a MongoDB URI, such as mongodb://127.0.0.1:27017/graphql_api")
    return value


def _true_or_false(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError("true or false")
    return value == "true"


def _jwks(value: str) -> str:
    if not value or ("://" in value and not _JWKS_URL.fullmatch(value)):
        raise ValueError("the path of a file or an https URL (http only on a loopback address)")
    return value


def _rate(value: str) -> str:
    if not _RATE.fullmatch(value):
        raise ValueError("a rate per second, minute, hour or day, such as 600/minute")
    return value


def _rate_limit_storage(value: str) -> str:
    if not value.startswith(_RATE_LIMIT_STORAGES):
        raise ValueError(f"a URI that starts with one of {', '.join(_RATE_LIMIT_STORAGES)}")
    return value


def _networks(value: str) -> str:
    try:
        return ",".join(str(ipaddress.ip_network(part.strip())) for part in value.split(","))
    except ValueError:
        raise ValueError(
            "addresses or networks separated by commas, such as 10.0.0.7,10.1.0.0/16"
        ) from None


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


# The form in which browsers send it in the header Origin: no path, no `*`.
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?")


def _origins(value: str) -> tuple[str, ...]:
    origins = tuple(origin.strip() for origin in value.split(","))
    if not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("origins separated by commas, such as https://app.example.com")
    return origins


# No `*`, which would allow all headers.
_HEADER_NAME = re.compile(r"[A-Za-z0-9_-]+")


def _header_names(value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(","))
    if not all(_HEADER_NAME.fullmatch(name) for name in names):
        raise ValueError("names of headers separated by commas, such as X-Client-Name")
    return names


@dataclass(frozen=True)
class _Setting:
    """The parser of a setting's text, and its description.

    `parse` raises `ValueError` with the end of the sentence "GRAPHQL_API_... must be ...".
    `default`, in Markdown, describes the default of a setting that is None unless it is set.
    A value that `may_be_secret` can also be read from the file that `GRAPHQL_API_..._FILE` names.
    """

    parse: Callable[[str], object]
    description: str
    default: str = "none"
    may_be_secret: bool = False


@dataclass(frozen=True)
class Settings:
    """The operator's decisions. The variable of `port` is `GRAPHQL_API_PORT`, and so on."""

    host: Annotated[str, _Setting(_text, "The address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int, _Setting(_whole_number(0, 65535), "The port to listen on; 0 picks a free one.")
    ] = 8000
    workers: Annotated[
        int,
        _Setting(_whole_number(1, 256), "How many server processes share the port."),
    ] = 1
    data_dir: Annotated[
        Path,
        _Setting(
            _path, "The directory for the data, the socket and the log of the embedded MongoDB."
        ),
    ] = Path(".data")
    mongodb_uri: Annotated[
        str | None,
        _Setting(
            _mongodb_uri,
            "The URI of the MongoDB to use, which must be a replica set. The path of the URI "
            "names the database; without a path it is `graphql_api`.",
            default="the embedded MongoDB",
            may_be_secret=True,
        ),
    ] = None
    mongodb_driver: Annotated[
        str,
        _Setting(
            _one_of("motor", "pymongo"),
            "The driver of lists and searches: `motor`, or `pymongo`, PyMongo's own asynchronous "
            "driver. Creations, changes and reads of one customer always use PyMongo's.",
        ),
    ] = "motor"
    mongodb_sharded: Annotated[
        bool,
        _Setting(
            _true_or_false,
            "Whether the customers are stored in a form that MongoDB can shard: `true` or `false`. "
            "[Sharding](sharding.md) says what that costs.",
        ),
    ] = False
    mongod: Annotated[
        Path | None,
        _Setting(
            _path,
            "The mongod binary of the embedded MongoDB.",
            default="`mongod` on the PATH, or otherwise the one of the extra `embedded`",
        ),
    ] = None
    introspection: Annotated[
        bool | None,
        _Setting(
            _true_or_false,
            "Whether clients may read the schema and get suggestions for unknown names.",
            default="`true` with the embedded MongoDB, otherwise `false`",
        ),
    ] = None
    graphiql: Annotated[
        bool | None,
        _Setting(
            _true_or_false,
            "Whether the server shows GraphiQL, a page for exploring the API.",
            default="`true` if introspection is allowed, otherwise `false`",
        ),
    ] = None
    dashboard: Annotated[
        bool | None,
        _Setting(
            _true_or_false,
            "Whether the server shows the dashboard, a page for working with customers, and trusts "
            "the documents that it sends.",
            default="`true` if introspection and documents that are not registered are allowed, "
            "otherwise `false`",
        ),
    ] = None
    max_tokens: Annotated[
        int, _Setting(_whole_number(1, 100_000), "The maximum number of tokens in a document.")
    ] = 400
    max_fragments: Annotated[
        int, _Setting(_whole_number(0, 1000), "The maximum number of fragments in a document.")
    ] = 20
    max_depth: Annotated[
        int,
        _Setting(_whole_number(1, 100), "The maximum number of levels of fields in an operation."),
    ] = 15
    max_root_fields: Annotated[
        int,
        _Setting(
            _whole_number(1, 1000),
            "The maximum number of fields at the top level of an operation; each creation is one.",
        ),
    ] = 10
    max_aliases: Annotated[
        int, _Setting(_whole_number(0, 10_000), "The maximum number of aliases in an operation.")
    ] = 30
    max_directives: Annotated[
        int, _Setting(_whole_number(0, 10_000), "The maximum number of directives in an operation.")
    ] = 20
    max_cost: Annotated[
        int,
        _Setting(
            _whole_number(1, 1_000_000),
            "The maximum cost of an operation, in points. A field costs 1 point. Fields in a list "
            "count as often as `first` or `last` says, and ten times in other lists. `totalCount` "
            "costs 1 more point for each 100 customers of its `limit`, and `createCustomers` 1 "
            "more for each customer, or 10 if it is the only field. Reading the whole schema costs "
            "about 1,000 points.",
        ),
    ] = 2000
    trusted_documents_only: Annotated[
        bool,
        _Setting(
            _true_or_false,
            "Whether the server accepts only the ids of registered documents, and no other "
            "documents: `true` or `false`.",
        ),
    ] = False
    keys: Annotated[
        bool,
        _Setting(
            _true_or_false,
            "Whether the server accepts API keys: `true` or `false`. Once it accepts API "
            "keys or JSON Web Tokens, every request needs one.",
        ),
    ] = False
    jwt_issuer: Annotated[
        str | None,
        _Setting(_text, "The issuer whose JSON Web Tokens the server accepts: their `iss`."),
    ] = None
    jwt_audience: Annotated[
        str | None, _Setting(_text, "The audience that JSON Web Tokens must name: their `aud`.")
    ] = None
    jwt_jwks: Annotated[
        str | None,
        _Setting(
            _jwks, "The public keys that verify JSON Web Tokens: a JWKS file, or its https URL."
        ),
    ] = None
    jwt_scope_claim: Annotated[
        str | None,
        _Setting(
            _text,
            "The only claim from which the scopes of JSON Web Tokens are read.",
            default="`scope`, `scp` and `permissions`",
        ),
    ] = None
    insecure: Annotated[
        bool,
        _Setting(
            _true_or_false,
            "Whether a server without authentication may accept requests from everybody: `true` "
            "or `false`.",
        ),
    ] = False
    rate_limit: Annotated[
        str | None,
        _Setting(
            _rate,
            "How many requests each token may send, and each address without a valid token, "
            "such as `600/minute`.",
            default=f"`{_DEFAULT_RATE_LIMIT}`; no limit for a server that accepts requests from "
            "its own machine only",
        ),
    ] = None
    rate_limit_storage: Annotated[
        str,
        _Setting(
            _rate_limit_storage,
            "Where requests are counted: in each worker (`memory://`), or in a MongoDB or a "
            "Redis that all workers share.",
            may_be_secret=True,
        ),
    ] = "memory://"
    trusted_proxies: Annotated[
        str | None,
        _Setting(
            _networks,
            "The proxies that may name the address of a request's client: addresses or "
            "networks, separated by commas.",
        ),
    ] = None
    receive_seconds: Annotated[
        int,
        _Setting(
            _whole_number(1, 3600),
            "How long a whole request may take to arrive, from the start of the connection "
            "or from the first byte of a later request.",
        ),
    ] = 10
    send_seconds: Annotated[
        int,
        _Setting(
            _whole_number(1, 3600),
            "How long a response may wait for a client that has stopped reading.",
        ),
    ] = 10
    keep_alive_seconds: Annotated[
        int,
        _Setting(
            _whole_number(1, 3600),
            "How long an idle connection stays open after a response. Behind a proxy, set it "
            "longer than the idle timeout of the proxy.",
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
            _whole_number(1, 3600), "How long a stopping server waits for unfinished requests."
        ),
    ] = 10
    max_connections: Annotated[
        int,
        _Setting(
            _whole_number(1, 1_000_000),
            "How many connections, and how many simultaneous requests, each server process "
            "accepts.",
        ),
    ] = 1000
    max_subscriptions: Annotated[
        int,
        _Setting(
            _whole_number(0, 1_000_000),
            "How many subscriptions each server process accepts. Each of them takes one of "
            "`GRAPHQL_API_MAX_CONNECTIONS`; a WebSocket counts as one, too.",
        ),
    ] = 500
    max_client_subscriptions: Annotated[
        int,
        _Setting(
            _whole_number(0, 1_000_000),
            "How many subscriptions each server process accepts with one token, or from one "
            "address without authentication.",
        ),
    ] = 50
    max_body_bytes: Annotated[
        int,
        _Setting(_whole_number(1, 100_000_000), "The maximum size of a request's body, in bytes."),
    ] = 65_536
    max_bulk_body_bytes: Annotated[
        int,
        _Setting(
            _whole_number(1, 100_000_000),
            "The maximum size of a request's body, in bytes, if its only operation is "
            "`createCustomers`. The default suffices for 1,000 customers with all fields, "
            "however their JSON is written.",
        ),
    ] = 6_291_456
    max_import_bytes: Annotated[
        int,
        _Setting(
            _whole_number(1, 999_999_999),
            "The maximum size of a file that the dashboard imports, in bytes, also after it is "
            "decompressed. Each server process receives two files at a time, into the folder for "
            "temporary files.",
        ),
    ] = 100_000_000
    max_header_bytes: Annotated[
        int,
        _Setting(
            _whole_number(256, 1_000_000),
            "The maximum size of all headers of a request together, in bytes.",
        ),
    ] = 16_384
    max_target_bytes: Annotated[
        int,
        _Setting(
            _whole_number(64, 1_000_000),
            "The maximum size of a request's path with its query, in bytes.",
        ),
    ] = 8192
    cors_origins: Annotated[
        tuple[str, ...] | None,
        _Setting(
            _origins,
            "The origins whose scripts may call the API from a browser, separated by commas.",
        ),
    ] = None
    cors_headers: Annotated[
        tuple[str, ...] | None,
        _Setting(
            _header_names,
            "Additional headers that scripts of those origins may send, separated by commas.",
        ),
    ] = None
    metrics_port: Annotated[
        int | None,
        _Setting(
            _whole_number(0, 65535),
            "The port on which `graphql-api serve` shows metrics for Prometheus, at `/metrics`; 0 "
            "picks a free one.",
            default="no metrics",
        ),
    ] = None
    metrics_host: Annotated[
        str,
        _Setting(
            _text,
            "The address on which `graphql-api serve` shows metrics. Requests for them need no "
            "token, so permit only Prometheus to reach it.",
        ),
    ] = "127.0.0.1"
    telemetry: Annotated[
        bool,
        _Setting(
            _true_or_false,
            "Whether the server sends [traces](tracing.md) to a collector: `true` or `false`. "
            "OpenTelemetry's own variables, such as `OTEL_EXPORTER_OTLP_ENDPOINT`, say where and "
            "how many. It needs the extra `telemetry`.",
        ),
    ] = False
    log_level: Annotated[
        str,
        _Setting(
            _one_of("debug", "info", "warning", "error"),
            "The lowest level to log. Requests have the level `info`.",
        ),
    ] = "info"
    log_format: Annotated[
        str | None,
        _Setting(
            _one_of("json", "console"),
            "The format of the log: `json` or `console`.",
            default="`console` if standard error is a terminal, otherwise `json`",
        ),
    ] = None

    @property
    def allows_introspection(self) -> bool:
        """`introspection` or its default: true with the embedded MongoDB."""
        return self.mongodb_uri is None if self.introspection is None else self.introspection

    @property
    def shows_graphiql(self) -> bool:
        """`graphiql` or its default: true if introspection is allowed."""
        return self.allows_introspection if self.graphiql is None else self.graphiql

    @property
    def shows_dashboard(self) -> bool:
        """`dashboard` or its default: true if introspection and all documents are allowed.

        The page shows a part of the schema, and its documents become trusted ones.
        """
        if self.dashboard is None:
            return self.allows_introspection and not self.trusted_documents_only
        return self.dashboard

    @property
    def serves_own_machine_only(self) -> bool:
        """Whether requests from other machines are rejected, because requests need no token."""
        return not (self.keys or self.jwt_issuer or self.insecure)

    @property
    def effective_rate_limit(self) -> str | None:
        """`rate_limit` or its default. None means no limit."""
        if self.rate_limit is None and not self.serves_own_machine_only:
            return _DEFAULT_RATE_LIMIT
        return self.rate_limit

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the variables of an environment, except those of `set_by_kubernetes`.

        Raises `SettingsError` for values that are not valid, for unknown `GRAPHQL_API_` names, and
        for files of secret values that cannot be read. Its message has a line for each of them.
        """
        ignored = set_by_kubernetes(environment)
        values: dict[str, Any] = {}
        problems: list[str] = []
        for key in environment:
            if key.startswith(PREFIX) and key not in ignored:
                try:
                    name, value = _read(key, environment)
                    values[name] = value
                except SettingsError as error:
                    problems.append(str(error))
        if problems:
            raise SettingsError("\n".join(problems))
        return cls(**values)


def _read(key: str, environment: Mapping[str, str]) -> tuple[str, object]:
    """The name and the value of the setting that a variable sets. Raises `SettingsError`."""
    name = _NAMES.get(key)
    if name is None:
        raise SettingsError(f"{key} is not a setting. {_suggestion(key)}")
    is_file = key != variable(name)
    if is_file and variable(name) in environment:
        raise SettingsError(f"Set {variable(name)} or {key}, but not both of them.")
    text = _content(key, environment[key]) if is_file else environment[key]
    try:
        return name, _SETTINGS[name].parse(text)
    except ValueError as error:
        must = "must name a file that contains" if is_file else "must be"
        raise SettingsError(f"{key} {must} {error}.") from None


def set_by_kubernetes(environment: Mapping[str, str]) -> list[str]:
    """Returns the names of the variables that describe a Kubernetes Service and are no settings."""
    return [
        name
        for name, value in environment.items()
        if _SERVICE.fullmatch(name) or _SERVICE_PORT.fullmatch(f"{name}={value}")
    ]


def _content(key: str, path: str) -> str:
    """The text of the file with a secret value, without line breaks at its end.

    The error shows no path: an operator may have given the secret itself.
    """
    try:
        return Path(path).read_text("utf-8").rstrip("\r\n")
    except OSError as error:
        reason = error.strerror
    except ValueError:
        reason = "Not a UTF-8 text"
    raise SettingsError(f"{key} must name a file that the server can read: {reason}.")


def _suggestion(unknown: str) -> str:
    # The prefix, which all names share, would make every name a close match.
    name = unknown.removeprefix(PREFIX).lower()
    if nearest := difflib.get_close_matches(name, _SETTINGS, n=1):
        return f"Did you mean {variable(nearest[0])}?"
    return "docs/operating.md lists all settings."


def variable(name: str) -> str:
    """Returns the environment variable of a setting, such as `GRAPHQL_API_PORT` for `port`."""
    return PREFIX + name.upper()


def file_variable(name: str) -> str | None:
    """Returns the variable that names a file with the value, such as `GRAPHQL_API_..._FILE`.

    None for a setting that has none, because its value is never secret.
    """
    return f"{variable(name)}_FILE" if _SETTINGS[name].may_be_secret else None


def setting_description(name: str) -> str:
    """Returns what a setting decides, in one or more sentences of Markdown."""
    return _SETTINGS[name].description


def setting_default(name: str) -> str:
    """Returns the default of a setting in Markdown, as its variable would give it."""
    match getattr(Settings(), name):
        case None:
            return _SETTINGS[name].default
        case bool(value):
            return f"`{value}`".lower()
        case value:
            return f"`{value}`"


_SETTINGS: dict[str, _Setting] = {
    name: hint.__metadata__[0]
    for name, hint in typing.get_type_hints(Settings, include_extras=True).items()
}
# The setting that each variable sets.
_NAMES = {variable(name): name for name in _SETTINGS}
_NAMES |= {file: name for name in _SETTINGS if (file := file_variable(name)) is not None}

"""The settings: how they are read, and that errors never show their values."""

from dataclasses import fields
from pathlib import Path

import pytest

from graphql_api.settings import (
    Settings,
    SettingsError,
    file_variable,
    set_by_kubernetes,
    setting_default,
    setting_description,
    variable,
)

from ..support.servers import variables_of_a_service


def test_an_empty_environment_results_in_the_defaults() -> None:
    assert Settings.read({"PATH": "/bin", "PORT": "1"}) == Settings()


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        (Settings(), None),
        (Settings(rate_limit="1/hour"), "1/hour"),
        (Settings(keys=True), "100/second"),
        (Settings(jwt_issuer="https://identity.example/"), "100/second"),
        (Settings(insecure=True), "100/second"),
        (Settings(keys=True, rate_limit="1/hour"), "1/hour"),
    ],
    ids=str,
)
def test_only_a_server_for_its_own_machine_has_no_rate_limit_by_default(
    settings: Settings, limit: str | None
) -> None:
    assert settings.effective_rate_limit == limit


@pytest.mark.parametrize("uri", [None, "mongodb://db.example/customers"])
def test_introspection_is_allowed_by_default_only_with_the_embedded_mongodb(
    uri: str | None,
) -> None:
    assert Settings(mongodb_uri=uri).allows_introspection is (uri is None)
    for setting in (True, False):
        settings = Settings(mongodb_uri=uri, introspection=setting)
        assert settings.allows_introspection is setting


def test_each_setting_is_read_from_the_variable_of_its_name() -> None:
    settings = Settings.read(
        {
            "GRAPHQL_API_HOST": "::1",
            "GRAPHQL_API_PORT": "0",
            "GRAPHQL_API_WORKERS": "2",
            "GRAPHQL_API_DATA_DIR": "/var/lib/customers",
            "GRAPHQL_API_MONGODB_URI": "mongodb://db.example/customers",
            "GRAPHQL_API_MONGODB_DRIVER": "pymongo",
            "GRAPHQL_API_MONGOD": "/usr/bin/mongod",
            "GRAPHQL_API_KEYS": "true",
            "GRAPHQL_API_JWT_ISSUER": "https://identity.example/",
            "GRAPHQL_API_JWT_AUDIENCE": "customers",
            "GRAPHQL_API_JWT_JWKS": "https://identity.example/jwks.json",
            "GRAPHQL_API_JWT_SCOPE_CLAIM": "permissions",
            "GRAPHQL_API_INSECURE": "false",
            "GRAPHQL_API_RATE_LIMIT": "600/minute",
            "GRAPHQL_API_RATE_LIMIT_STORAGE": "redis://db.example:6379/0",
            "GRAPHQL_API_TRUSTED_PROXIES": "10.0.0.7, 2001:db8::/32",
            "GRAPHQL_API_RECEIVE_SECONDS": "1",
            "GRAPHQL_API_SEND_SECONDS": "2",
            "GRAPHQL_API_KEEP_ALIVE_SECONDS": "3",
            "GRAPHQL_API_EXECUTION_SECONDS": "4",
            "GRAPHQL_API_SHUTDOWN_SECONDS": "5",
            "GRAPHQL_API_MAX_CONNECTIONS": "6",
            "GRAPHQL_API_MAX_SUBSCRIPTIONS": "0",
            "GRAPHQL_API_MAX_CLIENT_SUBSCRIPTIONS": "7",
            "GRAPHQL_API_MAX_BODY_BYTES": "7",
            "GRAPHQL_API_MAX_BULK_BODY_BYTES": "77",
            "GRAPHQL_API_MAX_HEADER_BYTES": "888",
            "GRAPHQL_API_MAX_TARGET_BYTES": "99",
            "GRAPHQL_API_CORS_ORIGINS": "https://app.example.com, http://[::1]:3000",
            "GRAPHQL_API_CORS_HEADERS": "X-Client-Name, x_other",
            "GRAPHQL_API_GRAPHIQL": "false",
            "GRAPHQL_API_DASHBOARD": "true",
            "GRAPHQL_API_LOG_LEVEL": "error",
            "GRAPHQL_API_LOG_FORMAT": "console",
        }
    )

    assert settings == Settings(
        host="::1",
        port=0,
        workers=2,
        data_dir=Path("/var/lib/customers"),
        mongodb_uri="mongodb://db.example/customers",
        mongodb_driver="pymongo",
        mongod=Path("/usr/bin/mongod"),
        keys=True,
        jwt_issuer="https://identity.example/",
        jwt_audience="customers",
        jwt_jwks="https://identity.example/jwks.json",
        jwt_scope_claim="permissions",
        insecure=False,
        rate_limit="600/minute",
        rate_limit_storage="redis://db.example:6379/0",
        trusted_proxies="10.0.0.7/32,2001:db8::/32",
        receive_seconds=1,
        send_seconds=2,
        keep_alive_seconds=3,
        execution_seconds=4,
        shutdown_seconds=5,
        max_connections=6,
        max_subscriptions=0,
        max_client_subscriptions=7,
        max_body_bytes=7,
        max_bulk_body_bytes=77,
        max_header_bytes=888,
        max_target_bytes=99,
        cors_origins=("https://app.example.com", "http://[::1]:3000"),
        cors_headers=("X-Client-Name", "x_other"),
        graphiql=False,
        dashboard=True,
        log_level="error",
        log_format="console",
    )


def test_each_setting_is_described_in_sentences_and_its_default_in_a_phrase() -> None:
    for field in fields(Settings):
        assert setting_description(field.name).endswith(".")
        assert setting_default(field.name)[-1] not in " ."


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("port", "`8000`"),
        ("data_dir", "`.data`"),
        ("keys", "`false`"),
        ("jwt_issuer", "none"),
        ("mongodb_uri", "the embedded MongoDB"),
    ],
)
def test_a_default_is_shown_as_a_value_or_in_words(name: str, default: str) -> None:
    assert setting_default(name) == default


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", ""),
        ("port", ""),
        ("port", "abc"),
        ("port", "-1"),
        ("port", "8000.0"),
        ("port", " 8000"),
        ("port", "8_000"),
        ("port", "\u0668\u0660"),
        ("port", "65536"),
        ("port", "0000080000"),
        ("port", "9" * 5000),
        ("workers", "0"),
        ("workers", "257"),
        ("data_dir", ""),
        ("mongodb_uri", ""),
        ("mongodb_uri", "localhost:27017"),
        ("mongodb_uri", "postgresql://user:secret@db.example/customers"),
        ("mongod", ""),
        ("keys", ""),
        ("keys", "yes"),
        ("keys", "True"),
        ("keys", "gak_0123456789ab_secret"),
        ("jwt_issuer", ""),
        ("jwt_audience", ""),
        ("jwt_jwks", ""),
        ("jwt_jwks", "http://identity.example/jwks.json"),
        ("jwt_jwks", "http://127.0.0.1.example/jwks.json"),
        ("jwt_jwks", "http://127.0.0.1@identity.example/jwks.json"),
        ("jwt_jwks", "https:///jwks.json"),
        ("jwt_jwks", "file:///jwks.json"),
        ("insecure", "1"),
        ("rate_limit", ""),
        ("rate_limit", "100"),
        ("rate_limit", "0/second"),
        ("rate_limit", "-1/second"),
        ("rate_limit", "1e3/second"),
        ("rate_limit", "100/fortnight"),
        ("rate_limit", "100/second;1000/hour"),
        ("rate_limit_storage", ""),
        ("rate_limit_storage", "memcached://db.example"),
        ("rate_limit_storage", "async+redis://db.example"),
        ("trusted_proxies", ""),
        ("trusted_proxies", "*"),
        ("trusted_proxies", "10.0.0.8,"),
        ("trusted_proxies", "10.0.0.7/16"),
        ("trusted_proxies", "proxy.example"),
        ("receive_seconds", "-1"),
        ("receive_seconds", "1.5"),
        ("max_header_bytes", "12"),
        ("cors_origins", ""),
        ("cors_origins", "*"),
        ("cors_origins", "null"),
        ("cors_origins", "app.example.org"),
        ("cors_origins", "https://app.example.com/"),
        ("cors_origins", "https://App.example.com"),
        ("cors_origins", "https://app.example.com,"),
        ("cors_headers", ""),
        ("cors_headers", "*"),
        ("cors_headers", "X-Client-Name,"),
        ("cors_headers", "X-Client-Name: x"),
        ("graphiql", "no"),
        ("dashboard", "on"),
        ("log_level", "INFO"),
        ("log_format", "text"),
    ],
)
def test_the_error_for_an_invalid_value_names_the_variable_and_not_the_value(
    name: str, value: str
) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.read({variable(name): value})

    assert str(error.value).startswith(f"{variable(name)} must be ")
    assert not value or value not in str(error.value)


@pytest.mark.parametrize(
    ("unknown", "hint"),
    [
        ("GRAPHQL_API_PROT", "Did you mean GRAPHQL_API_PORT?"),
        ("GRAPHQL_API_MAX_ALIASSES", "Did you mean GRAPHQL_API_MAX_ALIASES?"),
        ("GRAPHQL_API_PORT_8000", "Did you mean GRAPHQL_API_PORT?"),
        ("GRAPHQL_API_JWT_ISSUER_FILE", "Did you mean GRAPHQL_API_JWT_ISSUER?"),
        ("GRAPHQL_API_SERVICE", "docs/operating.md lists all settings."),
        ("GRAPHQL_API_XYZZY", "docs/operating.md lists all settings."),
    ],
)
def test_the_error_for_an_unknown_variable_suggests_the_nearest_one(
    unknown: str, hint: str
) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.read({unknown: "8000"})

    assert str(error.value) == f"{unknown} is not a setting. {hint}"


def test_one_error_names_every_problem() -> None:
    with pytest.raises(SettingsError) as error:
        Settings.read(
            {
                "GRAPHQL_API_PORT": "s3cr3t",
                "GRAPHQL_API_PROT": "8000",
                "GRAPHQL_API_WORKERS": "2",
                "GRAPHQL_API_MONGODB_URI_FILE": "/missing",
                "GRAPHQL_API_KEYS": "yes",
            }
        )

    assert str(error.value).splitlines() == [
        "GRAPHQL_API_PORT must be a whole number from 0 to 65535.",
        "GRAPHQL_API_PROT is not a setting. Did you mean GRAPHQL_API_PORT?",
        "GRAPHQL_API_MONGODB_URI_FILE must name a file that the server can read: No such file or "
        "directory.",
        "GRAPHQL_API_KEYS must be true or false.",
    ]


SECRETS = {"mongodb_uri": "mongodb://app:pass@db.example/customers"}
SECRETS["rate_limit_storage"] = "redis://:s3cr3t@db.example:6379/0"


def test_each_setting_that_may_be_secret_is_read_from_a_file(tmp_path: Path) -> None:
    assert [field.name for field in fields(Settings) if file_variable(field.name)] == [*SECRETS]

    for name, value in SECRETS.items():
        file = tmp_path / name
        for end in ("", "\n", "\r\n"):
            file.write_bytes(f"{value}{end}".encode())
            assert getattr(Settings.read({f"{variable(name)}_FILE": str(file)}), name) == value


def test_a_variable_and_its_file_exclude_each_other() -> None:
    value, file = "GRAPHQL_API_MONGODB_URI", "GRAPHQL_API_MONGODB_URI_FILE"
    both = {value: "mongodb://localhost", file: __file__}

    for environment in (both, dict(reversed(both.items()))):
        with pytest.raises(SettingsError, match=f"^Set {value} or {file}, but not both"):
            Settings.read(environment)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "must name a file that the server can read: No such file or directory."),
        (b"mongodb://user:s3cr3t\xff", "must name a file that the server can read: Not a UTF-8 te"),
        (b"s3cr3t", "must name a file that contains a MongoDB URI, such as"),
        (b"", "must name a file that contains a MongoDB URI, such as"),
        (b"\nmongodb://user:s3cr3t@db.example/", "must name a file that contains a MongoDB URI"),
    ],
)
def test_the_error_for_a_file_names_the_variable_and_shows_neither_path_nor_content(
    content: bytes | None, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "t0ps3cr3t"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(SettingsError) as error:
        Settings.read({"GRAPHQL_API_MONGODB_URI_FILE": str(file)})

    assert str(error.value).startswith(f"GRAPHQL_API_MONGODB_URI_FILE {reason}")
    assert "s3cr3t" not in str(error.value)


@pytest.mark.parametrize("service", ["GRAPHQL_API", "GRAPHQL_API_MONGODB"])
def test_variables_of_a_kubernetes_service_are_ignored(service: str) -> None:
    variables = variables_of_a_service(service)

    assert Settings.read({**variables, "GRAPHQL_API_WORKERS": "2"}) == Settings(workers=2)
    assert set_by_kubernetes({**variables, "GRAPHQL_API_WORKERS": "2"}) == list(variables)


@pytest.mark.parametrize(
    "port", ["8000", "tcp://", "http://10.96.0.12:8000", "8000\ntcp://10.96.0.12:8000"]
)
def test_a_port_without_the_address_of_a_service_is_a_setting(port: str) -> None:
    assert set_by_kubernetes({"GRAPHQL_API_PORT": port}) == []


@pytest.mark.parametrize(
    "jwks",
    [
        "jwks.json",
        "/etc/graphql-api/jwks.json",
        "https://identity.example/.well-known/jwks.json",
        "https://identity.example:8443",
        "http://localhost:8080/jwks.json",
        "http://127.0.0.1/jwks.json",
        "http://[::1]:8080",
    ],
)
def test_a_jwks_is_a_file_or_a_url_that_nobody_on_the_network_can_replace(jwks: str) -> None:
    assert Settings.read({"GRAPHQL_API_JWT_JWKS": jwks}).jwt_jwks == jwks

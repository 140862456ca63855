"""`graphql-api keys` creates keys that a running server accepts, until it revokes them."""

import re
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from graphql_api.__main__ import main

from ..conftest import Command
from ..support.servers import mongods, serving, until
from ..support.tokens import bearer, id_of

KEY = re.compile(r"gak_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\n")


@pytest.fixture
def keys(graphql_api: Command) -> Command:
    """`graphql-api keys` in this process."""
    return partial(graphql_api, "keys")


CREATE = ("create", "--name", "web", "--scope", "customers:write")


@pytest.mark.in_time
def test_a_running_server_accepts_a_new_key_until_it_is_revoked(
    keys: Command, database_uri: str, tmp_path: Path
) -> None:
    errors = tmp_path / "stderr"
    variables = {"GRAPHQL_API_MONGODB_URI": database_uri}
    with serving(
        errors=errors, stop=True, measured=False, GRAPHQL_API_KEYS="true", **variables
    ) as server:
        created, key, note = keys(*CREATE, **variables)
        before = status(server.url, key.strip())
        revoked, output, _ = keys("revoke", id_of(key), **variables)
        started = time.monotonic()
        until(lambda: status(server.url, key.strip()) == 401, "the key is rejected")
        seconds = time.monotonic() - started

    assert (created, revoked) == (0, 0)
    assert KEY.fullmatch(key)
    assert id_of(key) in note
    assert id_of(key) in output
    assert before == 200
    # The documentation promises that a revocation takes effect within seconds.
    assert seconds < 5
    assert key.strip() not in errors.read_text()


def test_keys_are_listed_without_their_secrets(keys: Command, database_uri: str) -> None:
    variables = {"GRAPHQL_API_MONGODB_URI": database_uri}
    _, first, _ = keys(*CREATE, "--scope", "customers:read", "--expires", "90d", **variables)
    _, second, _ = keys("create", "--name", "Büro 2", "--scope", "customers:read", **variables)
    keys("revoke", id_of(second), **variables)

    code, table, _ = keys("list", **variables)

    header, *rows = (re.split(" {2,}", line) for line in table.splitlines())
    assert code == 0
    assert header == ["ID", "NAME", "SCOPES", "CREATED", "EXPIRES", "REVOKED"]
    assert [row[:3] for row in rows] == [
        [id_of(first), "web", "customers:read customers:write"],
        [id_of(second), "Büro 2", "customers:read"],
    ]
    assert [re.sub("[0-9]", "9", " ".join(row[3:])) for row in rows] == [
        "9999-99-99 99:99 9999-99-99 99:99 -",
        "9999-99-99 99:99 - 9999-99-99 99:99",
    ]
    assert first.split("_", 2)[2].strip() not in table


def test_an_empty_list_of_keys_has_only_a_header(keys: Command, database_uri: str) -> None:
    code, table, _ = keys("list", GRAPHQL_API_MONGODB_URI=database_uri)

    assert (code, len(table.splitlines())) == (0, 1)


def test_a_second_revocation_does_not_change_the_time_of_the_first(
    keys: Command, database_uri: str
) -> None:
    variables = {"GRAPHQL_API_MONGODB_URI": database_uri}
    _, key, _ = keys(*CREATE, **variables)

    with MongoClient[dict[str, Any]](database_uri) as mongo:
        api_keys = mongo.get_default_database()["api_keys"]
        codes, times = set(), set()
        for _ in range(2):
            codes.add(keys("revoke", id_of(key), **variables)[0])
            times |= {document["revokedAt"] for document in api_keys.find()}

    assert codes == {0}
    assert len(times) == 1


def test_an_unknown_key_cannot_be_revoked(keys: Command, database_uri: str) -> None:
    code, output, error = keys("revoke", "0123456789ab", GRAPHQL_API_MONGODB_URI=database_uri)

    assert (code, output) == (1, "")
    assert error == "graphql-api: No key has the id 0123456789ab.\n"


def test_keys_are_stored_in_the_embedded_mongodb_with_and_without_a_server(
    keys: Command, data_dir: Path, tmp_path: Path
) -> None:
    flags = ("--data-dir", str(data_dir))

    with serving(*flags, errors=tmp_path / "stderr", GRAPHQL_API_KEYS="true") as server:
        running = mongods(data_dir)
        _, meanwhile, _ = keys(*CREATE, *flags)
        code = status(server.url, meanwhile.strip())
        still = mongods(data_dir)
    _, after, _ = keys(*CREATE, *flags)
    _, table, _ = keys("list", *flags)

    assert code == 200
    assert still == running
    assert [line.split()[0] for line in table.splitlines()[1:]] == [id_of(meanwhile), id_of(after)]
    assert mongods(data_dir) == []


def test_an_invalid_uri_is_a_clear_error(keys: Command) -> None:
    code, _, error = keys("list", GRAPHQL_API_MONGODB_URI="mongodb://user:s3cr3t@@")

    assert code == 2
    assert error == "graphql-api: GRAPHQL_API_MONGODB_URI must be a valid MongoDB URI.\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("create",),
        ("create", "--name", "web"),
        ("create", "--scope", "customers:read"),
        ("create", "--name", "", "--scope", "customers:read"),
        ("create", "--name", "x" * 51, "--scope", "customers:read"),
        ("create", "--name", "a\nb", "--scope", "customers:read"),
        ("create", "--name", "web", "--scope", "customers:*"),
        (*CREATE, "--expires", "0d"),
        (*CREATE, "--expires", "90"),
        (*CREATE, "--expires", "-1d"),
        (*CREATE, "--expires", "1.5h"),
        (*CREATE, "--expires", "100000d"),
        ("revoke",),
    ],
)
def test_invalid_arguments_are_an_error(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["keys", *arguments])

    assert exit_.value.code == 2
    assert capsys.readouterr().err.startswith("usage: graphql-api keys")


@pytest.mark.parametrize(
    ("expires", "lifetime"),
    [
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("90d", timedelta(days=90)),
        ("99999d", timedelta(days=99999)),
    ],
)
def test_a_key_expires_after_the_given_time(
    expires: str, lifetime: timedelta, keys: Command, database_uri: str
) -> None:
    keys(*CREATE, "--expires", expires, GRAPHQL_API_MONGODB_URI=database_uri)

    with MongoClient[dict[str, Any]](database_uri) as mongo:
        [document] = mongo.get_default_database()["api_keys"].find()
    assert document["expiresAt"] - document["createdAt"] == lifetime


def status(url: str, token: str) -> int:
    """The HTTP status for a query with this token."""
    response = httpx.post(
        f"{url}/graphql", json={"query": "{ __typename }"}, headers=bearer(token), timeout=20
    )
    return response.status_code

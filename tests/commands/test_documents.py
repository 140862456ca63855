"""`graphql-api documents` registers documents, which a server executes until they are removed."""

import json
import re
import ssl
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from graphql_api.__main__ import main

from ..conftest import Command
from ..support.servers import mongods, serving, until

Manifest = Callable[[object], str]

CUSTOMER = "query Customer($id: ID!) { customer(id: $id) { id name } }"
TYPE = "{ __typename }"
SCHEMA = "{ __schema { queryType { name } } }"

# Otherwise each request reads all certificates of the system, which takes longer than the answer.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

# As code generators write them.
MANIFESTS: dict[str, dict[str, Any]] = {
    "GraphQL Code Generator": {
        "sha256:c6c16c459d8cd01b2f4a9b5329973aa63dc527624a7372f42f2715dfd28d0c45": CUSTOMER,
        "b2b0e2d4c7c1bd6f0a5e2bd0c1ad8b7a2f3f8d22": TYPE,
    },
    "Relay": {
        "3be4abb81fa595e25eb725b2c6a87508": (
            "query CustomerQuery(\n  $id: ID!\n) {\n  customer(id: $id) {\n    ...Shown_customer\n"
            "  }\n}\n\nfragment Shown_customer on Customer {\n  name\n}\n"
        ),
    },
    "Apollo": {
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [
            {
                "id": "dc67510fb4289672bea757e862d6b00e83db5d3cbbcfb15260601b6f29bb2b8f",
                "name": "Customer",
                "type": "query",
                "body": CUSTOMER,
            },
            {
                "id": "f11e4dcb28788af2e41689bb366472084aa1aa1e1ba633c3d605279cff08ed59",
                "clientName": "web",
                "name": "Type",
                "type": "query",
                "body": TYPE,
            },
        ],
    },
}


@pytest.fixture
def documents(graphql_api: Command, database_uri: str) -> Command:
    """`graphql-api documents` in this process, with its own database."""
    return partial(graphql_api, "documents", GRAPHQL_API_MONGODB_URI=database_uri)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """A function that writes a manifest and returns its path."""

    def write(content: object) -> str:
        file = tmp_path / "manifest.json"
        file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(file)

    return write


@pytest.mark.in_time
def test_a_running_server_executes_a_document_from_its_registration_to_its_removal(
    documents: Command, manifest: Manifest, database_uri: str, tmp_path: Path
) -> None:
    path = manifest({"customer": CUSTOMER, "type": TYPE})
    with serving(
        *("--workers", "2"), errors=tmp_path / "stderr", GRAPHQL_API_MONGODB_URI=database_uri
    ) as server:
        before = {outcome(server.url, "type") for _ in range(20)}
        registered, output, _ = documents("register", path)
        # Each request has its own connection, so that both workers get some.
        found = {outcome(server.url, "type") for _ in range(20)}

        removed, removal, _ = documents("remove", "type")
        started = time.monotonic()
        until(
            lambda: {outcome(server.url, "type") for _ in range(10)} == {"DOCUMENT_NOT_FOUND"},
            "the document is not found",
        )
        seconds = time.monotonic() - started
        other = outcome(server.url, "customer", id="00000000-0000-4000-8000-000000000000")

    assert before == {"DOCUMENT_NOT_FOUND"}
    assert (registered, removed) == (0, 0)
    assert output == "Registered. Documents in the manifest: 2; new: 2.\n"
    assert found == {"Query"}
    assert removal == "Removed 1. Servers reject removed documents within seconds.\n"
    # The documentation promises seconds; the requests take some of them.
    assert seconds < 5
    assert other is None


@pytest.mark.parametrize("name", MANIFESTS)
def test_every_format_of_a_manifest_is_accepted(
    name: str, documents: Command, manifest: Manifest, database_uri: str
) -> None:
    content = MANIFESTS[name]

    code, output, error = documents("register", manifest(content))

    operations = content.get("operations", [])
    expected = {one["id"]: one["body"] for one in operations} or content
    assert (code, error) == (0, "")
    assert output == (
        f"Registered. Documents in the manifest: {len(expected)}; new: {len(expected)}.\n"
    )
    assert registered_in(database_uri) == expected


def test_documents_that_are_already_registered_stay(
    documents: Command, manifest: Manifest, database_uri: str
) -> None:
    documents("register", manifest({"one": CUSTOMER}))

    _, second, _ = documents("register", manifest({"one": CUSTOMER, "two": TYPE}))
    code, third, _ = documents("register", manifest({"one": CUSTOMER, "two": TYPE}))

    assert second == "Registered. Documents in the manifest: 2; new: 1.\n"
    assert third == "Registered. Documents in the manifest: 2; new: 0.\n"
    assert code == 0
    assert registered_in(database_uri) == {"one": CUSTOMER, "two": TYPE}


def test_an_empty_manifest_registers_nothing(documents: Command, manifest: Manifest) -> None:
    code, output, _ = documents("register", manifest({}))

    assert code == 0
    assert output == "Registered. Documents in the manifest: 0; new: 0.\n"


def test_an_id_is_not_registered_for_another_document_until_it_is_removed(
    documents: Command, manifest: Manifest, database_uri: str
) -> None:
    documents("register", manifest({"one": CUSTOMER}))
    path = manifest({"new": TYPE, "one": TYPE})

    code, output, error = documents("register", path)
    unchanged = registered_in(database_uri)
    documents("remove", "one")
    documents("register", path)

    assert (code, output) == (1, "")
    assert error.splitlines() == [
        "graphql-api: one: Another document is registered with this id. Remove it first.",
        "graphql-api: Nothing was registered.",
    ]
    assert unchanged == {"one": CUSTOMER}
    assert registered_in(database_uri) == {"new": TYPE, "one": TYPE}


def test_every_problem_of_every_document_is_printed_and_nothing_is_registered(
    documents: Command, manifest: Manifest, database_uri: str
) -> None:
    operations = [
        {"id": "valid", "body": TYPE},
        {"id": "syntax", "body": "{\n  customer("},
        {"id": "fields", "body": "{ first second }"},
        {"id": "aliases", "body": "{ a: __typename b: __typename }"},
        {"id": "long", "body": f"{TYPE}{' ' * 100}"},
        {"id": "twice", "body": TYPE},
        {"id": "twice", "body": TYPE},
        {"id": "twice", "body": "{ other: __typename }"},
        {"id": "", "body": TYPE},
        {"id": "José", "body": TYPE},
        {"id": "surrogate", "body": '{ customer(id: "\ud800") { id } }'},
    ]
    path = manifest(MANIFESTS["Apollo"] | {"operations": operations})

    code, output, error = documents(
        "register", path, GRAPHQL_API_MAX_ALIASES="1", GRAPHQL_API_MAX_BODY_BYTES="99"
    )

    assert (code, output) == (1, "")
    assert error.replace("graphql-api: ", "").splitlines() == [
        "syntax: Syntax Error: Expected Name, found <EOF>. (line 2, column 12)",
        "fields: Cannot query field 'first' on type 'Query'. (line 1, column 3)",
        "fields: Cannot query field 'second' on type 'Query'. (line 1, column 9)",
        "aliases: The document has more than 1 aliases. Send a smaller one.",
        "long: The document is larger than 99 bytes.",
        "twice: Several documents have this id. Use an id for one document only.",
        "'': The id is invalid. Use 1 to 255 printable ASCII characters.",
        "'Jos\\xe9': The id is invalid. Use 1 to 255 printable ASCII characters.",
        "surrogate: Syntax Error: Invalid character within String: U+D800. (line 1, column 17)",
        "Nothing was registered.",
    ]
    assert registered_in(database_uri) == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        [],
        "text",
        1,
        None,
        {"id": 1},
        {"id": {"text": TYPE}},
        MANIFESTS["Apollo"] | {"version": 2},
        MANIFESTS["Apollo"] | {"operations": {}},
        MANIFESTS["Apollo"] | {"operations": [{"id": "x"}]},
        MANIFESTS["Apollo"] | {"operations": [{"id": 1, "body": TYPE}]},
        MANIFESTS["Apollo"] | {"operations": ["x"]},
        {"format": "apollo-persisted-query-manifest"},
    ],
    ids=str,
)
def test_an_invalid_manifest_is_a_clear_error(
    content: object, documents: Command, manifest: Manifest
) -> None:
    code, output, error = documents("register", manifest(content))

    assert (code, output) == (1, "")
    first, last = error.splitlines()
    assert first.startswith("graphql-api: The manifest must be ")
    assert last == "graphql-api: Nothing was registered."


def test_a_missing_manifest_is_a_clear_error(documents: Command, tmp_path: Path) -> None:
    code, output, error = documents("register", str(tmp_path / "none.json"))

    assert (code, output) == (2, "")
    assert error == f"graphql-api: {tmp_path / 'none.json'}: No such file or directory.\n"


def test_documents_are_listed_with_their_operations(documents: Command, manifest: Manifest) -> None:
    two = "query One { __typename } query Two { __typename }"
    documents("register", manifest({"z": CUSTOMER}))
    documents("register", manifest({"b": two, "a": TYPE}))

    code, table, _ = documents("list")

    header, *rows = (re.split(" {2,}", line) for line in table.splitlines())
    assert code == 0
    assert header == ["ID", "OPERATIONS", "REGISTERED"]
    assert [row[:2] for row in rows] == [["z", "Customer"], ["a", "-"], ["b", "One Two"]]
    assert {re.sub("[0-9]", "9", row[2]) for row in rows} == {"9999-99-99 99:99"}


def test_an_empty_list_of_documents_has_only_a_header(documents: Command) -> None:
    code, table, _ = documents("list")

    assert (code, len(table.splitlines())) == (0, 1)


def test_an_unknown_document_cannot_be_removed(documents: Command) -> None:
    assert documents("remove", "none") == (1, "", "graphql-api: No document has the id none.\n")


def test_several_documents_are_removed_and_unknown_ids_are_errors(
    documents: Command, manifest: Manifest, database_uri: str
) -> None:
    documents("register", manifest({"one": TYPE, "two": CUSTOMER, "three": TYPE}))

    code, output, error = documents("remove", "one", "none", "two")

    assert (code, output) == (1, "Removed 2. Servers reject removed documents within seconds.\n")
    assert error == "graphql-api: No document has the id none.\n"
    assert registered_in(database_uri) == {"three": TYPE}


def test_documents_are_stored_in_the_embedded_mongodb_with_and_without_a_server(
    graphql_api: Command, manifest: Manifest, data_dir: Path, tmp_path: Path
) -> None:
    flags = ("--data-dir", str(data_dir))

    with serving(*flags, errors=tmp_path / "stderr") as server:
        graphql_api("documents", "register", manifest({"meanwhile": SCHEMA}), *flags)
        outcomes = [outcome(server.url, id_) for id_ in ("meanwhile", "never")]
    _, after, _ = graphql_api("documents", "register", manifest({"meanwhile": SCHEMA}), *flags)

    # The embedded MongoDB turns introspection on, for the command as for the server.
    assert outcomes == [{"queryType": {"name": "Query"}}, "DOCUMENT_NOT_FOUND"]
    assert after == "Registered. Documents in the manifest: 1; new: 0.\n"
    assert mongods(data_dir) == []


@pytest.mark.parametrize(("introspection", "code"), [(None, 1), ("false", 1), ("true", 0)])
def test_introspection_is_registered_only_if_the_settings_allow_it(
    introspection: str | None, code: int, documents: Command, manifest: Manifest
) -> None:
    setting = {"GRAPHQL_API_INTROSPECTION": introspection} if introspection else {}

    assert documents("register", manifest({"one": SCHEMA}), **setting)[0] == code


@pytest.mark.parametrize("arguments", [(), ("register",), ("register", "a", "b"), ("remove",)])
def test_invalid_arguments_are_an_error(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["documents", *arguments])

    assert exit_.value.code == 2
    assert "usage: graphql-api" in capsys.readouterr().err


def registered_in(database_uri: str) -> dict[str, str]:
    """The text of each document in a database, by its id."""
    with MongoClient[dict[str, Any]](database_uri) as mongo:
        found = mongo.get_default_database()["documents"].find()
        return {document["_id"]: document["text"] for document in found}


def outcome(url: str, id_: str, **variables: str) -> Any:
    """The value of the document's only field, or the code of the error."""
    body = {"documentId": id_, "variables": variables}
    answer = httpx.post(f"{url}/graphql", json=body, timeout=20, verify=NO_TLS).json()
    if "errors" in answer:
        return answer["errors"][0]["extensions"]["code"]
    [value] = answer["data"].values()
    return value

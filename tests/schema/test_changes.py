"""`graphql-api schema --diff`: the changes that it lists, and its exit code."""

import json
from pathlib import Path

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLUnionType,
    build_client_schema,
    build_schema,
    lexicographic_sort_schema,
    print_schema,
)

from graphql_api.__main__ import main
from graphql_api.schema.changes import Change, Severity, changes
from graphql_api.schema.schema import sdl

SCHEMA = """
directive @constraint(
  minLength: Int, maxLength: Int, pattern: String, format: String
) on INPUT_FIELD_DEFINITION | SCALAR
type Query { find(for: Search!, zip: Zip): Found }
input Search { text: String @constraint(minLength: 2, maxLength: 5, pattern: "a"), more: Int }
scalar Zip @constraint(maxLength: 10)
union Found = One | Two
type One { a: Int }
type Two { a: Int }
"""


@pytest.mark.parametrize(
    ("old", "new", "description"),
    [
        (", more: Int", "", "Field Search.more was removed."),
        ("more: Int", "more: Int!", "Field Search.more changed type from Int to Int!."),
        ("= One | Two", "= One", "Two was removed from union type Found."),
        ("minLength: 2", "minLength: 3", "(minLength:) of Search.text has changed from 2 to 3."),
        ("maxLength: 5", "maxLength: 4", "(maxLength:) of Search.text has changed from 5 to 4."),
        ("maxLength: 10", "maxLength: 9", "(maxLength:) of Zip has changed from 10 to 9."),
        ('"a"', '"b"', "(pattern:) of Search.text has changed from a to b."),
        (
            '"a"',
            '"a", format: "email"',
            "(format:) of Search.text was added: email.",
        ),
        (
            "more: Int",
            "more: Int @constraint(minLength: 1)",
            "(minLength:) of Search.more was added: 1.",
        ),
    ],
)
def test_a_change_after_which_a_valid_request_may_fail_is_breaking(
    old: str, new: str, description: str
) -> None:
    [change] = changes(SCHEMA, SCHEMA.replace(old, new))

    assert change.severity is Severity.BREAKING
    assert change.description.removeprefix("@constraint") == description


@pytest.mark.parametrize(
    ("old", "new", "description"),
    [
        ("more: Int", "more: Int, most: Int", "An optional field Search.most was added."),
        ("= One | Two", "= One | Two | Query", "Query was added to union type Found."),
        ("minLength: 2", "minLength: 1", "(minLength:) of Search.text has changed from 2 to 1."),
        ("maxLength: 5", "maxLength: 6", "(maxLength:) of Search.text has changed from 5 to 6."),
        (', pattern: "a"', "", "(pattern:) of Search.text was removed: a."),
        ("@constraint(maxLength: 10)", "", "(maxLength:) of Zip was removed: 10."),
    ],
)
def test_a_change_after_which_clients_may_receive_something_unknown_is_dangerous(
    old: str, new: str, description: str
) -> None:
    [change] = changes(SCHEMA, SCHEMA.replace(old, new))

    assert change.severity is Severity.DANGEROUS
    assert change.description.removeprefix("@constraint") == description


def test_an_addition_or_a_new_description_is_no_change_for_clients() -> None:
    richer = SCHEMA.replace("type One { a: Int }", '"One." type One { a: Int! b: Int }')

    assert changes(SCHEMA, richer) == []


def test_breaking_changes_are_listed_first() -> None:
    changed = SCHEMA.replace("= One | Two", "= One | Query").replace("minLength: 2", "minLength: 1")

    assert changes(SCHEMA, changed) == [
        Change(Severity.BREAKING, "Two was removed from union type Found."),
        Change(Severity.DANGEROUS, "Query was added to union type Found."),
        Change(
            Severity.DANGEROUS,
            "@constraint(minLength:) of Search.text has changed from 2 to 1.",
        ),
    ]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("The operations that read data.", "What one can read.", 0),
        (" | EmailTakenError", "", 3),
        ("maxLength: 40", "maxLength: 41", 4),
    ],
)
def test_the_exit_code_says_how_grave_the_gravest_change_is(
    old: str, new: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "old.graphql"
    file.write_text(sdl().replace(old, new), "utf-8")

    assert main(["schema", "--diff", str(file)]) == code
    kinds = {line.partition(":")[0] for line in capsys.readouterr().out.splitlines()}
    assert kinds == {0: set(), 3: {"dangerous"}, 4: {"breaking"}}[code]


@pytest.mark.parametrize("text", ["", "type Query {", "{ customer }", "scalar A", "\udcff"])
def test_an_invalid_schema_is_a_clear_error(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "old.graphql"
    file.write_text(text, "utf-8", errors="surrogateescape")

    assert main(["schema", "--diff", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"graphql-api: {file} is not a GraphQL schema: ")


def test_the_schema_as_json_is_the_same_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--format", "json"]) == 0
    read = build_client_schema(json.loads(capsys.readouterr().out))

    # Introspection has neither an order nor the directives of fields.
    assert print_schema(lexicographic_sort_schema(read)) == print_schema(
        lexicographic_sort_schema(build_schema(sdl()))
    )


def test_the_possible_types_are_those_of_each_union_and_interface(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["schema", "--format", "possible-types"]) == 0
    possible = json.loads(capsys.readouterr().out)

    schema = build_schema(sdl())
    assert {"FieldError", "CustomerFieldError", "CreateCustomerResult"} <= possible.keys()
    assert possible == {
        name: [named.name for named in schema.get_possible_types(abstract)]
        for name, abstract in schema.type_map.items()
        if isinstance(abstract, GraphQLUnionType | GraphQLInterfaceType)
    }
    assert possible["FieldError"] == possible["CustomerFieldError"]
    assert possible["CreateCustomerResult"][0] == "CreateCustomerSuccess"

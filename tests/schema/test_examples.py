"""The examples in GraphiQL's tabs are valid, and each gets the answer that it promises."""

import json
from typing import Any

import httpx
import pytest
from graphql import OperationDefinitionNode, build_schema, parse, print_ast, validate

from graphql_api.customers.fields import FIELDS
from graphql_api.schema.examples import CREATED_LAST, EXAMPLES, FRESH, Example

from ..support.clients import execute
from ..support.manual import members
from ..support.paths import ROOT

SCHEMA = build_schema((ROOT / "schema.graphql").read_text("utf-8"))


def title(example: Example) -> str:
    [operation] = parse(example.document).definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert operation.name
    return operation.name.value


async def play(client: httpx.AsyncClient, name: str, **marks: str) -> Any:
    """The data of the answer to an example, after its marks are replaced."""
    [example] = [example for example in EXAMPLES if title(example) == name]
    variables = json.dumps(example.variables)
    for mark, value in marks.items():
        variables = variables.replace(mark, value)
    answer = await execute(client, example.document, json.loads(variables))
    assert "errors" not in answer, answer
    return answer["data"]


@pytest.mark.parametrize("example", EXAMPLES, ids=title)
def test_an_example_is_valid_and_written_as_graphiql_would(example: Example) -> None:
    document = parse(example.document)

    lines = example.document.splitlines(keepends=True)

    assert validate(SCHEMA, document) == []
    assert "".join(line for line in lines if line[0] != "#") == f"{print_ast(document)}\n"
    # A window of 1280 pixels cuts longer lines off.
    assert all(len(line) <= len("\n") + 50 for line in lines if line[0] == "#")


async def test_the_first_example_creates_the_customer_of_the_specification(
    client: httpx.AsyncClient,
) -> None:
    data = await play(client, "Create")

    result = data["createCustomer"]
    assert result["__typename"] == "CreateCustomerSuccess"
    assert {field.public_name: result["customer"][field.public_name] for field in FIELDS} == {
        **{field.public_name: field.rule.example for field in FIELDS},
        "email": f"john.smith.{FRESH}@example.com",
    }


async def test_an_example_has_an_error_of_every_field_and_of_every_kind(
    client: httpx.AsyncClient,
) -> None:
    data = await play(client, "AllErrors")

    errors = data["createCustomer"]["errors"]
    kinds = {kind.name for kind in members("CustomerFieldError")}
    assert list(dict.fromkeys(error["field"] for error in errors)) == [
        field.name.upper() for field in FIELDS
    ]
    # The server looks for the address elsewhere only if every field is valid.
    others = {"EmailTakenError", "DuplicateInListError"}
    assert {error["__typename"] for error in errors} == kinds - others


async def test_an_example_is_replayed_and_another_time_creates_another_customer(
    client: httpx.AsyncClient,
) -> None:
    first, again = [await play(client, "Replay") for _ in range(2)]
    later = await play(client, "Replay", **{FRESH: "later"})

    results = [data["createCustomer"] for data in (first, again, later)]
    assert [result["replayed"] for result in results] == [False, True, False]
    assert results[0]["customer"] == results[1]["customer"]


async def test_an_example_reads_the_customer_that_was_created_last(
    client: httpx.AsyncClient,
) -> None:
    nobody = await play(client, "Read")
    created = (await play(client, "Create"))["createCustomer"]["customer"]

    read = await play(client, "Read", **{CREATED_LAST: created["id"]})

    assert nobody == {"customer": None}
    assert read == {"customer": created}


async def test_examples_list_and_find_customers(client: httpx.AsyncClient) -> None:
    created = (await play(client, "Create"))["createCustomer"]["customer"]
    await play(client, "Replay")

    listed = (await play(client, "List"))["customers"]
    found = (await play(client, "Search"))["customers"]

    assert [node["name"] for node in listed["nodes"]] == ["Ada Lovelace", "John Smith"]
    assert listed["totalCount"] == {"count": 2, "precision": "EXACT"}
    assert [node["id"] for node in found["nodes"]] == [created["id"]]


async def test_an_example_changes_the_customer_that_was_created_last_once(
    client: httpx.AsyncClient,
) -> None:
    nobody = (await play(client, "Update"))["updateCustomer"]
    created = (await play(client, "Create"))["createCustomer"]["customer"]

    first, again = [
        (await play(client, "Update", **{CREATED_LAST: created["id"]}))["updateCustomer"]
        for _ in range(2)
    ]

    assert nobody["__typename"] == "CustomerNotFound"
    assert (first["changed"], again["changed"]) == (True, False)
    assert (
        first["customer"]
        == again["customer"]
        == {
            **created,
            "city": "Boston",
            "description": None,
            "updatedAt": first["customer"]["updatedAt"],
            "version": 2,
        }
    )


async def test_an_example_creates_many_customers_and_replays_them(
    client: httpx.AsyncClient,
) -> None:
    first, again = [(await play(client, "CreateMany"))["createCustomers"] for _ in range(2)]

    counts = ("createdCount", "replayedCount", "failedCount")
    assert [first[name] for name in counts] == [2, 0, 1]
    assert [again[name] for name in counts] == [0, 2, 1]
    [error] = first["results"][2]["errors"]
    assert error["__typename"] == "DuplicateInListError"
    assert error["path"] == ["inputs", "2", "email"]


async def test_an_example_deletes_the_customer_that_was_changed_once(
    client: httpx.AsyncClient,
) -> None:
    created = (await play(client, "Create"))["createCustomer"]["customer"]

    changed = (await play(client, "Delete", **{CREATED_LAST: created["id"]}))["deleteCustomer"]
    await play(client, "Update", **{CREATED_LAST: created["id"]})
    deleted, missing = [
        (await play(client, "Delete", **{CREATED_LAST: created["id"]}))["deleteCustomer"]
        for _ in range(2)
    ]

    assert changed["__typename"] == "CustomerChanged"
    assert changed["current"] == {"id": created["id"], "version": 1}
    assert deleted == {"__typename": "DeleteCustomerSuccess", "id": created["id"]}
    assert missing["__typename"] == "CustomerNotFound"

"""The cost of lists whose length an argument says, and the limit that variables decide."""

from typing import Any

import pytest
from graphql import (
    DocumentNode,
    ExecutionResult,
    OperationDefinitionNode,
    build_schema,
    parse,
    validate,
)

from graphql_api.execution.costs import Costs
from graphql_api.execution.documents import Document, Documents
from graphql_api.execution.limits import Limits, Measure
from graphql_api.execution.list_sizes import ListSize, sizes_of

SCHEMA = build_schema(
    """
    type Query { people(first: Int, last: Int, name: String): People  all: [Person] }
    type People { nodes: [Person!]!  edges: [Edge!]!  total: Int  others: [Person!]!  next: People
        counted(limit: Int! = 500): Count }
    type Count { count: Int }
    type Edge { cursor: String  node: Person }
    type Person { name: String  age: Int  friends(first: Int, last: Int): People  pets: [Pet!] }
    type Pet { name: String }
    type Mutation { create(people: [PersonInput!]): Created  other: Created }
    type Created { results: [Result!]!  count: Int }
    union Result = Person | Failure
    type Failure { message: String }
    input PersonInput { name: String }
    """
)
PAGE = ListSize(("first", "last"), ("nodes", "edges"), assumed_size=50, maximum=100)
MANY = ListSize(
    ("people",), ("results",), assumed_size=1, maximum=1000, size_if_alone=10, cost_of_an_item=1.0
)
COUNTED = ListSize(("limit",), (), assumed_size=500, maximum=1000, cost_of_an_item=0.1)
SIZES = {
    "Query.people": PAGE,
    "Person.friends": PAGE,
    "Mutation.create": MANY,
    "People.counted": COUNTED,
}


def limits(max_cost: int) -> Limits:
    return Limits(
        max_tokens=10_000,
        max_fragments=10,
        max_root_fields=10,
        max_depth=20,
        max_aliases=20,
        max_directives=20,
        max_cost=max_cost,
        allows_introspection=True,
    )


def read(text: str, max_cost: int) -> Document:
    return Documents(SCHEMA, limits(max_cost), (), SIZES).prepare(text)


def operation_of(document: DocumentNode) -> OperationDefinitionNode:
    node = document.definitions[0]
    assert isinstance(node, OperationDefinitionNode)
    return node


def cost(text: str, variables: dict[str, Any] | None = None) -> float:
    """With None, the largest cost that any variables can have."""
    document = parse(text)
    assert validate(SCHEMA, document) == []
    operation = operation_of(document)
    sizes = None if variables is None else sizes_of(operation, variables)
    return Measure(Costs(SCHEMA, SIZES), document, sizes).cost(operation)


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        ("(first: 20)", 20),
        ("(last: 20)", 20),
        ("(first: 20, last: 30)", 30),
        ("(first: 20, last: null)", 20),
        ("(name: null)", 50),
        ("", 50),
        ("(first: null)", 50),
        ("(first: 0)", 0),
        # The resolver rejects these.
        ("(first: -1)", 0),
        ("(first: 101)", 100),
        (f"(first: {'9' * 9})", 100),
    ],
)
def test_a_page_costs_as_much_as_its_items(arguments: str, size: int) -> None:
    # The field itself, its list, and two fields of each item.
    assert cost(f"{{ people{arguments} {{ nodes {{ name age }} }} }}") == 1 + 1 + 2 * size
    assert (
        cost(f"{{ people{arguments} {{ total edges {{ cursor node {{ name }} }} }} }}")
        == 1 + 1 + 1 + 3 * size
    )


@pytest.mark.parametrize("number", ["9" * 5000, f"-{'9' * 5000}"])
def test_a_number_of_thousands_of_digits_is_no_obstacle(number: str) -> None:
    document = read(f"{{ people(first: {number}) {{ total }} }}", 1000)

    assert [error["message"] for error in document.errors] == ["Expected value of type 'Int'."]


@pytest.mark.parametrize(
    ("variables", "size"),
    [
        ({"a": 20}, 20),
        ({"a": 20, "b": 30}, 30),
        ({"a": 20.0}, 20),
        ({"a": None}, 50),
        ({"a": None, "b": None}, 50),
        ({"a": -1, "b": None}, 0),
        ({"a": 10**30}, 100),
        ({"a": float("inf")}, 100),
        ({"a": float("-inf"), "b": None}, 0),
        ({}, 7),
        ({"b": 5}, 7),
        ({"b": 8, "c": 9}, 8),
        # No value of an integer, so nothing is executed.
        ({"a": "20", "b": None}, 1),
        ({"a": {}, "b": None}, 1),
    ],
)
def test_a_variable_has_its_value_or_its_default(variables: dict[str, Any], size: int) -> None:
    text = (
        "query ($a: Int = 7, $b: Int, $c: String)"
        " { people(first: $a, last: $b, name: $c) { nodes { name } } }"
    )

    assert cost(text, variables) == 1 + 1 + size
    assert cost(text) == 1 + 1 + 100


def test_a_variable_may_have_the_default_null() -> None:
    assert cost("query ($a: Int = null) { people(first: $a) { nodes { name } } }", {}) == 1 + 1 + 50


def test_lists_within_pages_multiply() -> None:
    text = "{ people(first: 3) { nodes { friends(first: 4) { nodes { name pets { name } } } } } }"

    # The pets have no size that is known.
    friends = 1 + 1 + 4 * (1 + 1 + 10 * 1)
    assert cost(text) == 1 + 1 + 3 * friends


@pytest.mark.parametrize("spread", ["...F", "... on People { ...F }", "... { ...F }"])
def test_a_fragment_is_measured_with_the_size_of_the_field_that_spreads_it(spread: str) -> None:
    text = f"""
        {{ a: people(first: 3) {{ {spread} }} b: people(last: 4) {{ {spread} nodes {{ age }} }} }}
        fragment F on People {{ nodes {{ name }} edges {{ cursor }} total }}
    """

    assert cost(text) == (1 + 3 + 2 * 3) + (1 + 4 + 3 * 4)


def test_a_list_without_a_size_costs_ten_items() -> None:
    assert cost("{ all { name age } }") == 1 + 2 * 10
    # No argument says how long this one is,
    assert cost("{ people(first: 3) { others { name } } }") == 1 + 1 + 10
    # or how long those of this field are.
    assert cost("{ people(first: 3) { next { nodes { name } } } }") == 1 + 1 + 1 + 10


RESULTS = "{ count results { ... on Person { name age } ... on Failure { message } } }"
CREATE = f"mutation ($v: [PersonInput!]) {{ create(people: $v) {RESULTS} }}"
CREATE_TWICE = CREATE.replace("create", "other { count } create")


def test_results_are_as_many_as_inputs() -> None:
    inputs = [{"name": "a"}] * 30

    # Each input costs a point, and each result has two fields.
    assert cost(CREATE_TWICE, {"v": inputs}) == 2 + 1 + 1 + 1 + 3 * 30
    assert cost(CREATE_TWICE, {"v": inputs * 100}) == 2 + 1 + 1 + 1 + 3 * 1000
    assert cost(CREATE_TWICE, {"v": inputs[0]}) == 2 + 1 + 1 + 1 + 3
    assert cost(CREATE_TWICE, {"v": None}) == 2 + 1 + 1 + 1 + 3
    assert cost(CREATE_TWICE) == 2 + 1 + 1 + 1 + 3 * 1000
    for literal, number in (("[{}, {}]", 2), ("{}", 1), ("[]", 0), ("null", 1)):
        text = f"mutation {{ other {{ count }} create(people: {literal}) {RESULTS} }}"
        assert cost(text) == 2 + 1 + 1 + 1 + 3 * number


@pytest.mark.parametrize(
    "text",
    [
        CREATE,
        CREATE.replace("create", "a: create"),
        f"mutation ($v: [PersonInput!]) {{ ...F ...F }}"
        f" fragment F on Mutation {{ create(people: $v) {RESULTS} }}",
    ],
)
def test_an_operation_of_one_field_alone_may_have_another_size(text: str) -> None:
    assert cost(text) == cost(text, {"v": [{}] * 1000}) == 1 + 1 + 1 + 3 * 10


def test_one_field_alone_is_not_one_twice() -> None:
    twice = CREATE.replace("create", f"a: create(people: $v) {RESULTS} b: create")

    assert cost(twice) == 2 * (1 + 1 + 1 + 3 * 1000)


def test_inputs_cost_as_much_if_no_result_is_selected() -> None:
    text = "mutation ($v: [PersonInput!]) { a: create(people: $v) { count } b: other { count } }"

    assert cost(text, {"v": [{}] * 30}) == 2 + 2 + 30
    assert cost("mutation ($v: [PersonInput!]) { create(people: $v) { count } }") == 2 + 10


@pytest.mark.parametrize(
    ("arguments", "number"),
    [("", 500), ("(limit: 30)", 30), ("(limit: 0)", 0), ("(limit: 1001)", 1000)],
)
def test_a_field_may_cost_as_much_as_it_counts(arguments: str, number: int) -> None:
    text = f"{{ people {{ a: counted{arguments} {{ count }} b: counted(limit: 10) {{ count }} }} }}"

    assert cost(text) == 1 + (2 + number / 10) + (2 + 1)


async def answers(document: Document, variables: dict[str, Any]) -> bool:
    """Whether the only operation is executed with these variables."""
    [operation] = document.operations.values()
    results = [await operation.execute(variables, None) for _ in range(3)]
    assert results[0] == results[1] == results[2]
    if results[0] == ExecutionResult({"people": None}):
        return True
    assert results[0].data is None
    [error] = results[0].errors or []
    assert error.formatted == {
        "message": (
            "The operation has more than 40 points of cost with these variables. Ask for or send "
            "fewer objects."
        ),
        "extensions": {"code": "TOO_LARGE"},
    }
    return False


async def test_variables_decide_if_the_largest_cost_exceeds_the_limit() -> None:
    document = read("query ($n: Int) { people(first: $n) { nodes { name age } } }", 40)

    assert document.errors == []
    assert await answers(document, {"n": 19})
    assert await answers(document, {"n": 18})
    assert not await answers(document, {"n": 20})
    assert not await answers(document, {"n": None})
    assert not await answers(document, {})


async def test_each_operation_of_a_document_has_its_own_variables() -> None:
    document = read(
        "query A ($n: Int) { people(first: $n) { ...F } } query B { people(first: 9) { ...F } }"
        " query C ($n: Int = 9) { people(first: $n) { ...F } }"
        " fragment F on People { nodes { name age } }",
        40,
    )

    assert document.errors == []
    for name, variables, is_executed in (
        ("A", {"n": 19}, True),
        ("A", {"n": 20}, False),
        ("B", {}, True),
        ("C", {}, True),
        ("C", {"n": 20}, False),
    ):
        result = await document.operations[name].execute(variables, None)
        assert (result.errors is None) is is_executed, (name, variables)


@pytest.mark.parametrize(
    "text",
    [
        "{ people(first: 20) { nodes { name age } } }",
        "{ people { nodes { name } } }",
        "query ($n: Int) { people(first: $n) { nodes { name } } b: people { nodes { name } } }",
    ],
)
def test_a_document_that_exceeds_the_limit_with_any_variables_is_rejected(text: str) -> None:
    document = read(text, 40)

    assert [error["message"] for error in document.errors] == [
        "The document has more than 40 points of cost. Send a smaller one."
    ]


async def test_an_invalid_variable_is_reported_as_invalid() -> None:
    document = read("query ($n: Int) { people(first: $n) { nodes { name age } } }", 40)
    [operation] = document.operations.values()

    result = await operation.execute({"n": "many"}, None)

    [error] = result.errors or []
    assert (
        error.message == "Variable '$n' has invalid value: Int cannot represent non-integer value."
    )


@pytest.mark.parametrize(
    ("coordinate", "list_size"),
    [
        ("Query.persons", PAGE),
        ("Queries.people", PAGE),
        ("Query", PAGE),
        ("PersonInput.name", PAGE),
        ("Result.name", PAGE),
        ("Query.people", MANY),
        ("Query.people", ListSize(("first",), ("results",), 1, 1)),
    ],
)
def test_a_size_of_what_the_schema_does_not_have_is_an_error(
    coordinate: str, list_size: ListSize
) -> None:
    with pytest.raises(ValueError, match=f"The schema has no {coordinate} with "):
        Costs(SCHEMA, {coordinate: list_size})

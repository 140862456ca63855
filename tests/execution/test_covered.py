"""The operations that can be prepared, tried with a schema that has features that ours lacks."""

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Any

import orjson
import pytest
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute,
    parse,
    validate,
)
from strawberry.utils.await_maybe import await_maybe

from graphql_api.execution.covered import NotCovered
from graphql_api.execution.errors import mask_errors
from graphql_api.execution.operation import Operation
from graphql_api.execution.prepared import FallBack, PreparedOperation

from ..support.operations import generate
from ..support.unusual_schema import COVERED_SCHEMA, SCHEMA, Constant, Page, calls


class Values(dict[str, Any]):
    """A class of dictionaries that no JSON parser returns."""


@dataclass(frozen=True)
class Asked:
    """An operation, and values for its variables: one dictionary for each execution."""

    text: str
    values: tuple[dict[str, Any], ...] = ({},)


# The keys of the things that only graphql-core can answer.
WRONG = ["subclass", "another class", "no name", "no text", "tuple", "text", "no list"]
WRONG += ["null in a list", "value of an enum", "no member", "no word", "an error", "raised"]

PLAIN = "query ($v: Plain!) { plain(value: $v) }"
THING = "{ name colour words word __typename }"

PAGE = """query ($l: Int = 1000, $n: Int = 2, $c: Boolean = true) {
  page {
    number
    a: count(limit: 1) { count }
    b: count(limit: $l) @include(if: $c) { twice count }
    again(times: 2)
    nextPages(number: $n) {
      count { count }
      nextPages(number: 2) { number withParent withRoot ofNoPage ofTheClass __typename }
      again(times: $n)
    }
  }
}"""

COVERED = [
    Asked(
        PLAIN,
        (
            {"v": {"text": "a"}},
            {"v": {"text": "a", "other": None}},
            {"v": {"number": 1, "word": "w", "id": 5, "colour": "RED", "other": "b", "text": "a"}},
            {"v": {"text": "a", "id": 5.0}},
            {"v": {"text": "a", "id": 10**30}},
            {"v": Values(text="a")},
            {"v": {"text": "a"}, "unknown": 1},
        ),
    ),
    Asked("{ optional }"),
    Asked("query ($v: Plain) { optional(value: $v) }", ({}, {"v": None}, {"v": {"text": "a"}})),
    Asked(
        'query ($v: Plain = {text: "d"}) { optional(value: $v) }',
        ({}, {"v": None}, {"v": {"text": "a"}}),
    ),
    Asked('query ($v: Plain! = {text: "d"}) { plain(value: $v) }', ({}, {"v": {"text": "a"}})),
    Asked(
        'query ($v: String = "d") { plain(value: {text: "a", other: $v}) }',
        ({}, {"v": None}, {"v": "b"}),
    ),
    Asked('query ($v: String = "d") { plain(value: {text: $v}) }', ({}, {"v": "a"})),
    Asked(
        'query ($v: Word) { plain(value: {word: $v, text: "a"}) }', ({}, {"v": None}, {"v": "b"})
    ),
    Asked('{ plain(value: {colour: BLUE, text: "a", id: 5, word: "w", number: 1, other: null}) }'),
    Asked(
        "query ($v: Nested!) { nested(value: $v) }",
        (
            {"v": {"plain": {"text": "a"}, "again": None}},
            {"v": {"again": {"text": "b"}, "plain": {"text": "a"}}},
        ),
    ),
    Asked(
        "query ($v: Plain!, $w: Plain) { nested(value: {plain: $v, again: $w}) }",
        ({"v": {"text": "a"}}, {"v": {"text": "a"}, "w": {"text": "b"}}),
    ),
    Asked('{ nested(value: {plain: {text: "a"}}) }'),
    Asked("query ($v: Fussy!) { fussy(value: $v) }", ({"v": {"text": "good"}},)),
    Asked('{ fussy(value: {text: "good"}) }'),
    Asked("query ($v: Unset!) { unset(value: $v) }", ({"v": {"text": "a"}},)),
    Asked("query ($v: Colour! = BLUE) { colour(value: $v) }", ({}, {"v": "RED"})),
    Asked("query ($v: Int) { number(value: $v) }", ({}, {"v": None}, {"v": 1}, {"v": 2.0})),
    Asked("{ number(value: 5) a: number(value: null) b: number }"),
    Asked("query ($v: Boolean) { boolean(value: $v) }", ({}, {"v": None}, {"v": True})),
    Asked("{ plainly __typename a: __typename }"),
    Asked("{ plainly @skip(if: true) }"),
    Asked(f'{{ thing(key: "thing") {THING} a: thing(key: "empty") {THING} }}'),
    Asked(f'{{ thing(key: "nothing") {THING} certain(key: "thing") {THING} }}'),
    Asked('{ named(key: "thing") { __typename name } a: named(key: "other") { __typename name } }'),
    Asked('{ named(key: "other") { ... on Other { size } ... on Thing { words } } }'),
    Asked('{ either(key: "thing") { __typename } a: either(key: "nothing") { __typename } }'),
    Asked('mutation { thing(key: "thing") { name } plain(value: {text: "a"}) __typename }'),
    Asked("query ($v: Plain = null) { optional(value: $v) }", ({}, {"v": None})),
    Asked('{ optional(value: null) a: plain(value: {text: "a", other: null, colour: null}) }'),
    # Defaults of arguments
    Asked("{ default a: default(value: 6) }"),
    Asked("query ($v: Int) { default(value: $v) }", ({}, {"v": 6})),
    Asked("query ($v: Int!) { default(value: $v) }", ({"v": 6},)),
    Asked("query ($v: Int = 7) { default(value: $v) }", ({}, {"v": 6})),
    Asked("{ defaultNull a: defaultNull(value: null) b: defaultNull(value: 6) }"),
    Asked("query ($v: Int) { defaultNull(value: $v) }", ({}, {"v": None}, {"v": 6})),
    Asked("query ($v: Colour) { defaultColour a: defaultColour(value: $v) }", ({}, {"v": "RED"})),
    Asked("{ defaultObject defaultPart defaultFussy }"),
    Asked("query ($v: WithDefaults) { defaultObject(value: $v) }", ({}, {"v": {"text": "a"}})),
    Asked("{ changed a: changed }"),
    Asked("mutation { changed a: changed(value: {inner: {}}) b: changed }"),
    # Defaults of input fields
    Asked(
        "query ($v: WithDefault!) { withDefault(value: $v) }",
        (
            {"v": {}},
            {"v": {"number": 1}},
            {"v": {"colour": None, "plain": None}},
            {"v": {"plain": {"text": "a"}}},
        ),
    ),
    Asked("query ($v: WithDefault = {number: 7}) { withDefault(value: $v) }", ({}, {"v": {}})),
    Asked("query ($v: WithDefault! = {}) { withDefault(value: $v) }", ({}, {"v": {"number": 1}})),
    Asked("{ withDefault(value: {}) a: withDefault(value: {number: 1, colour: null}) }"),
    Asked(
        "query ($n: Int, $c: Colour, $p: Plain)"
        " { withDefault(value: {number: $n, colour: $c, plain: $p}) }",
        (
            {},
            {"n": 1},
            {"c": "RED"},
            {"c": None},
            {"p": None},
            {"n": 2, "c": "BLUE", "p": {"text": "a"}},
        ),
    ),
    Asked(
        "query ($n: Int = 8, $c: Colour = null)"
        ' { withDefault(value: {number: $n, colour: $c, plain: {text: "a"}}) }',
        ({}, {"n": 1}, {"c": "RED"}),
    ),
    Asked(
        "query ($v: WithDefaults!) { withDefaults(value: $v) }",
        (
            {"v": {}},
            {"v": {"inner": {}}},
            {"v": {"inner": {"number": 1}, "text": "a", "implied": "b"}},
            {"v": {"inner": None, "text": None, "implied": None}},
        ),
    ),
    Asked("{ withDefaults(value: {}) a: withDefaults(value: {inner: {}, implied: null}) }"),
    Asked(
        "query ($i: WithDefault, $t: String)"
        " { withDefaults(value: {inner: $i, text: $t, implied: $t}) }",
        ({}, {"i": None, "t": None}, {"i": {}, "t": "a"}),
    ),
    Asked(
        "query ($v: WithImpliedNull!) { withImpliedNull(value: $v) }",
        ({"v": {}}, {"v": {"text": None}}, {"v": {"text": "a"}}),
    ),
    Asked(
        "query ($v: String) { withImpliedNull(value: {text: $v}) }",
        ({}, {"v": None}, {"v": "a"}),
    ),
    Asked('{ withImpliedNull(value: {}) a: withImpliedNull(value: {text: "a"}) }'),
    # Resolvers at the root
    Asked("{ withoutInfo atOnce withRoot }"),
    # Resolvers below the root
    Asked('{ loud(key: "loud") { shout later(times: 2) a: later(times: 0) } }'),
    Asked(PAGE, ({}, {"l": 1}, {"l": 1, "n": 0}, {"l": 1, "n": 1, "c": False}, {"c": False})),
    Asked(PAGE.replace("query", "mutation"), ({}, {"l": 1}, {"n": 1})),
    Asked("{ page { number } a: page(number: 6) { number count { __typename count } } }"),
    Asked("mutation { page { count { twice } } a: page(number: 6) { count { twice } } }"),
    Asked(
        "query ($v: [Int!]!, $w: Int) { page { maybeCount(limits: $v, lowest: $w)"
        " a: maybeCount(limits: [1, 2]) b: maybeCount(limits: 3, lowest: $w) } }",
        ({"v": []}, {"v": 5}, {"v": [5, 6], "w": 7}, {"v": [5], "w": None}),
    ),
    # Lists
    Asked("{ numbers(value: [1, 2]) a: numbers(value: 3) b: numbers(value: []) }"),
    Asked(
        "query ($v: [Int!]!) { numbers(value: $v) a: optionalNumbers(value: $v) }",
        ({"v": [1]}, {"v": []}, {"v": 1}, {"v": 2.0}),
    ),
    Asked(
        "query ($v: [Int]) { optionalNumbers(value: $v) }",
        ({}, {"v": None}, {"v": [None]}, {"v": [1, None, 2]}, {"v": 3}),
    ),
    Asked("query ($v: [Int] = 4) { optionalNumbers(value: $v) }", ({}, {"v": []})),
    Asked("query ($v: [Int] = [4, null]) { optionalNumbers(value: $v) }", ({}, {"v": None})),
    Asked("{ optionalNumbers(value: [1, null]) a: optionalNumbers(value: null) }"),
    Asked("query ($v: Int) { optionalNumbers(value: [1, $v]) }", ({}, {"v": None}, {"v": 2})),
    Asked("query ($v: Int!) { numbers(value: [$v, 1, $v]) }", ({"v": 2},)),
    Asked("query ($v: [Boolean!]!) { booleans(value: $v) }", ({"v": [True]}, {"v": False})),
    Asked("{ colours a: colours(value: BLUE) b: colours(value: [BLUE, RED, BLUE]) }"),
    Asked("query ($v: [Colour!]) { colours(value: $v) }", ({}, {"v": ["RED"]}, {"v": "BLUE"})),
    Asked("{ defaultList a: defaultList(value: [2]) }"),
    Asked("mutation { changedList a: changedList b: changedList(value: [2]) c: changedList }"),
    Asked(
        "query ($v: WithLists!) { withLists(value: $v) }",
        (
            {"v": {"texts": "a"}},
            {"v": {"texts": ["a", "b"], "colours": ["RED"], "plains": [{"text": "c"}, None]}},
            {"v": {"texts": [], "colours": None, "plains": {"text": "c"}}},
            {"v": {"texts": [], "numbers": [[1, 2], None, [], 3]}},
        ),
    ),
    Asked(
        'query ($t: String!, $p: Plain) { withLists(value: {texts: ["a", $t], colours: BLUE,'
        " plains: [$p, {text: $t}, null], numbers: [[1], null, 2]}) }",
        ({"t": "b"}, {"t": "b", "p": {"text": "c"}}),
    ),
    Asked(
        "query ($v: [WithLists!]!) { lists(value: $v) }",
        ({"v": [{"texts": "a"}, {"texts": []}]}, {"v": {"texts": []}}, {"v": []}),
    ),
    Asked('{ lists(value: [{texts: "a"}, {texts: []}]) a: lists(value: {texts: ["a"]}) }'),
    Asked("{ withDefaultLists(value: {}) a: withDefaultLists(value: {plains: null}) }"),
    Asked("query ($v: WithDefaultLists!) { withDefaultLists(value: $v) }", ({"v": {}},)),
    # Values that may be absent
    Asked(
        "query ($v: WithMaybes!) { withMaybes(value: $v) }",
        (
            {"v": {}},
            {"v": {"text": "a", "word": None, "plain": None, "numbers": None}},
            {"v": {"word": "a", "plain": {"text": "b"}, "numbers": [1]}},
        ),
    ),
    Asked("{ withMaybes(value: {}) a: withMaybes(value: {word: null, plain: null}) }"),
    Asked(
        "query ($t: String, $w: Word, $p: Plain, $n: Int!)"
        " { withMaybes(value: {text: $t, word: $w, plain: $p, numbers: [$n, 1]}) }",
        ({"n": 1}, {"n": 1, "w": None, "p": None}, {"t": "a", "w": "b", "n": 1}),
    ),
    Asked("{ maybe(value: 1) a: maybe }"),
    Asked("query ($v: Int) { maybe(value: $v) }", ({}, {"v": 1})),
    Asked("{ maybeNull(value: 1) a: maybeNull b: maybeNull(value: null) }"),
    Asked("query ($v: Int) { maybeNull(value: $v) }", ({}, {"v": None}, {"v": 1})),
    # Enums and numbers in input objects, and times
    Asked("{ order a: order(value: {colour: BLUE}) b: order(value: {colour: RED, number: 3}) }"),
    Asked(
        "query ($v: Order! = {colour: BLUE}) { order(value: $v) }",
        ({}, {"v": {"colour": "RED"}}, {"v": {"colour": "RED", "number": 3}}),
    ),
    Asked(
        "query ($v: Order) { order(value: $v) }",
        ({}, {"v": {"colour": "RED"}}, {"v": {"number": 3, "colour": "RED"}}),
    ),
    Asked(
        "query ($c: Colour!, $n: Int) { order(value: {colour: $c, number: $n}) }",
        ({"c": "RED"}, {"c": "RED", "n": 3}),
    ),
    Asked(
        "query ($v: Range) { range(value: $v) }",
        (
            {},
            {"v": {"from": "2026-11-22T08:59:51.042Z", "before": None}},
            {"v": {"before": "2026-11-22"}},
        ),
    ),
    Asked('{ range(value: {from: "2026-11-22T08:59:51.042Z"}) }'),
    Asked("query ($v: DateTime) { range(value: {from: $v}) }", ({}, {"v": "2026-11-22"})),
]

NOT_COVERED = [
    Asked(
        PLAIN,
        (
            {},
            {"v": None},
            {"v": "a"},
            {"v": [{"text": "a"}]},
            {"v": {}},
            {"v": {"text": None}},
            {"v": {"text": 5}},
            {"v": {"text": "a", "texd": "b"}},
            {"v": {"text": "a", "id": 1.5}},
            {"v": {"text": "a", "id": True}},
            {"v": {"text": "a", "colour": "GREEN"}},
            {"v": {"text": "a", "colour": ["RED"]}},
            {"v": {"text": "a", "number": 10**400}},
            {"v": {"text": "a", "word": "refused"}},
            {"v": {"text": "a", "word": "undefined"}},
        ),
    ),
    Asked('query ($v: String = "d") { plain(value: {text: $v}) }', ({"v": None},)),
    Asked('query ($v: String = "d") { plainly plain(value: {text: $v}) }', ({"v": None},)),
    Asked(
        'mutation ($v: String = "d") { thing(key: "thing") { name } plain(value: {text: $v}) }',
        ({"v": None},),
    ),
    Asked('{ plain(value: {text: "a", word: ["w"]}) }'),
    Asked('{ plain(value: {text: "a", word: {w: "w"}}) }'),
    # Null where a default is allowed and null is not
    Asked("query ($v: Int) { default(value: $v) }", ({"v": None},)),
    Asked("query ($v: Int = 7) { default(value: $v) }", ({"v": None},)),
    Asked("query ($v: Int = null) { default(value: $v) }"),
    Asked("query ($v: Int! = 7) { default(value: $v) }", ({"v": None},)),
    Asked("query ($v: Colour) { defaultColour(value: $v) }", ({"v": None}, {"v": "GREEN"})),
    Asked("query ($v: WithDefaults) { defaultObject(value: $v) }", ({"v": None},)),
    Asked("query ($n: Int) { withDefault(value: {number: $n}) }", ({"n": None}, {"n": "1"})),
    Asked("query ($v: WithDefault!) { withDefault(value: $v) }", ({"v": {"number": None}},)),
    Asked('query ($v: Fussy = {text: "bad"}) { defaultFussy(value: $v) }'),
    # Invalid lists
    Asked(
        "query ($v: [Int!]!) { numbers(value: $v) }",
        ({}, {"v": None}, {"v": [None]}, {"v": ["1"]}, {"v": [1, 1.5]}, {"v": [[1]]}, {"v": {}}),
    ),
    Asked("query ($v: Int = 1) { numbers(value: [$v]) }", ({"v": None},)),
    Asked("query ($v: [Colour!]) { colours(value: $v) }", ({"v": None}, {"v": ["GREEN"]})),
    Asked(
        "query ($v: WithLists!) { withLists(value: $v) }",
        (
            {"v": {"texts": None}},
            {"v": {"texts": [1]}},
            {"v": {"texts": [], "plains": [{"text": "a"}, {}]}},
            {"v": {"texts": [], "plains": ["a"]}},
            {"v": {"texts": [], "numbers": [[None]]}},
        ),
    ),
    Asked("query ($v: [WithLists!]!) { lists(value: $v) }", ({"v": [{"texts": []}, {}]},)),
    # Null where a value may only be absent
    Asked("query ($v: WithMaybes!) { withMaybes(value: $v) }", ({"v": {"text": None}},)),
    Asked("{ withMaybes(value: {text: null}) }"),
    Asked("query ($v: String) { withMaybes(value: {text: $v}) }", ({"v": None},)),
    Asked("{ maybe(value: null) }"),
    Asked("query ($v: Int) { maybe(value: $v) }", ({"v": None},)),
    Asked('{ withListOfMaybes(value: {texts: ["a", null]}) }'),
    # Invalid enums and times in input objects
    Asked("query ($v: Order) { order(value: $v) }", ({"v": None}, {"v": {}})),
    Asked("query ($v: Order!) { order(value: $v) }", ({"v": {"colour": "RED", "number": None}},)),
    Asked("query ($v: Range) { range(value: $v) }", ({"v": {"from": "today"}}, {"v": {"from": 5}})),
    Asked("query ($v: Fussy!) { fussy(value: $v) }", ({"v": {"text": "bad"}},)),
    Asked('{ fussy(value: {text: "bad"}) a: fussy(value: {text: "good"}) }'),
    Asked("query ($v: WithGlobalId!) { withGlobalId(value: $v) }", ({"v": {"id": "YTox"}},)),
    Asked('{ withGlobalId(value: {id: "YTox"}) }'),
    Asked("query ($v: OneOf!) { oneOf(value: $v) }", ({"v": {"a": "b"}}, {"v": {}})),
    Asked('{ oneOf(value: {a: "b"}) }'),
    Asked("query ($v: OfItself!) { ofItself(value: $v) }", ({"v": {"inner": {}}},)),
    Asked("query ($v: Unset!) { unset(value: $v) }", ({"v": {}},)),
    Asked("query ($v: MadeOtherwise!) { madeOtherwise(value: $v) }", ({"v": {"text": "a"}},)),
    Asked('{ madeOtherwise(value: {text: "a"}) }'),
    Asked('{ globalId(value: "YTox") a: globalIds(value: ["YTox"]) }'),
    Asked('{ globalIds(value: "YTox") }'),
    *[
        Asked(f'{kind} {{ {field}(key: "{key}") {THING} }}')
        for kind in ("query", "mutation")
        for field in ("thing", "certain")
        for key in WRONG
    ],
    Asked(f'mutation {{ thing(key: "thing") {THING} certain(key: "nothing") {THING} }}'),
    Asked(f'mutation {{ certain(key: "nothing") {THING} thing(key: "thing") {THING} }}'),
    *[Asked(f'{{ word(key: "{key}") }}') for key in ("raised", "an error")],
    Asked('{ named(key: "subclass") { __typename } }'),
    Asked('{ named(key: "loud") { __typename } }'),
    Asked('{ either(key: "subclass") { __typename } }'),
    Asked('{ either(key: "loud") { __typename } }'),
    Asked('{ picky(key: "another class") { name } a: picky(key: "refused") { name } }'),
    Asked('{ resolved(key: "resolved") { __typename } }'),
    Asked('{ box(key: "box") { content } }'),
    # Resolvers below the root that fail
    Asked(PAGE, ({"n": 3},)),
    Asked(
        "query ($l: Int = 5) { page { again(times: 2) count(limit: $l) { count } } }",
        ({"l": -2}, {"l": None}),
    ),
    Asked("query ($n: Int = 2) { page { withRoot again(times: $n) } }", ({"n": None},)),
    Asked("{ page { withRoot } a: page(number: 11) { number withRoot } }"),
    Asked("mutation { page(number: 11) { number withRoot } a: page { withRoot } }"),
    Asked("{ extended }"),
    Asked("{ onlyExtended }"),
    Asked("{ plainly __schema { queryType { name } } }"),
]


def operations_of(text: str) -> tuple[DocumentNode, list[Operation]]:
    """A valid document and all its operations."""
    document = parse(text)
    assert validate(SCHEMA, document) == []
    return document, [
        Operation(SCHEMA, document, node, hide_suggestions=False)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    ]


async def answer(result: Awaitable[ExecutionResult]) -> tuple[bytes, list[str]]:
    """The answer, and the calls of resolvers for it."""
    calls.clear()
    done = await result
    errors = [error.formatted for error in done.errors or ()]
    return orjson.dumps({"errors": errors, "data": done.data}), sorted(calls)


async def graphql_core(
    document: DocumentNode,
    values: dict[str, Any],
    name: str | None = None,
    schema: GraphQLSchema = SCHEMA,
) -> ExecutionResult:
    result = await await_maybe(
        execute(
            schema,
            document,
            context_value="context",
            variable_values=values,
            operation_name=name,
        )
    )
    mask_errors(result.errors or [])
    return result


def operation_of(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation with this name, or the first one if the name is None."""
    return next(
        node
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
        and (name is None or (node.name and node.name.value) == name)
    )


async def is_covered(
    text: str,
    values: dict[str, Any] | None = None,
    schema: GraphQLSchema = SCHEMA,
    name: str | None = None,
) -> bool:
    """Whether the prepared operation does not fall back."""
    document = parse(text)
    node = operation_of(document, name)
    try:
        await PreparedOperation(schema, document, node).execute(values or {}, "context")
    except (NotCovered, RecursionError, FallBack):
        return False
    return True


@pytest.mark.parametrize("asked", COVERED + NOT_COVERED, ids=lambda asked: asked.text)
async def test_every_answer_is_that_of_graphql_core(asked: Asked) -> None:
    document, [operation] = operations_of(asked.text)

    for values in asked.values * 3:
        expected = await answer(graphql_core(document, values))
        assert await answer(operation.execute(values, "context")) == expected, values

    for values in asked.values:
        assert await is_covered(asked.text, values) is (asked in COVERED), values


@pytest.mark.parametrize("part", range(3))
async def test_generated_operations_are_answered_as_by_graphql_core(part: int) -> None:
    covered = 0
    for seed in range(part * 100, part * 100 + 100):
        random = Random(seed)  # noqa: S311  # it makes documents, not secrets
        generated = generate(COVERED_SCHEMA, random)
        document = parse(generated.text)
        assert validate(COVERED_SCHEMA, document) == [], (seed, generated.text)
        node = operation_of(document, generated.name)
        operation = Operation(COVERED_SCHEMA, document, node, hide_suggestions=False)

        for _ in range(7):
            values = generated.values(random) or {}
            result = graphql_core(document, values, generated.name, COVERED_SCHEMA)
            expected = await answer(result)

            assert await answer(operation.execute(values, "context")) == expected, generated.text

        is_prepared = await is_covered(generated.text, values, COVERED_SCHEMA, generated.name)
        is_special = generated.is_special or None in values.values()
        assert is_prepared or is_special or b'{"errors":[]' not in expected[0], generated.text
        covered += is_prepared

    # Nearly all others have errors.
    assert covered > 40


async def test_an_operation_is_prepared_when_it_is_sent_again() -> None:
    _, [operation] = operations_of("{ how }")
    _, [never] = operations_of("{ how __schema { __typename } }")

    results = [await operation.execute(None, "context") for _ in range(4)]
    others = [await never.execute(None, "context") for _ in range(3)]

    assert results[0] == ExecutionResult({"how": "by graphql-core"})
    assert results[1:] == [ExecutionResult({"how": "prepared"})] * 3
    assert {(other.data or {})["how"] for other in others} == {"by graphql-core"}


async def test_at_most_sixteen_combinations_of_boolean_variables_are_prepared() -> None:
    names = "abcde"
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"{name}: plainly @include(if: ${name})" for name in names)
    text = f"query ({declared}) {{ {fields} }}"
    document, [operation] = operations_of(text)
    [node] = document.definitions
    assert isinstance(node, OperationDefinitionNode)
    prepared = PreparedOperation(SCHEMA, document, node)
    covered = 0

    for _ in range(2):
        for chosen in product([True, False], repeat=5):
            values = dict(zip(names, chosen, strict=True))
            expected = await answer(graphql_core(document, values))
            assert await answer(operation.execute(values, "context")) == expected
            with contextlib.suppress(FallBack):
                await prepared.execute(values, "context")
                covered += 1

    # Sixteen are prepared.
    assert covered == 2 * 16


async def test_operations_of_a_document_may_share_names_of_variables() -> None:
    text = (
        "query A($v: Boolean!) { plainly @skip(if: $v) }"
        " query B($v: Int!) { number(value: $v) }"
        " query C($v: Plain!) { plain(value: $v) }"
    )
    _, [a, b, c] = operations_of(text)

    for number in range(20):
        skipped = await a.execute({"v": number % 2 == 0}, "context")
        counted = await b.execute({"v": number}, "context")
        made = await c.execute({"v": {"text": f"{number}"}}, "context")

        assert skipped.data == ({"plainly": "context"} if number % 2 else {})
        assert counted.data == {"number": f"{number}"}
        assert f"text='{number}'" in (made.data or {})["plain"]

    for name, node in zip("BC", parse(text).definitions[1:], strict=True):
        assert isinstance(node, OperationDefinitionNode)
        prepared = PreparedOperation(SCHEMA, parse(text), node)
        for number in range(20):
            value = number if name == "B" else {"text": f"{number}"}
            assert await prepared.execute({"v": value}, "context")


async def test_no_resolver_is_called_again_after_a_fallback() -> None:
    text = (
        'mutation { a: thing(key: "thing") { name } b: thing(key: "tuple") { words }'
        ' c: thing(key: "raised") { name } d: thing(key: "empty") { name } }'
    )
    _, [operation] = operations_of(text)

    for _ in range(3):
        data, called = await answer(operation.execute(None, "context"))

        assert orjson.loads(data)["data"] == {
            "a": {"name": "a"},
            "b": {"words": ["b", "c"]},
            "c": None,
            "d": {"name": "a"},
        }
        assert called == ["empty", "raised", "thing", "tuple"]


async def test_resolvers_below_the_root_run_at_the_same_time() -> None:
    _, [operation] = operations_of("{ meeting { a: met b: met } c: meeting { met } }")
    expected = {"meeting": {"a": 3, "b": 3}, "c": {"met": 3}}

    async with asyncio.timeout(10):
        results = [await operation.execute({}, asyncio.Barrier(3)) for _ in range(3)]

    assert results == [ExecutionResult(expected)] * 3


async def test_a_field_of_a_mutation_starts_when_the_one_before_is_completed() -> None:
    _, [operation] = operations_of(
        "mutation { page { count { count } } a: page(number: 6) { count { count } } }"
    )
    expected = ["page 5", "count 1000 of 5 for 1", "page 6", "count 1000 of 6 for 1"]

    for _ in range(3):
        calls.clear()
        await operation.execute({}, "1")
        assert calls == expected


async def test_requests_at_the_same_time_get_their_own_counts() -> None:
    _, [operation] = operations_of(
        "query ($n: Int!, $l: Int!) { page(number: $n) { number count(limit: $l) { count twice }"
        " nextPages { count(limit: $l) { count } withParent } } }"
    )

    async def counted(number: int) -> ExecutionResult:
        return await operation.execute({"n": number, "l": number // 2}, f"{number}")

    results = await asyncio.gather(*map(counted, range(2, 100)))

    for number, result in enumerate(results, 2):
        half = number // 2
        assert result.data == {
            "page": {
                "number": number,
                "count": {"count": half, "twice": 2 * half},
                "nextPages": [
                    {"count": {"count": half}, "withParent": f"{number + 1} {number}"},
                    {"count": {"count": half}, "withParent": f"{number + 2} {number}"},
                ],
            }
        }


async def test_a_resolver_below_the_root_runs_only_if_it_is_selected() -> None:
    _, [operation] = operations_of(
        "query ($c: Boolean!) { page { number count @include(if: $c) { count } } }"
    )

    for is_counted in [True, False] * 3:
        calls.clear()
        await operation.execute({"c": is_counted}, "1")
        assert calls == ["page 5"] + ["count 1000 of 5 for 1"] * is_counted


@pytest.mark.parametrize("name", ["alone", "with a page"])
async def test_objects_that_never_change_may_have_resolvers(name: str) -> None:
    document, _ = operations_of(
        "query ($n: String!) { constant(name: $n) { name context page { number withParent } } }"
    )
    prepared = PreparedOperation(SCHEMA, document, operation_of(document, None), (Constant, Page))

    for context in ("1", "2", "3"):
        page = {"number": 3, "withParent": f"3 {context}"} if name == "with a page" else None
        constant = {"name": name, "context": context, "page": page}
        assert await prepared.execute({"n": name}, context) == {"constant": constant}


async def test_only_objects_without_selected_resolvers_are_completed_once() -> None:
    for fields, is_cached in (
        ("name", True),
        ("name page { number }", True),
        ("context", False),
        ("name page { withParent }", False),
    ):
        document, _ = operations_of(f'{{ constant(name: "with a page") {{ {fields} }} }}')
        node = operation_of(document, None)
        prepared = PreparedOperation(SCHEMA, document, node, (Constant, Page))

        first, second = [await prepared.execute({}, "1") for _ in range(2)]

        assert first == second
        assert (first["constant"] is second["constant"]) is is_cached, fields


async def test_a_schema_that_strawberry_did_not_make_is_not_covered() -> None:
    schema = build_schema("type Query { number(value: Int): Int }")

    assert not await is_covered("{ number }", schema=schema)
    assert await is_covered("{ __typename }", schema=schema)


async def test_subscriptions_are_not_covered() -> None:
    assert not await is_covered("subscription { numbers }")


async def test_an_operation_beyond_its_budget_of_fields_is_left_to_graphql_core() -> None:
    flags = "abcd"
    roots = " ".join(
        f'{flag}: named(key: "thing") @include(if: ${flag}) {{ ...F }}' for flag in flags
    )
    declared = ", ".join(f"${flag}: Boolean!" for flag in flags)
    text = (
        f"query ({declared}) {{ {roots} }} fragment F on Named {{ name a: name b: name c: name }}"
    )
    document, [operation] = operations_of(text)
    covered = []

    [node, _] = document.definitions
    assert isinstance(node, OperationDefinitionNode)
    prepared = PreparedOperation(SCHEMA, document, node)
    for chosen in product([True, False], repeat=4):
        values = dict(zip(flags, chosen, strict=True))
        expected = await answer(graphql_core(document, values))
        assert await answer(operation.execute(values, "context")) == expected
        try:
            await prepared.execute(values, "context")
        except FallBack:
            covered.append(False)
        else:
            covered.append(True)

    # The last one selects nothing.
    assert covered[0] is covered[-1] is True
    assert not all(covered)

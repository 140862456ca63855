"""Prepared operations answer as graphql-core's own executor does, byte for byte."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import orjson
import pytest
from graphql import (
    DocumentNode,
    ExecutionResult,
    OperationDefinitionNode,
    OperationType,
    execute,
    parse,
    validate,
)
from strawberry.utils.await_maybe import await_maybe
from structlog.testing import capture_logs

from graphql_api.access.principal import ANYBODY, Principal, Scope
from graphql_api.customers.fields import FIELDS, Customer
from graphql_api.customers.listings import Page
from graphql_api.customers.store import Attempt, Customers, EmailTaken, StoredCustomer
from graphql_api.execution.errors import mask_errors
from graphql_api.execution.operation import Operation
from graphql_api.execution.prepared import FallBack, PreparedOperation
from graphql_api.faults import ChangeUnknown, OutcomeUnknown, Unavailable
from graphql_api.schema.context import Context
from graphql_api.schema.outcomes import IMMUTABLE
from graphql_api.schema.schema import create_schema

from ..support.clients import CREATE_CUSTOMER, CUSTOMER, connected, create_customer
from ..support.operations import GeneratedOperation, generate
from ..support.scripted_customers import Script, ScriptedCustomers, giving
from ..support.tracers import unmeasured

SCHEMA = create_schema()

NOW = datetime(2026, 11, 22, 8, 59, 51, 42000, UTC)
ID = UUID("00000000-0000-4000-8000-000000000000")
JOHN = Customer(
    id=ID,
    name="John Smith",
    email="john@example.com",
    country="US",
    version=1,
    created_at=NOW,
    updated_at=NOW,
)
# Changed after any clock, so that the time of its next change is known.
STORED = StoredCustomer(
    replace(JOHN, updated_at=datetime(9999, 1, 1, tzinfo=UTC), version=2), None, (("name", 2),)
)
# Values that MongoDB never returns, and that only graphql-core can answer.
BROKEN: list[dict[str, Any]] = [
    {"email": None},
    {"name": ["John"]},
    {"description": 5},
    {"created_at": "today"},
    {"zip_code": 10469},
    {"updated_at": None, "name": {}},
    {"version": "1"},
]


def kept(new: StoredCustomer) -> StoredCustomer:
    return replace(new, customer=replace(new.customer, created_at=NOW, updated_at=NOW))


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: object) -> Any:
        raise error

    return fail


def broken_as(values: dict[str, Any]) -> Callable[[StoredCustomer], StoredCustomer]:
    return lambda new: replace(new, customer=replace(kept(new).customer, **values))


def script(random: Random) -> Script:
    """Successes most of the time, and every other possible outcome."""
    faults = [
        raising(error) for error in (Unavailable(), RuntimeError("s3cr3t"), TimeoutError("s3cr3t"))
    ]
    add = [
        *[kept] * 50,
        *[lambda new: StoredCustomer(JOHN, new.attempt), raising(EmailTaken())] * 6,
        *[giving(StoredCustomer(JOHN, Attempt("another", "input")))] * 3,
        raising(OutcomeUnknown()),
        *map(broken_as, BROKEN),
        *faults,
    ]
    get = [
        *[giving(JOHN)] * 40,
        *[giving(None)] * 10,
        *[giving(replace(JOHN, **values)) for values in BROKEN],
        *faults,
    ]
    created_with = [*[giving(value=False), giving(value=True)] * 10, *faults]
    find = [*[giving(STORED)] * 30, *[giving(None)] * 3, *faults]
    remove = [*[giving(value=True)] * 30, *[giving(value=False)] * 3, raising(ChangeUnknown())]
    page = [
        *[giving(Page([JOHN, STORED.customer], has_next=True, has_previous=False))] * 30,
        *[giving(Page([], has_next=False, has_previous=True))] * 3,
        *[
            giving(Page([replace(JOHN, **values)], has_next=False, has_previous=False))
            for values in BROKEN
        ],
        *faults,
    ]
    count = [*[giving(2), giving(11), giving(10**6)] * 10, *faults]
    return Script(
        add=random.choices(add, k=32),
        get=random.choices(get, k=8),
        created_with=random.choices(created_with, k=32),
        by_email=random.choices(get, k=8),
        page=random.choices(page, k=8),
        count=random.choices(count, k=32),
        find=random.choices(find, k=32),
        replace=random.choices([*remove, raising(EmailTaken())], k=32),
        remove=random.choices(remove, k=32),
    )


@dataclass(frozen=True)
class Outcome:
    """Everything observable of an execution: the answer, the calls of the store, and the log."""

    answer: bytes
    asked: list[tuple[object, ...]]
    logged: list[str]


@dataclass(frozen=True)
class Case:
    """The input of one execution, for any executor."""

    variables: dict[str, Any] | None
    script: Script
    principal: Principal
    idempotency_key: str | None

    async def outcome(self, run: Callable[[dict[str, Any] | None, Context], Any]) -> Outcome:
        customers = ScriptedCustomers(self.script)
        context = Context(customers, self.principal, self.idempotency_key)
        with capture_logs() as logged:
            result: ExecutionResult = await run(self.variables, context)
        errors = [error.formatted for error in result.errors or ()]
        answer = orjson.dumps({"errors": errors, "data": result.data})
        for number, id_ in enumerate(customers.ids):
            answer = answer.replace(id_.encode(), b"id %d" % number)
        events = [f"{line['event']} {line['exception'].split()[0]}" for line in logged]
        return Outcome(answer, customers.asked, events)


def case(operation: GeneratedOperation, random: Random) -> Case:
    scopes = random.choice([[*Scope]] * 40 + [[Scope.CUSTOMERS_READ], [Scope.CUSTOMERS_WRITE], []])
    key = random.choice([None] * 40 + ["a", "key 1", "", "é"])
    return Case(
        operation.values(random), script(random), Principal("anybody", frozenset(scopes)), key
    )


def graphql_core(
    document: DocumentNode, name: str | None, *, hide_suggestions: bool
) -> Callable[[dict[str, Any] | None, Context], Any]:
    """graphql-core's own executor; of our code, it runs only the masking of errors."""

    is_mutation = definition_of(document, name).operation is OperationType.MUTATION

    async def run(variables: dict[str, Any] | None, context: Context) -> ExecutionResult:
        result = await await_maybe(
            execute(
                SCHEMA,
                document,
                context_value=context,
                variable_values=variables,
                operation_name=name,
                hide_suggestions=hide_suggestions,
            )
        )
        mask_errors(result.errors or [], is_mutation=is_mutation)
        return result

    return run


def definition_of(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    [definition] = [
        definition
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
        and (definition.name and definition.name.value) == name
    ]
    return definition


async def covers(prepared: PreparedOperation, one: Case) -> bool:
    """Whether the prepared operation does not fall back."""
    context = Context(ScriptedCustomers(one.script), one.principal, one.idempotency_key)
    try:
        await prepared.execute(one.variables or {}, context)
    except FallBack:
        return False
    return True


@pytest.mark.parametrize("part", range(6))
def test_generated_operations_are_answered_as_by_graphql_core(part: int) -> None:
    seeds = range(part * 100, part * 100 + 50)

    covered = asyncio.run(answered_alike(seeds[:10])) + unmeasured(asyncio.run)(
        answered_alike(seeds[10:])
    )

    # Nearly all others have errors.
    assert covered > 15


async def answered_alike(seeds: range) -> int:
    """The number of operations without a fall back. Checks that graphql-core answers all alike."""
    covered = 0
    for seed in seeds:
        random = Random(seed)  # noqa: S311  # it makes documents, not secrets
        generated = generate(SCHEMA, random)
        document = parse(generated.text)
        assert validate(SCHEMA, document) == [], (seed, generated.text)
        node = definition_of(document, generated.name)
        hide_suggestions = random.random() < 0.5
        oracle = graphql_core(document, generated.name, hide_suggestions=hide_suggestions)
        operation = Operation(
            SCHEMA, document, node, hide_suggestions=hide_suggestions, immutable=IMMUTABLE
        )
        prepared = PreparedOperation(SCHEMA, document, node, IMMUTABLE)

        for number in range(7):
            one = case(generated, random)
            expected = await one.outcome(oracle)

            assert await one.outcome(operation.execute) == expected, (seed, number, generated.text)

        is_covered = await covers(prepared, one)
        # A directive whose variable has a default is null, at a field that is not reached.
        is_special = generated.is_special or None in (one.variables or {}).values()
        assert is_covered or is_special or b'{"errors":[]' not in expected.answer
        covered += is_covered
    return covered


UNLIMITED: dict[str, Any] = {
    f"max_{what}": 100_000
    for what in ("tokens", "fragments", "depth", "root_fields", "aliases", "directives", "cost")
}


def requests() -> Iterator[dict[str, Any]]:
    """Requests of every kind. The first two have no errors."""
    input_ = {"email": "ada@example.com"}
    yield {"query": CREATE_CUSTOMER, "variables": {"input": input_, "idempotencyKey": "ada"}}
    yield {"query": CUSTOMER, "variables": {"id": str(ID)}}
    for seed in range(50):
        random = Random(seed)  # noqa: S311  # as above
        generated = generate(SCHEMA, random)
        values = generated.values(random)
        yield {"query": generated.text, "operationName": generated.name, "variables": values}


async def test_a_real_server_answers_the_second_time_as_the_first_time(database_uri: str) -> None:
    answers = []
    async with connected(database_uri, introspection=True, **UNLIMITED) as client:
        fields: dict[str, Any] = {field.name: field.rule.example for field in FIELDS}
        created = await create_customer(client, **fields)
        for number, request in enumerate(requests()):
            body = json.dumps(request).replace(str(ID), created["customer"]["id"])
            headers = {"Content-Type": "application/json", "X-Request-ID": "id"}
            if number % 2:
                headers["Idempotency-Key"] = f"key {number}"

            # With white space it is another document. It creates the customers.
            for content in (body.replace('"query": "', '"query": " '), body, body):
                answer = await client.post("/graphql", content=content, headers=headers)
                answers.append(answer.content)

            assert answers[-1] == answers[-2], request

    assert sum(b'"errors":[{"message"' not in answer for answer in answers) > 50
    for expected in (b'"replayed":true', b'"name":"John Smith"', b"CreateCustomerFailure"):
        assert any(expected in answer for answer in answers), expected


async def run_thrice(text: str, customers: Customers) -> list[ExecutionResult]:
    """Three results: the first one from graphql-core, the others from the prepared operation."""
    document = parse(text)
    [node] = document.definitions
    assert isinstance(node, OperationDefinitionNode)
    operation = Operation(SCHEMA, document, node, hide_suggestions=True)
    context = Context(customers, ANYBODY)
    return [await operation.execute(None, context) for _ in range(3)]


@dataclass
class Meeting(ScriptedCustomers):
    """Customers that are read once three reads have started."""

    barrier: asyncio.Barrier = field(default_factory=lambda: asyncio.Barrier(3))

    async def get(self, id_: str) -> Customer | None:
        await self.barrier.wait()
        return replace(JOHN, name=id_)


async def test_the_fields_of_a_query_are_resolved_at_the_same_time() -> None:
    text = "{ " + " ".join(f'{a}: customer(id: "{a}") {{ name }}' for a in "abc") + " }"

    async with asyncio.timeout(10):
        results = await run_thrice(text, Meeting(Script([], [], [])))

    expected = {a: {"name": a} for a in "abc"}
    assert results == [ExecutionResult(expected)] * 3


async def test_the_log_says_where_a_resolver_failed() -> None:
    failing = ScriptedCustomers(Script([], [raising(KeyError("s3cr3t"))] * 3, []))

    with capture_logs() as logged:
        results = await run_thrice('{ customer(id: "1") { name } }', failing)

    assert [line["event"] for line in logged] == ["A resolver failed."] * 3
    for line, result in zip(logged, results, strict=True):
        assert line["exception"].startswith("KeyError\n")
        assert "customer.py" in line["exception"]
        assert ", in fail\n" in line["exception"]
        assert "caused by" not in line["exception"]
        assert [error.path for error in result.errors or ()] == [["customer"]]

"""The memory that strangers can make a server use is bounded for any requests."""

import asyncio
import gc
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from graphql_api.access.principal import ANYBODY
from graphql_api.customers.fields import FIELDS
from graphql_api.execution import documents as documents_module
from graphql_api.execution.documents import Documents
from graphql_api.http.graphql import create_documents
from graphql_api.schema.context import Context
from graphql_api.settings import Settings

from ..support.scripted_customers import Script, ScriptedCustomers, giving
from ..support.tracers import unmeasured

# Smaller than the limits of a server, so that a test reaches them sooner.
TOKENS = {"_CACHED_TOKENS": 2048, "_TOKENS_SEEN_ONCE": 512, "_INVALID_TOKENS": 512}
# 4 kB for each cached token, 1 kB for the others, and the cached errors of fields.
BOUND = 4096 * 2048 + 1024 * 1024 + 4 * 2**20

CREATED = """
  ... on CreateCustomerFailure { errors { ... on FieldError { field path message }
    ... on TooShortError { a: minLength actualLength } ... on TooLongError { b: maxLength } } }
  ... on CreateCustomerSuccess { customer { id name email description } }"""


@dataclass
class Sent:
    """A document with the variables of each of its requests."""

    text: str
    variables: list[dict[str, Any]]


def invalid(random: Random) -> dict[str, str]:
    """Every field is invalid, each by a different length."""
    return {field.public_name: "?" * random.randint(100, 1000) for field in FIELDS}


def creations(random: Random, number: int) -> Sent:
    """Ten aliases, flags, and a comment and invalid lengths that differ each time."""
    flags = "abcd"
    roots = " ".join(
        f"a{n}: createCustomer(input: $input) @include(if: ${flags[n % 4]}) {{ ...Created }}"
        for n in range(10)
    )
    declared = ", ".join(f"${flag}: Boolean!" for flag in flags)
    return Sent(
        f"mutation ($input: CreateCustomerInput!, {declared}) {{ {roots} }}"
        f" fragment Created on CreateCustomerResult {{ {CREATED} }} # {number}",
        [
            {"input": invalid(random), **{flag: random.random() < 0.7 for flag in flags}}
            for _ in range(4)
        ],
    )


def aliases(_: Random, number: int) -> Sent:
    """A list of errors whose every item has thirty aliases."""
    paths = " ".join(f"a{number}_{n}: path" for n in range(29))
    errors = f"errors {{ ... on FieldError {{ {paths} }} }}"
    create = f"createCustomer(input: $input) {{ ... on CreateCustomerFailure {{ {errors} }} }}"
    return Sent(
        f"mutation ($input: CreateCustomerInput!) {{ {create} }}",
        [{"input": invalid(Random(n))} for n in range(4)],  # noqa: S311  # no secrets
    )


def operations(_: Random, number: int) -> Sent:
    return Sent(" ".join(f"query q{number}_{n} {{ __typename }}" for n in range(50)), [{}] * 3)


def dense(_: Random, number: int) -> Sent:
    fields = " ".join(field.public_name for field in FIELDS)
    roots = " ".join(f"a{n}: customer(id: {number}) {{ {fields} }}" for n in range(10))
    return Sent(f"{{ {roots} }}", [{}] * 3)


def comments(_: Random, number: int) -> Sent:
    return Sent(f"# {number}\n" + "#\n" * 380 + "{ __typename }", [{}] * 3)


def text(_: Random, number: int) -> Sent:
    long = "\N{EURO SIGN}" * 8000
    return Sent(f'{{ customer(id: "{number}{long}") {{ id }} }}', [{}] * 3)


def wrong(_: Random, number: int) -> Sent:
    undefined = " ".join(f"a{n}: customer(id: $v{n}) {{ id }}" for n in range(10))
    return Sent(f"query {'q' * 7000}{number} {{ {undefined} }}", [{}])


def unknown(_: Random, number: int) -> Sent:
    return Sent(f"{{ customer(id: {number}) {{{' x y z' * 30} }} }}", [{}])


KINDS = [creations, aliases, operations, dense, comments, text, wrong, unknown]


async def send_each(
    documents: Documents, kind: Callable[[Random, int], Sent], random: Random, numbers: range
) -> None:
    """Sends a document for each number, each from a different stranger."""
    for number in numbers:
        await send(documents, kind(random, number), f"stranger {number}")


async def send(documents: Documents, sent: Sent, owner: str) -> None:
    """Executes each operation of the document as a server does."""
    for variables in sent.variables:
        document = documents.read(sent.text, owner)
        if document.errors:
            return
        for operation in document.operations.values():
            context = Context(ScriptedCustomers(Script([], [giving(None)] * 10, [])), ANYBODY)
            await operation.execute(variables, context)


@pytest.fixture
def grown() -> Iterator[Callable[[], int]]:
    """Returns the number of bytes that were allocated since and are still in use."""

    def held() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        yield held
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
def test_the_memory_for_documents_of_strangers_is_bounded(
    kind: Callable[[Random, int], Sent],
    grown: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, tokens in TOKENS.items():
        monkeypatch.setattr(documents_module, name, tokens)
    documents = create_documents(Settings())
    random = Random(1)  # noqa: S311  # it makes documents, not secrets

    asyncio.run(send_each(documents, kind, random, range(1)))
    unmeasured(asyncio.run)(send_each(documents, kind, random, range(1, 20)))

    assert grown() < BOUND

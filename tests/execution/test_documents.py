"""Documents: which are rejected before they take time, which are cached, and their errors."""

import asyncio
import statistics
import sys
from collections.abc import Callable, Iterator
from inspect import signature
from itertools import count
from typing import Any

import httpx
import pytest
from graphql import GraphQLError, GraphQLSyntaxError, get_introspection_query, parse, validate

from graphql_api.execution.documents import Document, Documents
from graphql_api.execution.parsing import locate, parse_document
from graphql_api.http.graphql import create_documents
from graphql_api.schema.schema import create_schema
from graphql_api.settings import Settings

from ..support.clients import CREATE_CUSTOMER, connected, execute
from ..support.servers import Server, serving

SETTINGS = Settings()
SCHEMA = create_schema()
INTROSPECTION = get_introspection_query(
    specified_by_url=True,
    directive_is_repeatable=True,
    schema_description=True,
    input_value_deprecation=True,
)


def document(  # noqa: PLR0913  # one for each limit
    *,
    aliases: int = 0,
    root_fields: int = 1,
    directives: int = 0,
    levels: int = 1,
    fragments: int = 0,
    lists: int = 0,
) -> str:
    """A document with these numbers of limited parts. It may be invalid."""
    roots = ["__typename"] * root_fields
    roots += [f"a{number}: __typename" for number in range(aliases)]
    names = "".join(f" ...f{number}" for number in range(fragments))
    deep = "customer { " * (levels - 1) + "id" + " }" * (levels - 1)
    created = "createCustomer { ... on CreateCustomerFailure { errors { __typename } } }"
    return (
        "mutation { "
        + " ".join(roots)
        + " @skip(if: false)" * directives
        + (f" {deep}" if levels > 1 else "")
        + f" {created}" * lists
        + names
        + " } "
        + " ".join(
            f"fragment f{number} on Mutation {{ __typename }}" for number in range(fragments)
        )
    )


def errors_of(text: str, **limits: int) -> list[str]:
    documents = create_documents(Settings(**{"max_root_fields": 1000, **limits}))  # type: ignore[arg-type]  # every limit is a number
    return [
        error["message"]
        for error in documents.read(text, "somebody").errors
        if error.get("extensions") == {"code": "TOO_LARGE"}
    ]


@pytest.mark.parametrize(
    ("limit", "most", "within", "beyond", "what"),
    [
        ("max_aliases", 3, {"aliases": 3}, {"aliases": 4}, "3 aliases"),
        (
            "max_root_fields",
            3,
            {"root_fields": 3},
            {"root_fields": 4},
            "3 fields at the top level of an operation",
        ),
        ("max_directives", 3, {"directives": 3}, {"directives": 4}, "3 directives"),
        ("max_depth", 3, {"levels": 3}, {"levels": 4}, "3 levels of fields"),
        ("max_fragments", 3, {"fragments": 3}, {"fragments": 4}, "3 fragments"),
        ("max_cost", 25, {"lists": 2}, {"lists": 3}, "25 points of cost"),
    ],
)
def test_a_document_beyond_a_limit_is_rejected(
    limit: str, most: int, within: dict[str, int], beyond: dict[str, int], what: str
) -> None:
    assert errors_of(document(**within), **{limit: most}) == []
    assert errors_of(document(**beyond), **{limit: most}) == [
        f"The document has more than {what}. Send a smaller one."
    ]


async def test_parsing_stops_at_the_limit_of_tokens(
    client: httpx.AsyncClient,
) -> None:
    answer = await execute(client, "{" + " __typename" * SETTINGS.max_tokens + "}")

    [error] = answer["errors"]
    assert error["message"] == (
        "Syntax Error: Document contains more than 400 tokens. Parsing aborted."
    )
    assert error["extensions"] == {"code": "GRAPHQL_PARSE_FAILED"}


def test_fragments_are_counted_as_often_as_they_are_spread() -> None:
    text = (
        "{ ...a ...a }"
        " fragment a on Query { ...b ...b }"
        " fragment b on Query { ...c ...c }"
        " fragment c on Query { ... on Query { x: customer(id: 1) { y: id } } ... { __typename } }"
    )

    assert errors_of(text, max_aliases=16) == []
    assert errors_of(text, max_aliases=15) != []
    assert errors_of(text, max_root_fields=16) == []
    assert errors_of(text, max_root_fields=15) != []


async def test_exponential_and_circular_fragments_are_answered_at_once(
    client: httpx.AsyncClient,
) -> None:
    doubling = "{ ...f0 }" + "".join(
        f" fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(19)
    )
    exponential = f"{doubling} fragment f19 on Query {{ __typename }}"
    circular = "{ ...a } fragment a on Query { ...b ...c } fragment b on Query { ...a }"

    for text in (exponential, circular, f"{circular} fragment c on Query {{ ...c }}"):
        answer = await execute(client, text)

        assert "data" not in answer
        assert answer["errors"]


HOSTILE = {
    "fields of a type": '{ customer(id: "1") {' + " id" * 385 + "} }",
    "unknown fields of a type": '{ customer(id: "1") {' + " x" * 385 + "} }",
    "conflicts of a type": '{ customer(id: "1") {' + " a: id a: name" * 15 + " id" * 290 + "} }",
    "aliases": "{" + " a: __typename" * 160 + "}",
    "same fields": "{" + ' customer(id: "1") { id }' * 55 + "}",
    "conflicts": '{ customer(id: "1") {' + " a: name a: email" * 80 + "} }",
    "unknown fields": "{" + "".join(f" custome{n}" for n in range(380)) + "}",
    "unknown inputs": "mutation { createCustomer(input: {"
    + "".join(f' nam{n}: "x"' for n in range(160))
    + "}) { __typename } }",
    "directives": "{ __typename" + " @skip(if: true)" * 80 + "}",
    "nested fields": "{" + 'customer(id: "1") {' * 60 + "id" + "}" * 61,
    "nested fragments": '{ customer(id: "1") {' + "... {" * 160 + "id" + "}" * 162,
    "nested lists": 'mutation { createCustomer(input: {email: "a@b.de", zipCode: '
    + "[" * 200
    + "]" * 200
    + "}) { __typename } }",
    "variables": "query (" + "".join(f" $v{n}: String" for n in range(120)) + ") { __typename }",
    "fragments": "{ __typename }" + "".join(f" fragment f{n} on Query {{ id }}" for n in range(80)),
    "empty lines": "\n" * 30_000 + "query (" + " $v: Int" * 90 + ") { __typename }",
    "introspections": "{" + " ".join(f"a{n}: __schema {{ ...S }}" for n in range(10)) + "}"
    " fragment S on __Schema { types { name fields { name args { name type { name } } } } }",
    "introspection": "{ __schema { types { fields { type { fields { type { fields { type { fields "
    "{ name } } } } } } } } } }",
}


@pytest.fixture(scope="module")
def untraced_server(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server at its own speed: coverage, which slows it down several times, is off."""
    with serving(
        errors=tmp_path_factory.mktemp("untraced-server") / "stderr",
        GRAPHQL_API_MONGODB_URI=mongodb_uri,
        GRAPHQL_API_INTROSPECTION="true",
    ) as server:
        yield server


@pytest.mark.alone
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_nobody_waits_more_than_150_ms_for_a_hostile_document(
    untraced_server: Server, text: str
) -> None:
    async with httpx.AsyncClient(base_url=untraced_server.url, timeout=10) as client:
        await client.get("/healthz")
        longest = []
        for attempt in range(3):
            # Another text, for which nothing is remembered.
            query = f"{text} # {attempt}"
            hostile = asyncio.create_task(client.post("/graphql", json={"query": query}))
            waits: list[float] = []
            while not (waits and hostile.done()):
                answer = await client.get("/healthz")
                waits.append(answer.elapsed.total_seconds())
            await hostile
            longest.append(max(waits))

    # A busy machine may delay one attempt, and the document itself delays each.
    assert statistics.median(longest) < 0.15


@pytest.mark.parametrize(
    "text",
    [
        '{ customer(id: "1") {FIELDS} }',
        "{" + " customer(id: 1) { ... {FIELDS} }" * 5 + "}",
        '{ customer(id: "1") { ...a ...b } }'
        + "".join(f" fragment {name} on Customer {{FIELDS}}" for name in "ab"),
        "{ __typename } fragment unused on Customer {FIELDS}",
    ],
)
def test_pairs_of_fields_in_the_same_place_have_a_limit(text: str) -> None:
    few, many = (text.replace("FIELDS", " id x: name" * number) for number in (8, 150))

    assert errors_of(few, max_aliases=1000) == []
    assert errors_of(many, max_aliases=1000, max_tokens=10_000) == [
        "The document has more than 5,000 pairs of fields with the same response key. Send a "
        "smaller one."
    ]


def test_a_fragment_within_itself_is_the_only_error_of_a_document() -> None:
    text = "{ ...a ...none } fragment a on Customer { ...b } fragment b on Customer { x { ...a } }"

    [error] = create_documents(SETTINGS).read(text, "somebody").errors

    assert error["message"] == "Cannot spread fragment 'a' within itself via 'b'."


def test_a_document_too_deep_for_python_is_rejected() -> None:
    nested = "".join(
        f" fragment f{n} on Query {{ {'... { ' * 90}...f{n + 1}{' }' * 91}" for n in range(20)
    )

    assert errors_of(f"{{ ...f0 }} {nested}", max_tokens=100_000, max_fragments=100) == [
        "The document has more than 15 levels of fields. Send a smaller one."
    ]


# The options of tools for the introspection query. All tools send this query.
OPTIONS = [
    name
    for name, option in signature(get_introspection_query).parameters.items()
    if isinstance(option.default, bool)
]


@pytest.mark.parametrize("options", [[], ["descriptions"], OPTIONS], ids=len)
def test_the_schema_can_be_read_once_and_not_ten_times(options: list[str]) -> None:
    given: dict[str, Any] = {name: name in options for name in OPTIONS}
    query = get_introspection_query(**given)
    operation, rest = query.split("fragment", 1)
    schema = operation[operation.index("__schema") : operation.rindex("}")]
    tenfold = " ".join(f"a{number}: {schema}" for number in range(10))

    documents = create_documents(Settings(introspection=True))

    assert documents.read(query, "somebody").errors == []
    assert errors_of(f"{{ {tenfold} }} fragment {rest}", max_tokens=10_000) == [
        "The document has more than 2,000 points of cost. Send a smaller one."
    ]


def test_only_the_most_expensive_of_types_that_exclude_each_other_counts() -> None:
    kinds = [
        *("RequiredFieldError", "TooShortError", "TooLongError"),
        *("InvalidFormatError", "WrongTypeError", "EmailTakenError"),
    ]
    each = "".join(f" ... on {kind} {{ field path message }}" for kind in kinds)
    creations = "".join(
        f" a{number}: createCustomer(input: $input) {{ ...result }}" for number in range(10)
    )
    text = (
        f"mutation ($input: CreateCustomerInput!) {{{creations} }}"
        " fragment result on CreateCustomerResult {"
        f" ... on CreateCustomerFailure {{ errors {{ __typename{each} ...other }} }} }}"
        " fragment other on FieldError { path message }"
    )

    # A creation, its errors, and ten times a type's name, its three fields, and the others' two.
    assert errors_of(text, max_cost=10 * (2 + 10 * (1 + 3 + 2))) == []
    assert errors_of(text, max_cost=10 * (2 + 10 * (1 + 3 + 2)) - 1) != []


def test_lists_of_the_schemas_own_types_count_as_long_as_they_are() -> None:
    whole = "{ __schema { types { name description } } }"
    one = '{ __type(name: "Customer") { name description } }'

    assert errors_of(whole, max_cost=100) == []
    assert errors_of(whole, max_cost=20) != []
    assert errors_of(one, max_cost=3) == []


def work(function: Callable[[], object]) -> int:
    """The number of calls, including those of Python's own functions: the same on any machine."""
    calls = count()
    sys.setprofile(lambda *_: next(calls))
    try:
        function()
    finally:
        sys.setprofile(None)
    return next(calls)


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n"])
def test_the_lines_of_all_errors_are_found_in_one_pass(line_break: str) -> None:
    documents = create_documents(SETTINGS)

    def reading(text: str) -> Callable[[], object]:
        return lambda: documents.prepare(text)

    few, many = (
        work(reading(f"{line_break * 20_000}query ({variables}) {{ __typename }}"))
        for variables in ("$v: Int", "$v: Int " * 90)
    )

    assert many < 2 * few


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("space", [" ", "\r\n \r\n\n"])
def test_errors_are_where_graphql_core_finds_them(text: str, space: str) -> None:
    spaced = text.replace(" ", space)
    try:
        ours, document = parse_document(spaced, 10_000), parse(spaced)
    except GraphQLError as error:
        expected = [error]
        with pytest.raises(GraphQLSyntaxError) as raised:
            parse_document(spaced, 10_000)
        found: list[GraphQLError] = [raised.value]
    else:
        expected = validate(SCHEMA, document)
        found = validate(SCHEMA, ours)

    locate(found)

    assert [error.formatted for error in found] == [error.formatted for error in expected]


def read_twice(documents: Documents, text: str, owner: str = "somebody") -> Document:
    """The document, which is cached as one that was sent twice."""
    documents.read(text, owner)
    return documents.read(text, owner)


def test_a_valid_document_is_read_once() -> None:
    documents = create_documents(SETTINGS)
    first = documents.read(CREATE_CUSTOMER, "somebody")

    assert documents.read(CREATE_CUSTOMER, "somebody") is first
    assert documents.read(CREATE_CUSTOMER, "another") is first
    assert first.errors == []
    assert list(first.operations) == ["CreateCustomer"]


@pytest.mark.parametrize(
    "text", ["{", "{ custome }", "{ customer }", "{ ...a }", "{ a } type B { c: ID }"]
)
def test_an_invalid_document_is_read_once(text: str) -> None:
    documents = create_documents(SETTINGS)
    first = documents.read(text, "somebody")

    assert documents.read(text, "another") is first
    assert first.errors


@pytest.mark.parametrize("junk", ["{{ a{}: __typename }}", "{{ a{} }}", "{{{{{}"])
def test_junk_evicts_no_document_that_was_sent_twice(junk: str) -> None:
    documents = create_documents(SETTINGS)
    known = read_twice(documents, CREATE_CUSTOMER)

    for number in range(200):
        documents.read(junk.format(number), f"stranger {number}")

    assert documents.read(CREATE_CUSTOMER, "somebody") is known


@pytest.mark.parametrize("strangers", [1, 3])
def test_strangers_with_many_documents_evict_only_their_own(strangers: int) -> None:
    documents = create_documents(SETTINGS)
    texts = [f"{{ good{number}: __typename }}" for number in range(60)]
    known = [read_twice(documents, text) for text in texts]

    for number in range(300):
        read_twice(documents, f"{{ a{number}: __typename }}", f"stranger {number % strangers}")

    for text, document in zip(texts, known, strict=True):
        assert documents.read(text, "somebody") is document


@pytest.mark.parametrize("strangers", [1, 3])
def test_strangers_do_not_evict_a_document_that_was_just_sent_once(
    strangers: int,
) -> None:
    documents = create_documents(SETTINGS)
    first = documents.read(CREATE_CUSTOMER, "somebody")

    for number in range(300):
        documents.read(f"{{ a{number}: __typename }}", f"stranger {number % strangers}")

    assert documents.read(CREATE_CUSTOMER, "somebody") is first


def test_the_caches_are_bounded() -> None:
    documents = create_documents(SETTINGS)
    first = read_twice(documents, "{ first: __typename }")
    wrong = documents.read("{ first }", "somebody")

    for number in range(500):
        read_twice(documents, f"{{ a{number}: __typename }}")
        documents.read(f"{{ a{number} }}", "somebody")

    assert documents.read("{ first: __typename }", "somebody") is not first
    assert documents.read("{ first }", "somebody") is not wrong


@pytest.mark.parametrize("text", ["{ __typename }", "{ nothing }"])
def test_a_long_document_is_not_cached(text: str) -> None:
    documents = create_documents(SETTINGS)
    long = text + " " * 10_000

    assert read_twice(documents, long) is not documents.read(long, "somebody")


async def test_several_operations_need_a_name(client: httpx.AsyncClient) -> None:
    text = "query A { a: __typename } query B { b: __typename }"

    answer = await execute(client, text)
    named = await client.post("/graphql", json={"query": text, "operationName": "B"})

    [error] = answer["errors"]
    assert error["message"] == (
        "`operationName` is missing or unknown. Name one of the document's operations."
    )
    assert named.json() == {"data": {"b": "Query"}}


async def test_introspection_and_suggestions_are_off_by_default(database_uri: str) -> None:
    async with connected(database_uri) as closed:
        schema = await execute(closed, INTROSPECTION)
        misspelt = await execute(closed, "{ custome }")

    assert "data" not in schema
    assert "introspection" in schema["errors"][0]["message"]
    assert [error["message"] for error in misspelt["errors"]] == [
        "Cannot query field 'custome' on type 'Query'."
    ]


async def test_introspection_and_suggestions_can_be_switched_on(database_uri: str) -> None:
    async with connected(database_uri, introspection=True) as opened:
        schema = await execute(opened, INTROSPECTION)
        misspelt = await execute(opened, "{ custome }")

    assert {named["name"] for named in schema["data"]["__schema"]["types"]} >= {"Customer"}
    assert "Did you mean 'customer' or 'customers'?" in misspelt["errors"][0]["message"]

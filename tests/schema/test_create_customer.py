"""Creating customers by GraphQL, on a real MongoDB: the answers, and the stored documents."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import httpx
import pytest
from pymongo.collection import Collection

from graphql_api.customers.create_customer import create_customer as use_case
from graphql_api.customers.fields import FIELDS
from graphql_api.customers.problems import Rejected
from graphql_api.customers.store import Customers

from ..support.clients import create_customer, execute, read_customer
from ..support.values import BAD, GOOD, public_name

Documents = Collection[dict[str, Any]]


async def test_a_customer_is_created_stored_and_read_back(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    sent: dict[str, Any] = {field.name: field.rule.example for field in FIELDS}

    created = await create_customer(client, **sent)

    assert created["__typename"] == "CreateCustomerSuccess"
    assert created["replayed"] is False
    customer = created["customer"]
    expected = {field.public_name: field.rule.example for field in FIELDS}
    assert {name: customer[name] for name in expected} == expected
    assert await read_customer(client, customer["id"]) == customer
    [document] = documents.find({})
    assert str(document["_id"]) == customer["id"]
    assert {name: document[name] for name in expected} == expected
    assert document["emailCaseFolded"] == "john.smith@example.com"


async def test_only_the_email_address_is_needed(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    created = await create_customer(client, email="only@example.com", name=None)

    given = {name for name, value in created["customer"].items() if value is not None}
    assert given == {"id", "email", "createdAt", "updatedAt"}
    [document] = documents.find({})
    assert document == {
        "_id": UUID(created["customer"]["id"]),
        "email": "only@example.com",
        "emailCaseFolded": "only@example.com",
        "nameSort": "",
        "emailSort": "only@example.com",
        "search": ["only@example.com", "example.com", *document["search"][2:]],
        "given": 0b10,
        "schemaVersion": 2,
        "version": 1,
        "createdAt": document["createdAt"],
        "updatedAt": document["createdAt"],
    }
    assert set(document["search"][2:]) == {"onl\1", "exa\1", "com\1"}


async def test_ids_are_unique_and_times_are_utc_to_the_millisecond(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)

    first = (await create_customer(client, email="a@example.com"))["customer"]
    second = (await create_customer(client, email="b@example.com"))["customer"]

    assert UUID(first["id"]) != UUID(second["id"])
    assert first["createdAt"] == first["updatedAt"]
    assert len(first["createdAt"]) == len("2026-11-22T08:59:51.042Z")
    created_at = datetime.fromisoformat(first["createdAt"])
    assert before <= created_at <= datetime.now(UTC)
    assert documents.count_documents({"createdAt": created_at}) == 1


async def test_valid_values_are_accepted_by_graphql(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    for number, good in enumerate(GOOD):
        fields: dict[str, Any] = {"email": f"good{number}@example.com", good.field: good.sent}

        created = await create_customer(client, **fields)

        assert created["__typename"] == "CreateCustomerSuccess", (good, created)
        assert created["customer"][public_name(good.field)] == good.stored
        assert await read_customer(client, created["customer"]["id"]) == created["customer"]
        documents.delete_many({})


async def test_invalid_values_are_rejected_by_graphql_with_the_same_problems(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    for bad in BAD:
        refused = await create_customer(client, **{bad.field: bad.sent})

        assert refused["__typename"] == "CreateCustomerFailure", bad
        assert [error["__typename"] for error in refused["errors"]] == list(bad.problems), bad
        for error in refused["errors"]:
            assert error["path"] == ["input", public_name(bad.field)]
            assert error["field"] == bad.field.upper()
    assert documents.count_documents({}) == 0


async def test_other_requests_run_after_a_text_that_takes_long_to_judge() -> None:
    turns: list[str] = []
    asyncio.get_running_loop().call_soon(turns.append, "other")

    judged = await use_case(cast("Customers", None), {"name": "a" * 101}, None)

    assert isinstance(judged, Rejected)
    assert turns == ["other"]


async def test_the_length_of_a_long_text_is_that_of_the_normalised_text(
    client: httpx.AsyncClient,
) -> None:
    name = " é \t" + "x\u0301\u0323" * 3_000 + " \n" * 1_000

    refused = await create_customer(client, name=name, description=name, city=name + "y")

    lengths = {error["field"]: error["actualLength"] for error in refused["errors"]}
    # `x` composes with neither mark.
    assert lengths == {"NAME": 9_002, "DESCRIPTION": 9_003, "CITY": 9_004}


async def test_one_answer_has_every_problem_of_every_field(client: httpx.AsyncClient) -> None:
    fields: dict[str, Any] = {field.name: "\u0007" * 60 for field in FIELDS}

    refused = await create_customer(client, **{**fields, "zip_code": True})

    kinds = [(error["field"], error["__typename"]) for error in refused["errors"]]
    assert kinds == [
        pair
        for field in FIELDS
        for pair in (
            [("ZIP_CODE", "WrongTypeError")]
            if field.name == "zip_code"
            else [(field.name.upper(), "TooLongError"), (field.name.upper(), "InvalidFormatError")]
        )
    ]


async def test_errors_have_everything_that_a_form_needs(client: httpx.AsyncClient) -> None:
    refused = await create_customer(client, name="J1", city="x" * 51, phone_number=1.5)

    assert refused["errors"] == [
        {
            "__typename": "TooShortError",
            "field": "NAME",
            "path": ["input", "name"],
            "message": "Enter at least 3 characters (2 entered).",
            "minLength": 3,
            "actualLength": 2,
        },
        {
            "__typename": "InvalidFormatError",
            "field": "NAME",
            "path": ["input", "name"],
            "message": "Use only letters and spaces, for example John Smith.",
            "allowed": "letters and spaces",
            "example": "John Smith",
        },
        {
            "__typename": "TooLongError",
            "field": "CITY",
            "path": ["input", "city"],
            "message": "Enter at most 50 characters (51 entered).",
            "maxLength": 50,
            "actualLength": 51,
        },
        {
            "__typename": "WrongTypeError",
            "field": "PHONE_NUMBER",
            "path": ["input", "phoneNumber"],
            "message": "Send a string or an integer.",
            "expected": "a string or an integer",
        },
    ]


@pytest.mark.parametrize(
    ("literal", "stored"),
    [('"02134"', "02134"), ("10469", "10469"), ('"""10469-2345"""', "10469-2345"), ("null", None)],
)
async def test_scalars_take_inline_strings_and_integers(
    client: httpx.AsyncClient, literal: str, stored: str | None
) -> None:
    answer = await execute(
        client,
        f'mutation {{ createCustomer(input: {{email: "a@b.de", zipCode: {literal}}}) '
        "{ ... on CreateCustomerSuccess { customer { zipCode } } } }",
    )

    assert answer == {"data": {"createCustomer": {"customer": {"zipCode": stored}}}}


@pytest.mark.parametrize(
    "literal", ["true", "1.5", "1e-3", "[]", "{}", '["1"]', "{a: {b: 1}}", "A"]
)
async def test_a_wrong_inline_type_is_a_field_error_beside_others(
    client: httpx.AsyncClient, literal: str
) -> None:
    answer = await execute(
        client,
        f'mutation {{ createCustomer(input: {{email: "", zipCode: {literal}}}) '
        "{ ... on CreateCustomerFailure { errors { __typename } } } }",
    )

    kinds = [error["__typename"] for error in answer["data"]["createCustomer"]["errors"]]
    assert kinds == ["RequiredFieldError", "WrongTypeError"]


async def test_an_email_address_is_taken_without_regard_to_case(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    await create_customer(client, email="John@Example.com")

    refused = await create_customer(client, email="jOHN@eXAMPLE.com")

    assert refused["errors"] == [
        {
            "__typename": "EmailTakenError",
            "field": "EMAIL",
            "path": ["input", "email"],
            "message": "A customer with this email address already exists. Use a different one.",
        }
    ]
    assert documents.count_documents({}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # Unicode's canonical caseless match (D145): decomposed, then folded, then decomposed.
        ("x\u1fb7y@example.com", "x\u1fbc\u0342y@example.com"),
        ("x\u1fb7y@example.com", "x\u03b1\u0345\u0342y@example.com"),
        ("x\u1fb7y@example.com", "X\u0391\u0342\u0399Y@example.com"),
        ("zo\u00eb@example.com", "ZOE\u0308@example.com"),
        ("stra\u00dfe@example.com", "STRASSE@example.com"),
        # A domain also has several forms.
        ("x@gro\u00df.example.com", "X@xn--gro-7ka.example.com"),
        ("x@gro\u00df.example.com", "x@GRO\u1e9e.example.com"),
        ("x@b\u00fccher.example.com", "x@BU\u0308CHER.EXAMPLE.COM"),
        ("x@\u4f8b\u3048.jp", "x@\u4f8b\u3048\u3002jp"),
    ],
    ids=ascii,
)
async def test_addresses_that_differ_only_in_case_and_form_are_the_same(
    client: httpx.AsyncClient, documents: Documents, one: str, other: str
) -> None:
    await create_customer(client, email=one)

    refused = await create_customer(client, email=other)

    assert [error["__typename"] for error in refused["errors"]] == ["EmailTakenError"]
    assert documents.count_documents({}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # Two hosts under IDNA 2008.
        ("x@gro\u00df.example.com", "x@gross.example.com"),
        ("x@\u03c3\u03c2.example.com", "x@\u03c3\u03c3.example.com"),
        ("zo\u00eb@example.com", "zoe@example.com"),
        ("x@b\u00fccher.example.com", "x@bucher.example.com"),
    ],
    ids=ascii,
)
async def test_addresses_of_different_people_or_hosts_are_different(
    client: httpx.AsyncClient, documents: Documents, one: str, other: str
) -> None:
    for email in (one, other):
        assert (await create_customer(client, email=email))["customer"]["email"] == email

    assert documents.count_documents({}) == 2


async def test_a_taken_email_address_is_an_error_only_if_every_field_is_valid(
    client: httpx.AsyncClient,
) -> None:
    await create_customer(client)

    refused = await create_customer(client, name="1")

    kinds = [error["__typename"] for error in refused["errors"]]
    assert kinds == ["TooShortError", "InvalidFormatError"]


async def test_the_same_key_and_input_return_the_first_customer_again(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    first = await create_customer(client, idempotency_key="k1", name=" John  Smith")

    second = await create_customer(client, idempotency_key="k1", name="John Smith ")
    third = await create_customer(client, headers={"Idempotency-Key": "k1"}, name="John Smith")

    assert first["replayed"] is False
    assert second == third == {**first, "replayed": True}
    assert documents.count_documents({}) == 1


@pytest.mark.parametrize(
    "other", [{"name": "John Doe"}, {"email": "other@example.com"}, {"name": "1"}]
)
async def test_the_same_key_with_different_input_is_a_conflict(
    client: httpx.AsyncClient, documents: Documents, other: dict[str, Any]
) -> None:
    await create_customer(client, idempotency_key="k1", name="John Smith")

    conflict = await create_customer(
        client, idempotency_key="k1", **{"name": "John Smith", **other}
    )

    assert conflict == {
        "__typename": "IdempotencyConflict",
        "message": "This idempotency key was already used with different input. Use a new key.",
    }
    assert documents.count_documents({}) == 1


async def test_a_key_whose_creation_was_rejected_can_be_used_again(
    client: httpx.AsyncClient,
) -> None:
    await create_customer(client, email="taken@example.com")

    invalid = await create_customer(client, idempotency_key="k1", name="1")
    taken = await create_customer(client, idempotency_key="k1", email="taken@example.com")
    created = await create_customer(client, idempotency_key="k1")

    assert invalid["__typename"] == taken["__typename"] == "CreateCustomerFailure"
    assert created["__typename"] == "CreateCustomerSuccess"


@pytest.mark.parametrize("key", ["", "k" * 256, "é", "a\tb", "a\u0000", "\x7f"])
async def test_a_key_that_is_not_printable_ascii_is_rejected(
    client: httpx.AsyncClient, documents: Documents, key: str
) -> None:
    variables = {"input": {"email": "a@b.de"}, "key": key}

    answer = await execute(
        client,
        "mutation ($input: CreateCustomerInput!, $key: String) "
        "{ createCustomer(input: $input, idempotencyKey: $key) { __typename } }",
        variables,
    )

    [error] = answer["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert error["message"] == (
        "The idempotency key is invalid. Use 1 to 255 printable ASCII characters."
    )
    assert documents.count_documents({}) == 0


async def test_a_key_of_255_characters_is_accepted(client: httpx.AsyncClient) -> None:
    created = await create_customer(client, idempotency_key=" ~" + "k" * 253)

    assert created["__typename"] == "CreateCustomerSuccess"


async def test_two_different_keys_in_one_request_are_rejected(client: httpx.AsyncClient) -> None:
    answer = await execute(
        client,
        'mutation { createCustomer(input: {email: "a@b.de"}, idempotencyKey: "one") '
        "{ __typename } }",
        headers={"Idempotency-Key": "two"},
    )

    [error] = answer["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}


@pytest.mark.parametrize("media_type", ["application/json", "application/graphql-response+json"])
async def test_a_creation_that_fails_leaves_the_results_of_its_neighbours(
    client: httpx.AsyncClient, documents: Documents, media_type: str
) -> None:
    text = (
        "mutation ($a: CreateCustomerInput!, $c: CreateCustomerInput!) {"
        " a: createCustomer(input: $a) { ...Created }"
        ' b: createCustomer(input: {email: "b@b.de"}, idempotencyKey: "é") { ...Created }'
        " c: createCustomer(input: $c) { ...Created } }"
        " fragment Created on CreateCustomerSuccess { customer { email } }"
    )

    # graphql-core executes the first; the others are prepared.
    for number in range(3):
        emails = {name: f"{name}{number}@example.com" for name in "ac"}
        variables = {name: {"email": email} for name, email in emails.items()}
        answer = await client.post(
            "/graphql", json={"query": text, "variables": variables}, headers={"Accept": media_type}
        )

        created = {name: {"customer": {"email": email}} for name, email in emails.items()}
        assert answer.status_code == 200
        assert answer.json()["data"] == {"a": created["a"], "b": None, "c": created["c"]}
        [error] = answer.json()["errors"]
        assert error["path"] == ["b"]
        assert error["extensions"] == {"code": "BAD_USER_INPUT"}

    assert documents.count_documents({}) == 2 * 3


@pytest.mark.in_time
async def test_fifty_creations_with_one_email_address_make_one_customer(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    results = await asyncio.gather(*(create_customer(client) for _ in range(50)))

    kinds = [result["__typename"] for result in results]
    assert sorted(kinds) == ["CreateCustomerFailure"] * 49 + ["CreateCustomerSuccess"]
    assert documents.count_documents({}) == 1


@pytest.mark.in_time
async def test_fifty_creations_with_one_key_make_one_customer_and_49_replays(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    results = await asyncio.gather(
        *(create_customer(client, idempotency_key="k1") for _ in range(50))
    )

    assert sorted(result["replayed"] for result in results) == [False] + [True] * 49
    assert len({result["customer"]["id"] for result in results}) == 1
    assert documents.count_documents({}) == 1


async def test_an_id_in_another_form_than_the_server_sent_is_null(
    client: httpx.AsyncClient,
) -> None:
    id_ = (await create_customer(client))["customer"]["id"]
    arabic = id_.translate({ord("0") + digit: 0x0660 + digit for digit in range(10)})
    others = [f"{{{id_}}}", f"urn:uuid:{id_}", id_.upper(), id_.replace("-", ""), arabic]
    others += [f" {id_}", f"{id_}\n", f"\ufeff{id_}", id_.replace("-", "\u2010")]

    assert await read_customer(client, id_) is not None
    assert [await read_customer(client, other) for other in others] == [None] * len(others)


async def test_a_customer_that_does_not_exist_is_null(client: httpx.AsyncClient) -> None:
    for id_ in ("00000000-0000-4000-8000-000000000000", "x", "", "\u0000", '{"$gt": ""}'):
        assert await read_customer(client, id_) is None

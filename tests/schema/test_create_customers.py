"""`createCustomers`, as whole requests."""

import asyncio
from typing import Any

import httpx
import pytest
from pymongo.collection import Collection

from graphql_api.customers.fields import FIELDS

from ..support.clients import (
    CREATE_CUSTOMERS,
    connected,
    create_customer,
    create_customers,
    delete_customer,
    execute,
    read_customer,
)
from ..support.values import BAD, GOOD, Bad, Good, public_name

Documents = Collection[dict[str, Any]]

JOHN, JANE, ADA = ({"email": f"{name}@example.com"} for name in ("john", "jane", "ada"))
INVALID = {"email": "grace@example.com", "name": "G"}
CONFLICT = {
    "__typename": "IdempotencyConflict",
    "message": "This idempotency key was already used with different input. Use a new key.",
}
NOT_CREATED = {"__typename": "CreateCustomerFailure", "errors": []}

each_policy = pytest.mark.parametrize("policy", ["CREATE_VALID", "CREATE_NONE"])


def counts(result: dict[str, Any]) -> tuple[int, int, int]:
    """The numbers of customers that were created, replayed, and not created."""
    return result["createdCount"], result["replayedCount"], result["failedCount"]


def kinds(result: dict[str, Any]) -> list[list[str]]:
    """The kinds of the errors of each customer."""
    return [[e["__typename"] for e in one.get("errors", ())] for one in result["results"]]


def emails(documents: Documents) -> list[str]:
    return sorted(document["email"] for document in documents.find())


@each_policy
async def test_every_customer_of_a_valid_list_is_created_in_its_order(
    policy: str, client: httpx.AsyncClient, documents: Documents
) -> None:
    result = await create_customers(client, [JOHN, JANE, ADA], on_error=policy)

    assert counts(result) == (3, 0, 0)
    created = [one["customer"] for one in result["results"]]
    assert [one["email"] for one in created] == [one["email"] for one in (JOHN, JANE, ADA)]
    assert [await read_customer(client, one["id"]) for one in created] == created
    assert documents.count_documents({}) == 3


@each_policy
async def test_an_empty_list_has_an_empty_result(policy: str, client: httpx.AsyncClient) -> None:
    result = await create_customers(client, [], on_error=policy)

    assert (counts(result), result["results"]) == ((0, 0, 0), [])


async def test_all_customers_that_can_be_created_are_created(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    await create_customer(client, email="jane@example.com")

    result = await create_customers(
        client, [JOHN, INVALID, {"email": "JOHN@example.com"}, JANE, ADA]
    )

    assert counts(result) == (2, 0, 3)
    assert result["results"][1:4] == [
        {
            "__typename": "CreateCustomerFailure",
            "errors": [
                {
                    "__typename": "TooShortError",
                    "field": "NAME",
                    "path": ["inputs", "1", "name"],
                    "message": "Enter at least 3 characters (1 entered).",
                }
            ],
        },
        {
            "__typename": "CreateCustomerFailure",
            "errors": [
                {
                    "__typename": "DuplicateInListError",
                    "field": "EMAIL",
                    "path": ["inputs", "2", "email"],
                    "message": (
                        "This email address occurs earlier in the list. Use a different one."
                    ),
                    "firstIndex": 0,
                }
            ],
        },
        {
            "__typename": "CreateCustomerFailure",
            "errors": [
                {
                    "__typename": "EmailTakenError",
                    "field": "EMAIL",
                    "path": ["inputs", "3", "email"],
                    "message": (
                        "A customer with this email address already exists. Use a different one."
                    ),
                }
            ],
        },
    ]
    assert emails(documents) == ["ada@example.com", "jane@example.com", "john@example.com"]


@each_policy
async def test_a_list_without_a_valid_customer_needs_no_database(policy: str) -> None:
    async with connected("mongodb://127.0.0.1:1/") as client:
        result = await create_customers(client, [INVALID, {"email": "john"}], on_error=policy)

    assert kinds(result) == [["TooShortError"], ["InvalidFormatError"]]


async def test_an_invalid_customer_does_not_make_a_later_one_a_duplicate(
    client: httpx.AsyncClient,
) -> None:
    same = {"email": INVALID["email"]}

    result = await create_customers(client, [INVALID, same, same])

    assert counts(result) == (1, 0, 2)
    assert kinds(result) == [["TooShortError"], [], ["DuplicateInListError"]]
    assert result["results"][2]["errors"][0]["firstIndex"] == 1


async def test_each_customer_has_the_result_of_createCustomer(  # noqa: N802  # GraphQL's name
    client: httpx.AsyncClient,
) -> None:
    sent: list[Good | Bad] = [*GOOD, *BAD]
    values = [
        value
        for value in sent
        # Other values make the request invalid.
        if isinstance(value.sent, str) or value.field in ("zip_code", "phone_number")
    ]
    inputs = [
        {"email": f"c{number}@example.com", public_name(value.field): value.sent}
        for number, value in enumerate(values)
    ]

    # With this policy, no address is taken later.
    result = await create_customers(client, [*inputs, INVALID], on_error="CREATE_NONE")

    seen: set[str] = set()
    for number, (input_, one) in enumerate(zip(inputs, result["results"], strict=False)):
        alone = await execute(
            client,
            "query ($input: CreateCustomerInput!) { validateCustomer(input: $input) "
            "{ __typename ... on FieldError { field path message } } }",
            {"input": input_},
        )
        expected = [
            {**error, "path": ["inputs", str(number), *error["path"][1:]]}
            for error in alone["data"]["validateCustomer"]
        ]
        found = [error for error in one["errors"] if error["__typename"] != "DuplicateInListError"]
        assert found == expected
        seen |= {error["__typename"] for error in found}
    assert len(seen) == 5


@each_policy
async def test_a_list_that_is_sent_again_with_its_key_has_the_same_results(
    policy: str, client: httpx.AsyncClient, documents: Documents
) -> None:
    await create_customer(client, email="john@example.com")
    inputs = [JANE, ADA] if policy == "CREATE_NONE" else [JANE, ADA, INVALID, JOHN, JANE]

    first, again = [
        await create_customers(client, inputs, on_error=policy, idempotency_key="key")
        for _ in range(2)
    ]

    failed = len(inputs) - 2
    assert (counts(first), counts(again)) == ((2, 0, failed), (0, 2, failed))
    for one in again["results"][:2]:
        assert one.pop("replayed") is True
    for one in first["results"][:2]:
        assert one.pop("replayed") is False
    assert first["results"] == again["results"]
    assert documents.count_documents({}) == 3


@each_policy
async def test_another_list_with_the_same_key_is_a_conflict_where_it_differs(
    policy: str, client: httpx.AsyncClient, documents: Documents
) -> None:
    await create_customers(client, [JOHN, JANE, ADA], idempotency_key="key")

    result = await create_customers(
        client,
        [JOHN, {**JANE, "name": "Jane Smith"}, INVALID, {"email": "new@example.com"}],
        on_error=policy,
        idempotency_key="key",
    )

    created = policy == "CREATE_VALID"
    assert counts(result) == ((1, 1, 2) if created else (0, 1, 3))
    assert result["results"][1:3] == [CONFLICT, CONFLICT]
    assert created or result["results"][3] == NOT_CREATED
    assert documents.count_documents({}) == (4 if created else 3)


async def test_a_valid_list_with_a_conflict_creates_nothing_with_create_none(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    created = await create_customers(client, [JOHN, JANE], idempotency_key="key")
    await delete_customer(client, created["results"][1]["customer"]["id"])

    for changed in ({**JOHN, "name": "John Smith"}, JOHN):
        result = await create_customers(
            client, [changed, JANE, ADA], on_error="CREATE_NONE", idempotency_key="key"
        )

        assert result["results"][1:] == [CONFLICT, NOT_CREATED]
    assert counts(result) == (0, 1, 2)
    assert emails_of_customers(documents) == ["john@example.com"]


def emails_of_customers(documents: Documents) -> list[str]:
    """The email addresses of all customers that are not removed."""
    return sorted(documents.distinct("email"))


async def test_the_missing_customers_of_a_list_are_created_with_create_none(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    await create_customers(client, [JOHN], idempotency_key="key")

    result = await create_customers(
        client, [JOHN, JANE, ADA], on_error="CREATE_NONE", idempotency_key="key"
    )

    assert counts(result) == (2, 1, 0)
    assert emails(documents) == ["ada@example.com", "jane@example.com", "john@example.com"]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ([JOHN, INVALID, JANE], [[], ["TooShortError"], ["EmailTakenError"]]),
        ([JOHN, JANE, ADA], [[], ["EmailTakenError"], []]),
        ([JOHN, ADA, JOHN], [[], [], ["DuplicateInListError"]]),
        ([INVALID], [["TooShortError"]]),
    ],
    ids=["invalid", "taken", "duplicate", "all invalid"],
)
async def test_with_create_none_one_customer_that_cannot_be_created_prevents_all(
    inputs: list[dict[str, Any]],
    expected: list[list[str]],
    client: httpx.AsyncClient,
    documents: Documents,
) -> None:
    await create_customer(client, email="jane@example.com")

    result = await create_customers(client, inputs, on_error="CREATE_NONE")

    assert counts(result) == (0, 0, len(inputs))
    assert kinds(result) == expected
    assert emails(documents) == ["jane@example.com"]


async def test_the_key_may_be_a_header_and_belongs_to_the_list(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    variables = {"inputs": [JOHN], "onError": "CREATE_VALID"}
    headers = {"Idempotency-Key": "key"}
    alone = await create_customer(client, email="jane@example.com", idempotency_key="key")

    for _ in range(2):
        answer = await execute(client, CREATE_CUSTOMERS, variables, headers)

    assert alone["replayed"] is False
    assert counts(answer["data"]["createCustomers"]) == (0, 1, 0)
    assert documents.count_documents({}) == 2


async def test_more_than_1000_customers_are_a_request_error(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    answer = await execute(
        client, CREATE_CUSTOMERS, {"inputs": [JOHN] * 1001, "onError": "CREATE_VALID"}
    )

    [error] = answer["errors"]
    assert error["message"] == "`inputs` has more than 1,000 customers. Send fewer."
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert documents.count_documents({}) == 0


@pytest.mark.alone
@each_policy
async def test_1000_customers_with_all_fields_fit_into_one_request(
    policy: str, client: httpx.AsyncClient, documents: Documents
) -> None:
    fields = {field.public_name: field.rule.example for field in FIELDS}
    inputs = [{**fields, "email": f"c{number}@example.com"} for number in range(1000)]

    creating = asyncio.create_task(create_customers(client, inputs, on_error=policy))
    others = 0
    while not creating.done():
        await client.get("/healthz")
        others += 1
        # Without a pause, these requests would take most of the processor's time.
        await asyncio.sleep(0.01)

    assert counts(await creating) == (1000, 0, 0)
    # Other requests are served between two customers.
    assert others > 5
    assert documents.count_documents({}) == 1000


async def test_several_lists_in_one_operation_have_the_cost_of_their_customers(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    query = """mutation ($inputs: [CreateCustomerInput!]!) {
      a: createCustomers(inputs: $inputs) { createdCount }
      b: createCustomers(inputs: $inputs) { createdCount }
    }"""

    for number, code in ((998, None), (999, "TOO_LARGE")):
        answer = await execute(client, query, {"inputs": [INVALID] * number})

        assert [error["extensions"]["code"] for error in answer.get("errors", ())] == (
            [] if code is None else [code]
        )
    assert documents.count_documents({}) == 0

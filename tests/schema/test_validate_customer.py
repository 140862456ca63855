"""The query `validateCustomer` finds the errors of `createCustomer`, and stores nothing."""

from collections import Counter
from random import Random
from typing import Any

import httpx
from pymongo.collection import Collection

from graphql_api.access.principal import Scope
from graphql_api.customers.fields import FIELDS

from ..support.clients import connected, create_customer, execute
from ..support.tokens import api_key, bearer
from ..support.values import BAD, GOOD, public_name

Documents = Collection[dict[str, Any]]

ERROR = """
fragment Error on CustomerFieldError {
  __typename
  ... on FieldError { field path message }
  ... on TooShortError { minLength actualLength }
  ... on TooLongError { maxLength actualLength }
  ... on InvalidFormatError { allowed example }
  ... on WrongTypeError { expected }
}
"""
VALIDATE_CUSTOMER = f"""
query ValidateCustomer($input: CreateCustomerInput!, $id: ID) {{
  validateCustomer(input: $input, id: $id) {{ ...Error }}
}}
{ERROR}
"""
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"

INPUTS = 2_000
INPUTS_OF_A_ROUND = 10
TAKEN_OF_A_ROUND = 3


def for_each(kind: str, call: str) -> str:
    """A document that makes a call for each input of a round; `?` is replaced by its number."""
    numbers = [str(number) for number in range(INPUTS_OF_A_ROUND)]
    variables = ", ".join(f"$i{number}: CreateCustomerInput!" for number in numbers)
    calls = " ".join(call.replace("?", number) for number in numbers)
    return f"{kind} ({variables}) {{ {calls} }} {ERROR}"


VALIDATE_ROUND = for_each("query", "i?: validateCustomer(input: $i?) { ...Error }")
CREATE_ROUND = for_each(
    "mutation",
    "i?: createCustomer(input: $i?) { ... on CreateCustomerFailure { errors { ...Error } } }",
)
# Of the values in the tables; other tests have the long ones.
VALUES = {
    field.name: (
        [good.sent for good in GOOD if good.field == field.name and len(str(good.sent)) < 100],
        [bad.sent for bad in BAD if bad.field == field.name and len(str(bad.sent)) < 100],
    )
    for field in FIELDS
}


def generated(random: Random, email: str) -> dict[str, Any]:
    """An input with this address or an invalid one; one in three has other invalid values."""
    wrong = random.choice([0.0, 0.0, 0.3])
    valid_emails = [email, email.upper(), f" {email}"]
    values: dict[str, Any] = {
        "email": random.choice(VALUES["email"][1] if random.random() < wrong else valid_emails)
    }
    for field, (valid, invalid) in VALUES.items():
        if field != "email" and random.random() < 0.3:
            value = random.choice(invalid if random.random() < wrong else [*valid, None])
            values[public_name(field)] = value
    return values


async def validate(
    client: httpx.AsyncClient, input_: dict[str, Any], **arguments: str | None
) -> list[dict[str, Any]]:
    answer = await execute(client, VALIDATE_CUSTOMER, {"input": input_, **arguments})
    assert "errors" not in answer, answer
    errors: list[dict[str, Any]] = answer["data"]["validateCustomer"]
    return errors


async def test_a_valid_input_has_no_errors_and_is_not_stored(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    errors = await validate(client, {field.public_name: field.rule.example for field in FIELDS})

    assert errors == []
    assert documents.count_documents({}) == 0


async def test_a_taken_address_is_an_error_in_any_case(client: httpx.AsyncClient) -> None:
    await create_customer(client, email="john@example.com")

    errors = await validate(client, {"email": "JOHN@example.com"})

    assert errors == [
        {
            "__typename": "EmailTakenError",
            "field": "EMAIL",
            "path": ["input", "email"],
            "message": "A customer with this email address already exists. Use a different one.",
        }
    ]


async def test_the_own_address_of_a_customer_is_not_taken(client: httpx.AsyncClient) -> None:
    john = (await create_customer(client, email="john@example.com"))["customer"]
    jane = (await create_customer(client, email="jane@example.com"))["customer"]
    input_ = {"email": "John@example.com", "name": "John Smith"}

    found = {
        id_: [error["__typename"] for error in await validate(client, input_, id=id_)]
        for id_ in (john["id"], jane["id"], UNKNOWN_ID, john["id"].upper(), "", None)
    }

    others = (jane["id"], UNKNOWN_ID, john["id"].upper(), "", None)
    assert found == {john["id"]: [], **{id_: ["EmailTakenError"] for id_ in others}}


async def test_a_change_of_a_customer_has_the_errors_of_a_new_one(
    client: httpx.AsyncClient,
) -> None:
    john = (await create_customer(client, email="john@example.com"))["customer"]
    input_ = {"email": "john@example.com", "name": "J1", "zipCode": True}

    errors = await validate(client, input_, id=john["id"])

    assert errors == await validate(client, input_)
    assert [error["path"][-1] for error in errors] == ["name", "name", "zipCode"]


async def test_validation_requires_the_scope_for_writing(database_uri: str) -> None:
    variables = {"input": {"email": "john@example.com"}}
    reader = await api_key(database_uri, Scope.CUSTOMERS_READ)
    writer = await api_key(database_uri, Scope.CUSTOMERS_WRITE)

    async with connected(database_uri, keys=True) as client:
        refused = await execute(client, VALIDATE_CUSTOMER, variables, bearer(reader))
        allowed = await execute(client, VALIDATE_CUSTOMER, variables, bearer(writer))

    assert refused["data"] == {"validateCustomer": None}
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "customers:write" in refused["errors"][0]["message"]
    assert allowed == {"data": {"validateCustomer": []}}


async def test_thousands_of_inputs_have_the_errors_with_which_they_are_rejected(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    random = Random(11)  # noqa: S311  # the same inputs each time
    stored: list[str] = []
    kinds: Counter[str] = Counter()
    for start in range(0, INPUTS, INPUTS_OF_A_ROUND):
        # No two inputs of a round have the same address, so their order does not matter.
        taken = random.sample(stored, min(len(stored), TAKEN_OF_A_ROUND))
        fresh = [f"c{start + n}@example.com" for n in range(INPUTS_OF_A_ROUND - len(taken))]
        emails = [*taken, *fresh]
        variables = {f"i{n}": generated(random, email) for n, email in enumerate(emails)}

        validated = await execute(client, VALIDATE_ROUND, variables)
        assert documents.count_documents({}) == len(stored)
        created = await execute(client, CREATE_ROUND, variables)

        assert "errors" not in created, created
        errors = [outcome.get("errors", []) for outcome in created["data"].values()]
        assert [*validated["data"].values()] == errors
        stored += [email for email, found in zip(emails, errors, strict=True) if not found]
        kinds.update(error["__typename"] for found in errors for error in found)

    assert len(stored) > INPUTS / 4
    assert kinds.keys() == {*(kind for bad in BAD for kind in bad.problems), "EmailTakenError"}
    assert min(kinds.values()) > 10

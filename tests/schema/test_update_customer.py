"""`updateCustomer` and `deleteCustomer`, as whole requests."""

import asyncio
from typing import Any

import httpx
import pytest
from pymongo.collection import Collection

from graphql_api.customers.fields import FIELDS

from ..support.clients import (
    create_customer,
    delete_customer,
    execute,
    read_customer,
    update_customer,
)
from ..support.values import BAD, GOOD, Bad, Good, public_name

Documents = Collection[dict[str, Any]]

ID = "00000000-0000-4000-8000-000000000000"
NOT_FOUND = {
    "__typename": "CustomerNotFound",
    "message": "No customer has this id. It may have been deleted.",
}


@pytest.fixture
async def created(client: httpx.AsyncClient) -> dict[str, Any]:
    """A customer with a name and a city."""
    result = await create_customer(client, name="John Smith", city="Boston")
    customer: dict[str, Any] = result["customer"]
    return customer


async def test_an_absent_field_stays_and_null_removes_it(
    client: httpx.AsyncClient, created: dict[str, Any]
) -> None:
    updated = await update_customer(client, created["id"], city=None, phone_number=5417543010)

    assert (updated["__typename"], updated["changed"]) == ("UpdateCustomerSuccess", True)
    customer = updated["customer"]
    assert customer.pop("version") == 2
    assert customer == {
        **created,
        "city": None,
        "phoneNumber": "5417543010",
        "updatedAt": customer["updatedAt"],
    }
    assert customer["updatedAt"] >= created["updatedAt"]
    assert await read_customer(client, created["id"]) == customer


async def test_literals_mean_the_same_as_variables(
    client: httpx.AsyncClient, created: dict[str, Any]
) -> None:
    mutation = """mutation ($id: ID!, $absent: String, $null: String) {
      updateCustomer(
        id: $id, input: {city: null, name: $absent, country: $null, zipCode: 10469}
      ) { ... on UpdateCustomerSuccess { customer { name city country zipCode version } } }
    }"""

    answer = await execute(client, mutation, {"id": created["id"], "null": None})

    expected = {"name": "John Smith", "city": None, "country": None}
    assert answer["data"]["updateCustomer"]["customer"] == {
        **expected,
        "zipCode": "10469",
        "version": 2,
    }


async def test_valid_values_are_normalised_and_stored(
    client: httpx.AsyncClient, created: dict[str, Any]
) -> None:
    values: list[Good] = [good for good in GOOD if good.field != "email"]
    for good in values:
        updated = await update_customer(client, created["id"], **{good.field: good.sent})
        assert updated["customer"][public_name(good.field)] == good.stored


async def test_invalid_values_have_the_errors_of_a_creation(
    client: httpx.AsyncClient, created: dict[str, Any]
) -> None:
    one_of_each: dict[str, Bad] = {bad.field: bad for bad in BAD}
    sent = {field: bad.sent for field, bad in one_of_each.items()}

    updated = await update_customer(client, created["id"], **sent)
    rejected = await create_customer(client, **sent)

    assert updated["__typename"] == "UpdateCustomerFailure"
    common = ("__typename", "field", "path", "message")
    assert updated["errors"] == [{n: e[n] for n in common} for e in rejected["errors"]]
    paths = list(dict.fromkeys(error["path"][1] for error in updated["errors"]))
    assert paths == [field.public_name for field in FIELDS]
    assert await read_customer(client, created["id"]) == created


async def test_null_for_the_email_is_a_required_field_error(
    client: httpx.AsyncClient, created: dict[str, Any]
) -> None:
    updated = await update_customer(client, created["id"], email=None)

    assert updated["errors"] == [
        {
            "__typename": "RequiredFieldError",
            "field": "EMAIL",
            "path": ["input", "email"],
            "message": "Enter an email address.",
        }
    ]


async def test_an_email_of_another_customer_is_taken(
    client: httpx.AsyncClient, created: dict[str, Any]
) -> None:
    await create_customer(client, email="jane@example.com")

    taken = await update_customer(client, created["id"], email="JANE@example.com")

    assert [error["__typename"] for error in taken["errors"]] == ["EmailTakenError"]


async def test_a_request_that_changes_nothing_is_not_a_change(
    client: httpx.AsyncClient, created: dict[str, Any]
) -> None:
    updated = await update_customer(client, created["id"], if_version=1, name=" John  Smith ")

    assert updated["changed"] is False
    assert updated["customer"] == {**created, "version": 1}


async def test_of_50_changes_at_once_of_one_version_one_succeeds(
    client: httpx.AsyncClient, created: dict[str, Any]
) -> None:
    results = await asyncio.gather(
        *(
            update_customer(client, created["id"], if_version=1, description=f"change {number}")
            for number in range(50)
        )
    )

    [winner] = [one for one in results if one["__typename"] == "UpdateCustomerSuccess"]
    conflicts = [one for one in results if one["__typename"] == "CustomerChanged"]
    assert len(conflicts) == 49
    assert [one["current"] for one in conflicts] == [winner["customer"]] * 49
    assert [one["changedFields"] for one in conflicts] == [["DESCRIPTION"]] * 49
    assert conflicts[0]["message"] == (
        "The customer was changed in the meantime. Check its current values, and send the request "
        "again with its current version."
    )


async def test_a_deleted_customer_is_not_found_again(
    client: httpx.AsyncClient, created: dict[str, Any]
) -> None:
    id_ = created["id"]

    conflict = await delete_customer(client, id_, if_version=2)
    deleted = await delete_customer(client, id_, if_version=1)

    assert (conflict["__typename"], conflict["changedFields"]) == ("CustomerChanged", [])
    assert deleted == {"__typename": "DeleteCustomerSuccess", "id": id_}
    assert await read_customer(client, id_) is None
    assert await delete_customer(client, id_) == NOT_FOUND
    assert await update_customer(client, id_, name="John Smith") == NOT_FOUND


async def test_a_late_retry_of_the_creation_of_a_deleted_customer_is_a_conflict(
    client: httpx.AsyncClient, documents: Documents
) -> None:
    created = await create_customer(client, idempotency_key="key")
    await delete_customer(client, created["customer"]["id"])

    late = await create_customer(client, idempotency_key="key")
    again = await create_customer(client, idempotency_key="another key")

    assert late["__typename"] == "IdempotencyConflict"
    assert again["__typename"] == "CreateCustomerSuccess"
    assert documents.count_documents({"email": {"$exists": True}}) == 1


@pytest.mark.parametrize("id_", [ID, "", "5"])
async def test_an_unknown_id_is_not_found(id_: str, client: httpx.AsyncClient) -> None:
    assert await update_customer(client, id_, name="John Smith") == NOT_FOUND
    assert await delete_customer(client, id_) == NOT_FOUND

"""Requests to the API: one function for each operation, with a valid customer as its default."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette

from graphql_api.app import create_app
from graphql_api.customers.fields import FIELDS

from .databases import settings_for
from .values import public_name

_FIELDS = " ".join(field.public_name for field in FIELDS)

CREATE_CUSTOMER = f"""
mutation CreateCustomer($input: CreateCustomerInput!, $idempotencyKey: String) {{
  createCustomer(input: $input, idempotencyKey: $idempotencyKey) {{
    __typename
    ... on CreateCustomerSuccess {{
      replayed
      customer {{ id {_FIELDS} createdAt updatedAt }}
    }}
    ... on CreateCustomerFailure {{
      errors {{
        __typename
        ... on FieldError {{ field path message }}
        ... on TooShortError {{ minLength actualLength }}
        ... on TooLongError {{ maxLength actualLength }}
        ... on InvalidFormatError {{ allowed example }}
        ... on WrongTypeError {{ expected }}
      }}
    }}
    ... on IdempotencyConflict {{ message }}
  }}
}}
"""

CREATE_CUSTOMERS = f"""
mutation CreateCustomers(
  $inputs: [CreateCustomerInput!]!, $onError: BulkErrorPolicy!, $idempotencyKey: String
) {{
  createCustomers(inputs: $inputs, onError: $onError, idempotencyKey: $idempotencyKey) {{
    createdCount
    replayedCount
    failedCount
    results {{
      __typename
      ... on CreateCustomerSuccess {{
        replayed
        customer {{ id {_FIELDS} createdAt updatedAt }}
      }}
      ... on CreateCustomerFailure {{
        errors {{
          __typename
          ... on FieldError {{ field path message }}
          ... on DuplicateInListError {{ firstIndex }}
        }}
      }}
      ... on IdempotencyConflict {{ message }}
    }}
  }}
}}
"""

CUSTOMER = f"""
query Customer($id: ID!) {{
  customer(id: $id) {{ id {_FIELDS} createdAt updatedAt }}
}}
"""

_OTHER_OUTCOMES = f"""
    ... on CustomerNotFound {{ message }}
    ... on CustomerChanged {{
      message
      current {{ id {_FIELDS} createdAt updatedAt version }}
      changedFields
    }}
"""

UPDATE_CUSTOMER = f"""
mutation UpdateCustomer($id: ID!, $input: UpdateCustomerInput!, $ifVersion: Int) {{
  updateCustomer(id: $id, input: $input, ifVersion: $ifVersion) {{
    __typename
    ... on UpdateCustomerSuccess {{
      changed
      customer {{ id {_FIELDS} createdAt updatedAt version }}
    }}
    ... on UpdateCustomerFailure {{
      errors {{ __typename ... on FieldError {{ field path message }} }}
    }}
    {_OTHER_OUTCOMES}
  }}
}}
"""

DELETE_CUSTOMER = f"""
mutation DeleteCustomer($id: ID!, $ifVersion: Int) {{
  deleteCustomer(id: $id, ifVersion: $ifVersion) {{
    __typename
    ... on DeleteCustomerSuccess {{ id }}
    {_OTHER_OUTCOMES}
  }}
}}
"""

LIST_CUSTOMERS = f"""
query ListCustomers(
  $first: Int, $after: String, $last: Int, $before: String,
  $search: String, $filter: CustomerFilter, $orderBy: CustomerOrder
) {{
  customers(
    first: $first, after: $after, last: $last, before: $before,
    search: $search, filter: $filter, orderBy: $orderBy
  ) {{
    edges {{ cursor }}
    nodes {{ id {_FIELDS} createdAt updatedAt version }}
    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
    totalCount {{ count precision }}
  }}
}}
"""


class Transport(httpx.ASGITransport):
    """Runs each request in its own task, as a server does.

    Otherwise coverage loses branches: after a coroutine catches an exception, Python 3.11 no longer
    traces the coroutines that await it.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await asyncio.create_task(super().handle_async_request(request))


@asynccontextmanager
async def connected(
    mongodb_uri: str, *, address: str = "127.0.0.1", **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a new application, which starts and stops as it does under a server."""
    app = create_app(settings_for(mongodb_uri, **settings))
    async with app.router.lifespan_context(app), client_of(app, address) as client:
        yield client


def client_of(app: Starlette, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """A client with this address, for an application that has started."""
    transport = Transport(app, client=(address, 50000))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def execute(
    client: httpx.AsyncClient,
    query: str,
    variables: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The whole GraphQL answer. Asserts that its status is 200."""
    text = json.dumps({"query": query, "variables": variables}, ensure_ascii=False)
    # Lone surrogates are sent as escapes of JSON, because UTF-8 cannot encode them.
    body = text.encode("utf-8", "backslashreplace")
    headers = {"Content-Type": "application/json", **(headers or {})}
    response = await client.post("/graphql", content=body, headers=headers)
    answer: dict[str, Any] = response.json()
    assert response.status_code == 200, answer
    return answer


async def create_customer(
    client: httpx.AsyncClient,
    *,
    idempotency_key: str | None = None,
    headers: dict[str, str] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """The result of `createCustomer`. Takes the fields by their Python names."""
    values = {"email": "john.smith@example.com", **fields}
    variables = {
        "input": {public_name(field): value for field, value in values.items()},
        "idempotencyKey": idempotency_key,
    }
    answer = await execute(client, CREATE_CUSTOMER, variables, headers)
    assert "errors" not in answer, answer
    result: dict[str, Any] = answer["data"]["createCustomer"]
    return result


async def create_customers(
    client: httpx.AsyncClient,
    inputs: list[dict[str, Any]],
    *,
    on_error: str = "CREATE_VALID",
    idempotency_key: str | None = None,
) -> dict[str, Any]:
    """The result of `createCustomers`. The inputs have the fields' public names."""
    variables = {"inputs": inputs, "onError": on_error, "idempotencyKey": idempotency_key}
    answer = await execute(client, CREATE_CUSTOMERS, variables)
    assert "errors" not in answer, answer
    result: dict[str, Any] = answer["data"]["createCustomers"]
    return result


async def update_customer(
    client: httpx.AsyncClient, id_: str, *, if_version: int | None = None, **fields: Any
) -> dict[str, Any]:
    """The result of `updateCustomer`. The fields have their Python names."""
    variables = {
        "id": id_,
        "input": {public_name(field): value for field, value in fields.items()},
        "ifVersion": if_version,
    }
    answer = await execute(client, UPDATE_CUSTOMER, variables)
    assert "errors" not in answer, answer
    result: dict[str, Any] = answer["data"]["updateCustomer"]
    return result


async def delete_customer(
    client: httpx.AsyncClient, id_: str, *, if_version: int | None = None
) -> dict[str, Any]:
    """The result of `deleteCustomer`."""
    answer = await execute(client, DELETE_CUSTOMER, {"id": id_, "ifVersion": if_version})
    assert "errors" not in answer, answer
    result: dict[str, Any] = answer["data"]["deleteCustomer"]
    return result


async def list_customers(client: httpx.AsyncClient, **arguments: Any) -> dict[str, Any]:
    """The page that `customers` returns. The arguments have their GraphQL names."""
    answer = await execute(client, LIST_CUSTOMERS, arguments)
    assert "errors" not in answer, answer
    page: dict[str, Any] = answer["data"]["customers"]
    return page


async def read_customer(client: httpx.AsyncClient, id_: str) -> dict[str, Any] | None:
    """The customer with this id in the API's answer, or None."""
    answer = await execute(client, CUSTOMER, {"id": id_})
    assert "errors" not in answer, answer
    customer: dict[str, Any] | None = answer["data"]["customer"]
    return customer


async def ask_to_create(
    client: httpx.AsyncClient, email: str = "john.smith@example.com", key: str | None = None
) -> dict[str, Any]:
    """The whole answer to the creation of a customer, which may have failed."""
    variables = {"input": {"email": email}, "idempotencyKey": key}
    return await execute(client, CREATE_CUSTOMER, variables)


def code(answer: dict[str, Any]) -> str | None:
    """The code of an answer's first error, or None."""
    codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
    return codes[0] if codes else None


async def until_not_ready(client: httpx.AsyncClient) -> None:
    """Waits until the server is not ready; each of its answers takes 20 seconds at most.

    For a second, the last write counts as proof that the server is ready.
    """
    status = 200
    while status == 200:
        status = (await asyncio.wait_for(client.get("/readyz"), 20)).status_code
    assert status == 503


async def until_ready(client: httpx.AsyncClient) -> httpx.Response:
    """Waits up to 20 seconds until the server is ready. Returns the answer that says so.

    On a busy machine, a server is sometimes not ready, because it has less than a second to answer.
    """
    answer = httpx.Response(503)
    async with asyncio.timeout(20):
        while answer.status_code != 200:
            answer = await client.get("/readyz")
            await asyncio.sleep(0.02)
    return answer

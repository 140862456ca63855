"""The requests that are sent, from creations to lists, and their valid answers."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql_api.customers.fields import FIELDS
from graphql_api.customers.list_customers import DEFAULT_SIZE

# Each request replaces this by a value that no other request has.
GAP = "<gap>"

_CUSTOMER = f"id {' '.join(field.public_name for field in FIELDS)} createdAt updatedAt"

CREATE_CUSTOMER = f"""
mutation CreateCustomer($input: CreateCustomerInput!) {{
  createCustomer(input: $input) {{
    __typename
    ... on CreateCustomerSuccess {{
      replayed
      customer {{ {_CUSTOMER} }}
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

CUSTOMER = f"query Customer($id: ID!) {{ customer(id: $id) {{ {_CUSTOMER} }} }}"

_PAGE = f"nodes {{ {_CUSTOMER} }} pageInfo {{ hasNextPage endCursor }}"

# The newest customers first. Every server answers it.
NEWEST = f"""
query Customers($after: String, $search: String) {{
  customers(after: $after, search: $search) {{ {_PAGE} }}
}}
"""

# Only our server has filters, and other orders.
CUSTOMERS = f"""
query Customers(
  $after: String, $search: String, $filter: CustomerFilter, $orderBy: CustomerOrder! = {{
    field: CREATED_AT, direction: DESC
  }}
) {{
  customers(after: $after, search: $search, filter: $filter, orderBy: $orderBy) {{ {_PAGE} }}
}}
"""

VALID: dict[str, str] = {field.public_name: field.rule.example for field in FIELDS}

INVALID: dict[str, str] = {field.public_name: field.rule.counterexample for field in FIELDS}


@dataclass(frozen=True)
class Load:
    """One kind of request: a GraphQL document with variables."""

    document: str
    variables: dict[str, Any]
    # Whether the data of an answer is what this request must get.
    is_expected: Callable[[dict[str, Any]], bool]

    @property
    def body(self) -> bytes:
        return json.dumps({"query": self.document, "variables": self.variables}).encode()

    def check(self, answer: dict[str, Any]) -> None:
        """Raises `ValueError` that says what is wrong with the answer, if anything is."""
        data = answer.get("data")
        if not data or None in data.values():
            raise ValueError("has no data")
        if not self.is_expected(data):
            raise ValueError("is not the expected answer")


@dataclass(frozen=True)
class Scenario:
    """A load, and the number of connections that send it, each one request after another."""

    load: str
    connections: int

    @property
    def name(self) -> str:
        return f"{self.load}@{self.connections}"


def _created(data: dict[str, Any]) -> bool:
    result = data["createCustomer"]
    if result["__typename"] != "CreateCustomerSuccess":
        return False
    customer = result["customer"]
    return all(customer[name] for name in (*VALID, "id", "createdAt", "updatedAt"))


def _rejected(data: dict[str, Any]) -> bool:
    result = data["createCustomer"]
    return result["__typename"] == "CreateCustomerFailure" and {
        error["path"][-1] for error in result["errors"] if error["message"]
    } == set(INVALID)


def _listed(data: dict[str, Any]) -> bool:
    return len(data["customers"]["nodes"]) == DEFAULT_SIZE


LOADS = {
    "create": Load(CREATE_CUSTOMER, {"input": {**VALID, "email": f"{GAP}@example.com"}}, _created),
    "invalid": Load(CREATE_CUSTOMER, {"input": INVALID}, _rejected),
    "read": Load(CUSTOMER, {"id": GAP}, lambda data: bool(data["customer"]["email"])),
    "list": Load(NEWEST, {}, _listed),
}

SCENARIOS = [
    *(Scenario(load, number) for load in ("create", "invalid", "read") for number in (32, 1)),
    Scenario("list", 32),
]

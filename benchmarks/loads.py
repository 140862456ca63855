"""What is sent: creations, invalid creations and reads, and what must come back."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql_api.customers.fields import FIELDS

# Where each request has a value of its own.
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

VALID: dict[str, str] = {field.public_name: field.rule.example for field in FIELDS}

INVALID: dict[str, str] = {
    "name": "X2",
    "email": "john.smith",
    "description": "A1",
    "sendEmailAddress": "a@b",
    "ccEmailAddress": "john.smith" * 5,
    "country": "United States",
    "addressLine1": "1 St.",
    "addressLine2": "#",
    "city": "4",
    "state": "N.Y.",
    "zipCode": "10469-",
    "phoneNumber": "+1 541 754 3010",
}


@dataclass(frozen=True)
class Load:
    """One kind of request, as a GraphQL document with variables."""

    document: str
    variables: dict[str, Any]
    # Whether this is the right answer to it.
    is_right: Callable[[dict[str, Any]], bool]

    @property
    def body(self) -> bytes:
        return json.dumps({"query": self.document, "variables": self.variables}).encode()


@dataclass(frozen=True)
class Scenario:
    """A load, and how many connections send it at once, each its next request after an answer."""

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


def _refused(data: dict[str, Any]) -> bool:
    result = data["createCustomer"]
    return result["__typename"] == "CreateCustomerFailure" and {
        error["path"][-1] for error in result["errors"] if error["message"]
    } == set(INVALID)


LOADS = {
    "create": Load(CREATE_CUSTOMER, {"input": {**VALID, "email": f"{GAP}@example.com"}}, _created),
    "invalid": Load(CREATE_CUSTOMER, {"input": INVALID}, _refused),
    "read": Load(CUSTOMER, {"id": GAP}, lambda data: bool(data["customer"]["email"])),
}

SCENARIOS = [
    Scenario("create", 32),
    Scenario("create", 1),
    Scenario("invalid", 32),
    Scenario("read", 32),
]

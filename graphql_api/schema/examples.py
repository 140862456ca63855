"""The example operations in GraphiQL, each in its own tab."""

from dataclasses import dataclass
from typing import Any

from ..customers.fields import FIELDS

# GraphiQL replaces these marks: the first by a value that is new each time the page is opened, the
# second by the id of the last customer that was created. Unreplaced, they are valid in an email
# address and in an id.
FRESH = "%fresh%"
CREATED_LAST = "%id%"


@dataclass(frozen=True)
class Example:
    """One operation with its variables. The operation's name is the title of the tab."""

    document: str
    variables: dict[str, Any]


def _lines(indent: int, *names: str) -> str:
    return "\n".join(" " * indent + name for name in names)


def _address(name: str) -> str:
    """An email address that no customer has yet when the page is opened."""
    return f"{name}.{FRESH}@example.com"


_NAMES = [field.public_name for field in FIELDS]
_CUSTOMER = ("id", *_NAMES, "createdAt", "updatedAt")
_JOHN_SMITH = {field.public_name: field.rule.example for field in FIELDS}
_COUNTEREXAMPLES = {field.public_name: field.rule.counterexample for field in FIELDS}

# Each kind of error has its fields written out, because a client whose cache does not know the
# schema, such as Apollo's by default, ignores `... on FieldError` for all of them. The fragment on
# `FieldError` is for kinds that are added later.
_KINDS = (
    "RequiredFieldError",
    "TooShortError",
    "TooLongError",
    "InvalidFormatError",
    "WrongTypeError",
    "EmailTakenError",
    "DuplicateInListError",
    "FieldError",
)
_ERRORS = "\n".join(_lines(8, f"... on {kind} {{", "  path", "  message", "}") for kind in _KINDS)

_CREATE = Example(
    f"""\
# Press play to create the customer below.
# Press it again: the email address is now taken.
mutation CreateCustomer($input: CreateCustomerInput!) {{
  createCustomer(input: $input) {{
    __typename
    ... on CreateCustomerSuccess {{
      customer {{
{_lines(8, *_CUSTOMER)}
      }}
    }}
    ... on CreateCustomerFailure {{
      errors {{
        __typename
{_ERRORS}
      }}
    }}
  }}
}}
""",
    {"input": {**_JOHN_SMITH, "email": _address("john.smith")}},
)

# No counterexample is blank or of another type, so two values are replaced.
_EVERY_ERROR = Example(
    """\
# Every value below is invalid. One answer has
# all errors, in the order of the fields.
mutation EveryErrorAtOnce($input: CreateCustomerInput!) {
  createCustomer(input: $input) {
    __typename
    ... on CreateCustomerFailure {
      errors {
        __typename
        ... on RequiredFieldError {
          field
          message
        }
        ... on TooShortError {
          field
          message
          minLength
          actualLength
        }
        ... on TooLongError {
          field
          message
          maxLength
          actualLength
        }
        ... on InvalidFormatError {
          field
          message
          allowed
          example
        }
        ... on WrongTypeError {
          field
          message
          expected
        }
        ... on EmailTakenError {
          field
          message
        }
        ... on DuplicateInListError {
          field
          message
        }
        ... on FieldError {
          field
          message
        }
      }
    }
  }
}
""",
    {"input": {**_COUNTEREXAMPLES, "email": " ", "zipCode": True}},
)

_REPLAY = Example(
    """\
# Press play twice: with the same idempotency key,
# the second answer has the first customer again.
# Then change the name: the key is already used.
mutation IdempotentReplay($input: CreateCustomerInput!, $idempotencyKey: String) {
  createCustomer(input: $input, idempotencyKey: $idempotencyKey) {
    __typename
    ... on CreateCustomerSuccess {
      replayed
      customer {
        id
        name
        email
        createdAt
      }
    }
    ... on IdempotencyConflict {
      message
    }
  }
}
""",
    {
        "input": {"name": "Ada Lovelace", "email": _address("ada")},
        "idempotencyKey": f"ada-{FRESH}",
    },
)

_READ = Example(
    f"""\
# Create a customer in another tab. GraphiQL then
# fills in its id below.
query ReadCustomer($id: ID!) {{
  customer(id: $id) {{
{_lines(4, *_CUSTOMER)}
  }}
}}
""",
    {"id": CREATED_LAST},
)

_LIST = Example(
    """\
# The newest customers are first. For the next
# page, send the `endCursor` of this as `after`.
query ListCustomers($first: Int, $after: String, $orderBy: CustomerOrder!) {
  customers(first: $first, after: $after, orderBy: $orderBy) {
    nodes {
      id
      name
      email
      createdAt
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    totalCount {
      count
      precision
    }
  }
}
""",
    {"first": 10, "after": None, "orderBy": {"field": "CREATED_AT", "direction": "DESC"}},
)

_SEARCH = Example(
    """\
# Each word of the search is the beginning of a
# word of the customer: of the name, the email
# address, the phone number or another field.
query SearchCustomers($search: String, $filter: CustomerFilter) {
  customers(search: $search, filter: $filter) {
    nodes {
      id
      name
      email
      phoneNumber
      city
    }
    totalCount {
      count
      precision
    }
  }
}
""",
    {"search": "joh smi 541", "filter": {"country": ["US"], "has": ["CITY"]}},
)

_UPDATE = Example(
    f"""\
# Change the customer that was created last. Null
# removes a value; a missing field stays as it is.
# Press play again: nothing is left to change.
mutation UpdateCustomer($id: ID!, $input: UpdateCustomerInput!, $ifVersion: Int) {{
  updateCustomer(id: $id, input: $input, ifVersion: $ifVersion) {{
    __typename
    ... on UpdateCustomerSuccess {{
      changed
      customer {{
{_lines(8, *_CUSTOMER, "version")}
      }}
    }}
    ... on UpdateCustomerFailure {{
      errors {{
        __typename
{_ERRORS}
      }}
    }}
    ... on CustomerNotFound {{
      message
    }}
    ... on CustomerChanged {{
      message
      changedFields
      current {{
{_lines(8, *_CUSTOMER, "version")}
      }}
    }}
  }}
}}
""",
    {"id": CREATED_LAST, "input": {"city": "Boston", "description": None}, "ifVersion": 1},
)

EXAMPLES = (_CREATE, _EVERY_ERROR, _REPLAY, _READ, _LIST, _SEARCH, _UPDATE)

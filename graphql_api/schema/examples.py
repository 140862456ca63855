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
        ... on RequiredFieldError {{
          path
          message
        }}
        ... on TooShortError {{
          path
          message
        }}
        ... on TooLongError {{
          path
          message
        }}
        ... on InvalidFormatError {{
          path
          message
        }}
        ... on WrongTypeError {{
          path
          message
        }}
        ... on EmailTakenError {{
          path
          message
        }}
        ... on DuplicateInListError {{
          path
          message
        }}
        ... on FieldError {{
          path
          message
        }}
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

EXAMPLES = (_CREATE, _EVERY_ERROR, _REPLAY, _READ)

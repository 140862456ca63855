"""The examples that explorers find in GraphiQL, each in a tab of its own."""

from dataclasses import dataclass
from typing import Any

from ..customers.fields import FIELDS

# What GraphiQL puts something else for: what is new each time that the page is opened, and the id
# of the customer that was created last. An address and an id can hold them as they are.
FRESH = "%fresh%"
CREATED_LAST = "%id%"


@dataclass(frozen=True)
class Example:
    """A request to press play on; its operation's name is the title of its tab."""

    document: str
    variables: dict[str, Any]


def _lines(indent: int, *names: str) -> str:
    return "\n".join(" " * indent + name for name in names)


def _address(name: str) -> str:
    """Nobody has this address yet when the page is opened."""
    return f"{name}.{FRESH}@example.com"


_NAMES = [field.public_name for field in FIELDS]
_CUSTOMER = ("id", *_NAMES, "createdAt", "updatedAt")
_JOHN_SMITH = {field.public_name: field.rule.example for field in FIELDS}

# Each kind of error has its fields written out: a client whose cache does not know the schema, such
# as Apollo's by default, takes `... on FieldError` for none of them. That is for kinds to come.

_CREATE = Example(
    f"""\
# Press play to create the customer below.
# Press it again: the email address is taken now.
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

_EVERY_ERROR = Example(
    """\
# Nothing below is right, and one answer says so,
# field by field.
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
        ... on FieldError {
          field
          message
        }
      }
    }
  }
}
""",
    {
        "input": {
            "name": "J",
            "email": " ",
            "description": "A1",
            "sendEmailAddress": "invoices@",
            "ccEmailAddress": "copies.example.com",
            "country": "U.S.",
            "addressLine1": "103",
            "addressLine2": "2nd Floor, left",
            "city": "N",
            "state": "The State of New York in the United States of America",
            "zipCode": True,
            "phoneNumber": "541-7543010",
        }
    },
)

_REPLAY = Example(
    """\
# Press play twice: with the same idempotency key,
# the second answer is the first customer again.
# Then change the name: that is another input.
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
# Create a customer in another tab, and its id
# is filled in below.
query ReadCustomer($id: ID!) {{
  customer(id: $id) {{
{_lines(4, *_CUSTOMER)}
  }}
}}
""",
    {"id": CREATED_LAST},
)

EXAMPLES = (_CREATE, _EVERY_ERROR, _REPLAY, _READ)

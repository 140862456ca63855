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
    """One operation with its variables.

    The operation's name is the title of the tab. It is short, because a window of 1280 pixels has
    to show all tabs.
    """

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


def _errors(indent: int) -> str:
    return "\n".join(
        _lines(indent, f"... on {kind} {{", "  path", "  message", "}") for kind in _KINDS
    )


_CREATE = Example(
    f"""\
# Press play to create the customer below.
# Press it again: the email address is now taken.
mutation Create($input: CreateCustomerInput!) {{
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
{_errors(8)}
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
mutation AllErrors($input: CreateCustomerInput!) {
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
mutation Replay($input: CreateCustomerInput!, $idempotencyKey: String) {
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
query Read($id: ID!) {{
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
query List($first: Int, $after: String, $orderBy: CustomerOrder!) {
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
query Search($search: String, $filter: CustomerFilter) {
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
mutation Update($id: ID!, $input: UpdateCustomerInput!, $ifVersion: Int) {{
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
{_errors(8)}
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

_CREATE_MANY = Example(
    f"""\
# Each customer has its own result. The third has
# the email address of the first one. Press play
# again: the key replays what was created.
mutation CreateMany($inputs: [CreateCustomerInput!]!, $idempotencyKey: String) {{
  createCustomers(inputs: $inputs, idempotencyKey: $idempotencyKey) {{
    createdCount
    replayedCount
    failedCount
    results {{
      __typename
      ... on CreateCustomerSuccess {{
        replayed
        customer {{
          id
          email
        }}
      }}
      ... on CreateCustomerFailure {{
        errors {{
          __typename
{_errors(10)}
        }}
      }}
      ... on IdempotencyConflict {{
        message
      }}
    }}
  }}
}}
""",
    {
        "inputs": [
            {"name": "Grace Hopper", "email": _address("grace")},
            {"name": "Dorothy Vaughan", "email": _address("dorothy")},
            {"name": "Grace Murray", "email": _address("GRACE")},
        ],
        "idempotencyKey": f"many-{FRESH}",
    },
)

_DELETE = Example(
    """\
# Delete the customer that was created last. Its
# version is 2 after the tab Update changed it.
# With another version, nothing is deleted.
mutation Delete($id: ID!, $ifVersion: Int) {
  deleteCustomer(id: $id, ifVersion: $ifVersion) {
    __typename
    ... on DeleteCustomerSuccess {
      id
    }
    ... on CustomerNotFound {
      message
    }
    ... on CustomerChanged {
      message
      changedFields
      current {
        id
        version
      }
    }
  }
}
""",
    {"id": CREATED_LAST, "ifVersion": 2},
)

_EVENTS = Example(
    """\
# Press play, and create a customer in another
# window: the event appears here. To go on where
# you stopped, send the last cursor as `after`.
subscription Events($after: String) {
  customerEvents(after: $after) {
    __typename
    ... on CustomerCreated {
      cursor
      customer {
        id
        name
        email
      }
    }
    ... on CustomerUpdated {
      cursor
      changedFields
      customer {
        id
        name
        email
        version
      }
    }
    ... on CustomerDeleted {
      cursor
      id
    }
    ... on EventsMissed {
      cursor
      message
    }
  }
}
""",
    {"after": None},
)

EXAMPLES = (
    *(_CREATE, _EVERY_ERROR, _REPLAY, _READ, _LIST),
    *(_SEARCH, _UPDATE, _CREATE_MANY, _DELETE, _EVENTS),
)

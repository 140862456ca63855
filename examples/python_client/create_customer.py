"""Creates a customer with the generated client, and says what came of it.

Its exit code is 0 where the customer was created, else 1.
"""

import argparse
import sys
import uuid
from typing import assert_never

import httpx
from graphql_client import Client, CreateCustomer, CreateCustomerInput
from graphql_client.create_customer import (
    CreateCustomerCreateCustomerCreateCustomerFailure as Failure,
)
from graphql_client.exceptions import GraphQLClientError


def main() -> int:
    parser = argparse.ArgumentParser(description="Creates a customer.")
    parser.add_argument("email")
    parser.add_argument("--name")
    parser.add_argument("--zip-code")
    parser.add_argument("--url", default="http://127.0.0.1:8000/graphql")
    options = parser.parse_args()

    customer = CreateCustomerInput(
        email=options.email, name=options.name, zip_code=options.zip_code
    )
    try:
        with Client(options.url) as client:
            outcome = client.create_customer(customer, idempotency_key=str(uuid.uuid4()))
    except (GraphQLClientError, httpx.HTTPError) as error:
        print(f"There is no outcome: {error}", file=sys.stderr)
        return 1
    return show(outcome)


def show(outcome: CreateCustomer) -> int:
    """Names every type of outcome: mypy refuses it when one is added to the schema."""
    result = outcome.create_customer
    if result is None:
        # The client raises what `errors` says, so this never happens.
        return 1
    match result.typename__:
        case "CreateCustomerSuccess":
            print(f"Created {result.customer.email} at {result.customer.created_at:%H:%M} UTC")
            return 0
        case "CreateCustomerFailure":
            show_errors(result)
            return 1
        case "IdempotencyConflict":
            print(result.message)
            return 1
        case _:
            assert_never(result)


def show_errors(failure: Failure) -> None:
    """Says more of one kind of error than its message, and of each later kind the message."""
    for error in failure.errors:
        match error.typename__:
            case "TooShortError":
                hint = f"{error.min_length - error.actual_length} more, please"
            case _:
                hint = error.message
        print(f"{error.path[-1]}: {hint}")


if __name__ == "__main__":
    sys.exit(main())

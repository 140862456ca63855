"""Creates a customer with the generated client and prints the outcome.

The exit code is 0 if the customer was created and 1 otherwise.
"""

import argparse
import sys
import uuid
from typing import assert_never

import httpx
from graphql_client import Client, CreateCustomer, CreateCustomerInput
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
        print(f"The request failed: {error}", file=sys.stderr)
        return 1
    return show(outcome)


def show(outcome: CreateCustomer) -> int:
    """Prints the outcome and returns the exit code. mypy fails if a type is missing here."""
    result = outcome.create_customer
    if result is None:
        # There are GraphQL errors, which the client has already raised.
        return 1
    match result.typename__:
        case "CreateCustomerSuccess":
            print(f"Created {result.customer.email} at {result.customer.created_at:%H:%M} UTC")
            return 0
        case "CreateCustomerFailure":
            for error in result.errors:
                print(f"{error.path[-1]}: {error.message}")
            return 1
        case "IdempotencyConflict":
            print(result.message)
            return 1
        case _:
            assert_never(result)


if __name__ == "__main__":
    sys.exit(main())

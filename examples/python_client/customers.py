"""Creates, finds, changes and deletes customers with the generated client.

The exit code is 0 if the outcome is the wanted one and 1 otherwise. A result is null only if there
are GraphQL errors, and the client raises those.
"""

import argparse
import sys
import uuid
from collections.abc import Sequence
from typing import Protocol, assert_never

import httpx
from graphql_client import Client, CreateCustomerInput, CustomerField, Shown, UpdateCustomerInput
from graphql_client.exceptions import GraphQLClientError


class Problem(Protocol):
    """What every kind of field error has."""

    path: list[str]
    message: str


def main() -> int:
    options = arguments()
    try:
        with Client(options.url) as client:
            done: bool = options.run(client, options)
    except (GraphQLClientError, httpx.HTTPError) as error:
        print(f"The request failed: {error}", file=sys.stderr)
        return 1
    return 0 if done else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Works with customers.")
    parser.add_argument("--url", default="http://127.0.0.1:8000/graphql")
    commands = parser.add_subparsers(required=True)

    command = commands.add_parser("create", help="create a customer")
    command.set_defaults(run=create)
    command.add_argument("email")
    command.add_argument("--name")
    command.add_argument("--zip-code")

    command = commands.add_parser("create-many", help="create a customer for each address")
    command.set_defaults(run=create_many)
    command.add_argument("emails", nargs="+", metavar="email")

    command = commands.add_parser("find", help="list the customers that match a search")
    command.set_defaults(run=find)
    command.add_argument("words", nargs="*", metavar="word")

    command = commands.add_parser("change", help="change the customer with an address")
    command.set_defaults(run=change)
    command.add_argument("email")
    command.add_argument("--name")
    command.add_argument("--city")
    command.add_argument("--clear", action="append", default=[], choices=["name", "city"])
    command.add_argument("--if-version", type=int, help="by default, the version that is read")

    command = commands.add_parser("delete", help="delete the customer with an address")
    command.set_defaults(run=delete)
    command.add_argument("email")
    command.add_argument("--if-version", type=int, help="by default, the version that is read")

    return parser.parse_args()


def create(client: Client, options: argparse.Namespace) -> bool:
    """Creates a customer. In each function, mypy fails if a type of outcome is missing."""
    customer = CreateCustomerInput(
        email=options.email, name=options.name, zip_code=options.zip_code
    )
    key = str(uuid.uuid4())
    result = client.create_customer(customer, idempotency_key=key).create_customer
    if result is None:
        return False
    match result.typename__:
        case "CreateCustomerSuccess":
            print(f"Created {result.customer.email} at {result.customer.created_at:%H:%M} UTC")
            return True
        case "CreateCustomerFailure":
            return show_problems(result.errors)
        case "IdempotencyConflict":
            print(result.message)
            return False
        case _:
            assert_never(result)


def create_many(client: Client, options: argparse.Namespace) -> bool:
    """Creates all customers that can be created."""
    customers = [CreateCustomerInput(email=email) for email in options.emails]
    key = str(uuid.uuid4())
    answer = client.create_customers(customers, idempotency_key=key).create_customers
    if answer is None:
        return False
    done = True
    for result in answer.results:
        match result.typename__:
            case "CreateCustomerSuccess":
                print(f"Created {result.customer.email}")
            case "CreateCustomerFailure":
                done = show_problems(result.errors)
            case "IdempotencyConflict":
                print(result.message)
                done = False
            case _:
                assert_never(result)
    return done


def find(client: Client, options: argparse.Namespace) -> bool:
    """Lists customers, page by page."""
    search = " ".join(options.words)
    after = None
    while True:
        page = client.find_customers(search, after).customers
        if page is None:
            return False
        for customer in page.nodes:
            print(f"{customer.name or '-'} <{customer.email}>, {customer.city or '-'}")
        if not page.page_info.has_next_page:
            return True
        after = page.page_info.end_cursor


def change(client: Client, options: argparse.Namespace) -> bool:
    """Changes the version that was read, so that the change of another client is not lost."""
    customer = with_email(client, options.email)
    if customer is None:
        return False
    # The client sends only the fields that are set here. The server leaves all others as they are,
    # and removes the value of a field that is None.
    changes = UpdateCustomerInput()
    if options.name is not None:
        changes.name = options.name
    if options.city is not None:
        changes.city = options.city
    for name in options.clear:
        setattr(changes, name, None)
    version = options.if_version or customer.version
    result = client.update_customer(customer.id, changes, version).update_customer
    if result is None:
        return False
    match result.typename__:
        case "UpdateCustomerSuccess":
            print(f"{'Changed' if result.changed else 'Left'} {result.customer.email}")
            return True
        case "UpdateCustomerFailure":
            return show_problems(result.errors)
        case "CustomerChanged":
            return show_change(result.message, result.changed_fields)
        case "CustomerNotFound":
            print(result.message)
            return False
        case _:
            assert_never(result)


def delete(client: Client, options: argparse.Namespace) -> bool:
    """Deletes the version that was read."""
    customer = with_email(client, options.email)
    if customer is None:
        return False
    version = options.if_version or customer.version
    result = client.delete_customer(customer.id, version).delete_customer
    if result is None:
        return False
    match result.typename__:
        case "DeleteCustomerSuccess":
            print(f"Deleted {customer.email}")
            return True
        case "CustomerChanged":
            return show_change(result.message, result.changed_fields)
        case "CustomerNotFound":
            print(result.message)
            return False
        case _:
            assert_never(result)


def with_email(client: Client, email: str) -> Shown | None:
    customer = client.customer_by_email(email).customer_by_email
    if customer is None:
        print("No customer has this email address.")
    return customer


def show_problems(problems: Sequence[Problem]) -> bool:
    for problem in problems:
        print(f"{'.'.join(problem.path[1:])}: {problem.message}")
    return False


def show_change(message: str, fields: list[CustomerField]) -> bool:
    print(message, *(field.value for field in fields))
    return False


if __name__ == "__main__":
    sys.exit(main())

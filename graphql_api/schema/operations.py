"""The query and the mutation: what clients can ask for."""

import re
from dataclasses import dataclass
from typing import Annotated

import strawberry
from graphql import GraphQLError
from strawberry.types import Info

from ..access.principal import Principal, Scope
from ..customers.create_customer import create_customer
from ..customers.judge import Value
from ..customers.store import Customers
from .outcomes import customer, customer_result
from .types import CreateCustomerInput, CreateCustomerResult, Customer

# Printable ASCII: space to tilde.
_KEY = re.compile("[ -~]{1,255}")


@dataclass(frozen=True)
class Context:
    """What a request brings beside its document: who sent it, and its `Idempotency-Key`."""

    customers: Customers
    principal: Principal
    idempotency_key: str | None = None


async def _create_customer(
    info: Info[Context, None],
    input: Annotated[  # noqa: A002  # the specification's name
        CreateCustomerInput, strawberry.argument(description="The customer to create.")
    ],
    idempotency_key: Annotated[
        str | None,
        strawberry.argument(
            description=(
                "1 to 255 printable ASCII characters that the client chooses, new for each "
                "customer. A request that is sent again with the same key never creates a second "
                "customer. Also accepted as the HTTP header `Idempotency-Key`."
            )
        ),
    ] = strawberry.UNSET,
) -> CreateCustomerResult:
    _require(Scope.CUSTOMERS_WRITE, info.context)
    key = _idempotency_key(idempotency_key, info.context.idempotency_key)
    return customer_result(await create_customer(info.context.customers, _given(input), key))


async def _customer(
    info: Info[Context, None],
    id: Annotated[  # noqa: A002  # GraphQL's name
        strawberry.ID, strawberry.argument(description="The `id` of the customer.")
    ],
) -> Customer | None:
    _require(Scope.CUSTOMERS_READ, info.context)
    found = await info.context.customers.get(id)
    return None if found is None else customer(found)


def _require(scope: Scope, context: Context) -> None:
    if scope not in context.principal.scopes:
        raise GraphQLError(
            f"The token lacks the scope {scope}. Send a token that has it.",
            extensions={"code": "FORBIDDEN"},
        )


def _given(input: CreateCustomerInput) -> dict[str, Value]:  # noqa: A002  # as above
    return {name: value for name, value in vars(input).items() if value is not strawberry.UNSET}


def _idempotency_key(argument: str | None, header: str | None) -> str | None:
    keys = {key for key in (argument, header) if key is not None and key is not strawberry.UNSET}
    if len(keys) > 1:
        raise _bad_user_input(
            "The argument `idempotencyKey` and the header Idempotency-Key differ. Send one key."
        )
    key = next(iter(keys), None)
    if key is not None and not _KEY.fullmatch(key):
        raise _bad_user_input(
            "The idempotency key is invalid. Use 1 to 255 printable ASCII characters."
        )
    return key


def _bad_user_input(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})


@strawberry.type(description="The operations that write data.")
class Mutation:
    create_customer: CreateCustomerResult | None = strawberry.mutation(
        resolver=_create_customer,
        description=(
            "Creates a customer. Returns the customer, or every problem of every field at once. "
            "The email address identifies a customer: no two customers have the same one. If the "
            "result is `null`, `errors` says why; other fields keep their results."
        ),
    )


@strawberry.type(description="The operations that read data.")
class Query:
    customer: Customer | None = strawberry.field(
        resolver=_customer,
        description="The customer with this `id`, or `null` if there is none.",
    )

"""The mutation `createCustomer`: what it accepts, and the call of the use case."""

import re
from typing import Annotated

import strawberry
from strawberry import UNSET
from strawberry.types import Info

from ..access.principal import Scope
from ..customers.create_customer import create_customer
from ..customers.judge import Value
from .context import Context, require_scope
from .errors import bad_user_input
from .outcomes import customer_result
from .types import CreateCustomerInput, CreateCustomerResult

# Printable ASCII: space to tilde.
_KEY = re.compile("[ -~]{1,255}")


async def resolve_create_customer(
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
    ] = UNSET,
) -> CreateCustomerResult:
    require_scope(Scope.CUSTOMERS_WRITE, info.context)
    key = key_of(idempotency_key, info.context.idempotency_key)
    outcome = await create_customer(info.context.customers, given(input), key)
    return customer_result(outcome, info.context)


def given(input: CreateCustomerInput) -> dict[str, Value]:  # noqa: A002  # as above
    """The fields that were sent, as `judge` takes them."""
    return {name: value for name, value in vars(input).items() if value is not UNSET}


def key_of(argument: str | None, header: str | None) -> str | None:
    """The key from either place; raises `BAD_USER_INPUT` if they differ or the key is invalid."""
    keys = {key for key in (argument, header) if key is not None and key is not UNSET}
    if len(keys) > 1:
        raise bad_user_input(
            "The argument `idempotencyKey` and the header Idempotency-Key differ. Send one key."
        )
    key = next(iter(keys), None)
    if key is not None and not _KEY.fullmatch(key):
        raise bad_user_input(
            "The idempotency key is invalid. Use 1 to 255 printable ASCII characters."
        )
    return key

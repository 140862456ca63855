"""The GraphQL types in the order of `schema.graphql`: names and types, without rules.

The rules of the fields are in `customers.fields`. Python must define a union after its members;
`schema.graphql` has it before them.
"""

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from ..customers.fields import PhoneNumber, ZipCode
from ..customers.list_customers import DEFAULT_LIMIT, LARGEST_LIMIT
from .directives import declared, declared_enum


@declared
@strawberry.input(description="The customer to create. A missing field and `null` mean the same.")
class CreateCustomerInput:
    name: str | None = strawberry.UNSET
    email: str
    description: str | None = strawberry.UNSET
    send_email_address: str | None = strawberry.UNSET
    cc_email_address: str | None = strawberry.UNSET
    country: str | None = strawberry.UNSET
    address_line1: str | None = strawberry.UNSET
    address_line2: str | None = strawberry.UNSET
    city: str | None = strawberry.UNSET
    state: str | None = strawberry.UNSET
    zip_code: ZipCode | None = strawberry.UNSET
    phone_number: PhoneNumber | None = strawberry.UNSET


@strawberry.type(
    description="The customer is stored: a majority of the replica set has it in its journal."
)
class CreateCustomerSuccess:
    customer: "Customer" = strawberry.field(description="The customer, as stored.")
    replayed: bool = strawberry.field(
        description="Whether an earlier request with the same idempotency key created the customer."
    )


@strawberry.type(description="Nothing was created.")
class CreateCustomerFailure:
    errors: "list[CustomerFieldError]" = strawberry.field(
        description=(
            "Every problem of every field: one error for each rule that a field breaks, in the "
            "order of the fields. In a list with `CREATE_NONE`, a valid customer has no errors."
        )
    )


@strawberry.type(description="The idempotency key was already used with different input.")
class IdempotencyConflict:
    message: str = strawberry.field(description="A sentence that says what to do.")


CreateCustomerResult = Annotated[
    CreateCustomerSuccess | CreateCustomerFailure | IdempotencyConflict,
    strawberry.union("CreateCustomerResult", description="The possible outcomes of a creation."),
]


@strawberry.enum(
    description="Which customers `createCustomers` creates if some of them cannot be created."
)
class BulkErrorPolicy(Enum):
    CREATE_VALID = strawberry.enum_value(
        "CREATE_VALID", description="All customers that can be created."
    )
    CREATE_NONE = strawberry.enum_value(
        "CREATE_NONE",
        description=(
            "No customer. The result of each valid one is a `CreateCustomerFailure` without errors."
        ),
    )


@strawberry.type(description="The result of each customer of a list.")
class CreateCustomersResult:
    results: "list[CreateCustomerResult]" = strawberry.field(
        description="The result of each customer, in the order of `inputs`."
    )
    created_count: int = strawberry.field(
        description="The number of customers that this request created."
    )
    replayed_count: int = strawberry.field(
        description="The number of customers that an earlier request with the same key created."
    )
    failed_count: int = strawberry.field(description="The number of all other customers.")


@declared
@strawberry.input(
    description=(
        "The fields of a customer to change. A missing field stays as it is, and `null` removes "
        "it. `email` is required and cannot be removed."
    )
)
class UpdateCustomerInput:
    name: strawberry.Maybe[str | None]
    email: strawberry.Maybe[str | None]
    description: strawberry.Maybe[str | None]
    send_email_address: strawberry.Maybe[str | None]
    cc_email_address: strawberry.Maybe[str | None]
    country: strawberry.Maybe[str | None]
    address_line1: strawberry.Maybe[str | None]
    address_line2: strawberry.Maybe[str | None]
    city: strawberry.Maybe[str | None]
    state: strawberry.Maybe[str | None]
    zip_code: strawberry.Maybe[ZipCode | None]
    phone_number: strawberry.Maybe[PhoneNumber | None]


@strawberry.type(description="The customer has the values that were sent.")
class UpdateCustomerSuccess:
    customer: "Customer" = strawberry.field(description="The customer, as stored.")
    changed: bool = strawberry.field(
        description=(
            "Whether this request changed the customer. If not, it had these values already, and "
            "`version` and `updatedAt` are as before."
        )
    )


@strawberry.type(description="Nothing was changed.")
class UpdateCustomerFailure:
    errors: "list[CustomerFieldError]" = strawberry.field(
        description=(
            "Every problem of every field that was sent: one error for each rule that a field "
            "breaks, in the order of the fields."
        )
    )


@strawberry.type(description="No customer has this `id`.")
class CustomerNotFound:
    message: str = strawberry.field(description="A sentence that says what may have happened.")


@strawberry.type(
    description="The customer has another version than `ifVersion`. Nothing was changed."
)
class CustomerChanged:
    message: str = strawberry.field(description="A sentence that says what to do.")
    current: "Customer" = strawberry.field(description="The customer, as it is now.")
    changed_fields: "list[CustomerField]" = strawberry.field(
        description=(
            "The fields that have changed since that version, as far as is known, in the order of "
            "the fields."
        )
    )


UpdateCustomerResult = Annotated[
    UpdateCustomerSuccess | UpdateCustomerFailure | CustomerNotFound | CustomerChanged,
    strawberry.union("UpdateCustomerResult", description="The possible outcomes of a change."),
]


@strawberry.type(
    description="The customer is deleted. Its email address can be used again at once."
)
class DeleteCustomerSuccess:
    id: strawberry.ID = strawberry.field(description="The `id` of the deleted customer.")


DeleteCustomerResult = Annotated[
    DeleteCustomerSuccess | CustomerNotFound | CustomerChanged,
    strawberry.union("DeleteCustomerResult", description="The possible outcomes of a deletion."),
]


@strawberry.interface(description="An object with an id, which the query `node` finds.")
class Node:
    id: strawberry.ID = strawberry.field(description="An opaque, globally unique id.")


@declared
@strawberry.type(description="A customer, as stored: every value is normalised.")
class Customer(Node):
    name: str | None
    email: str
    description: str | None
    send_email_address: str | None
    cc_email_address: str | None
    country: str | None
    address_line1: str | None
    address_line2: str | None
    city: str | None
    state: str | None
    zip_code: ZipCode | None
    phone_number: PhoneNumber | None
    created_at: datetime = strawberry.field(description="When the customer was created.")
    updated_at: datetime = strawberry.field(description="When the customer was last changed.")
    version: int = strawberry.field(
        description="1 when the customer is created, and one more with each change."
    )


@strawberry.interface(
    description=(
        "One problem of one field. `... on FieldError { field path message }` covers every kind, "
        "including kinds that are added later."
    )
)
class FieldError:
    field: "CustomerField" = strawberry.field(description="The field that has the problem.")
    path: list[str] = strawberry.field(
        description=(
            'The path of the field in the arguments, such as `["input", "zipCode"]`, or '
            '`["inputs", "3", "zipCode"]` in a list.'
        )
    )
    message: str = strawberry.field(
        description=(
            "A sentence to show next to the field. It says what to do and never repeats the value."
        )
    )
    # The names of the field and of the type, for the metrics. The same errors occur many times.
    label: strawberry.Private[tuple[str, str]] = dataclasses.field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        self.label = self.path[-1], type(self).__name__


@strawberry.type(description="A required field is missing or blank.")
class RequiredFieldError(FieldError):
    pass


@strawberry.type(description="The text is too short.")
class TooShortError(FieldError):
    min_length: int = strawberry.field(description="The minimum number of Unicode code points.")
    actual_length: int = strawberry.field(
        description="The number of Unicode code points in the normalised text."
    )


@strawberry.type(description="The text is too long.")
class TooLongError(FieldError):
    max_length: int = strawberry.field(description="The maximum number of Unicode code points.")
    actual_length: int = strawberry.field(
        description="The number of Unicode code points in the normalised text."
    )


@strawberry.type(description="The text contains something that its field does not allow.")
class InvalidFormatError(FieldError):
    allowed: str = strawberry.field(description="The values that the field allows, in words.")
    example: str = strawberry.field(description="A valid value of the field.")


@strawberry.type(description="The value is neither a string nor an integer.")
class WrongTypeError(FieldError):
    expected: str = strawberry.field(description="The type to send instead, in words.")


@strawberry.type(
    description=(
        "Another customer has this email address, compared without regard to case. The server "
        "checks this only if every field is valid."
    )
)
class EmailTakenError(FieldError):
    pass


@strawberry.type(
    description=(
        "A valid customer earlier in the same list has this email address, compared without regard "
        "to case. The server checks this only if every field is valid."
    )
)
class DuplicateInListError(FieldError):
    first_index: int = strawberry.field(
        description="The place of the first such customer in the list, counted from 0."
    )


CustomerFieldError = Annotated[
    RequiredFieldError
    | TooShortError
    | TooLongError
    | InvalidFormatError
    | WrongTypeError
    | EmailTakenError
    | DuplicateInListError,
    strawberry.union(
        "CustomerFieldError",
        description=(
            "Every kind of field error. All of them implement `FieldError`. Later versions may add "
            "kinds."
        ),
    ),
]


@declared_enum
@strawberry.enum(description="The fields of a customer.")
class CustomerField(Enum):
    NAME = "name"
    EMAIL = "email"
    DESCRIPTION = "description"
    SEND_EMAIL_ADDRESS = "send_email_address"
    CC_EMAIL_ADDRESS = "cc_email_address"
    COUNTRY = "country"
    ADDRESS_LINE1 = "address_line1"
    ADDRESS_LINE2 = "address_line2"
    CITY = "city"
    STATE = "state"
    ZIP_CODE = "zip_code"
    PHONE_NUMBER = "phone_number"


@strawberry.type(
    description=(
        "The rule of one field, from which a program can show a form. Lengths count the Unicode "
        "code points of the normalised text."
    )
)
class CustomerFieldRule:
    field: CustomerField = strawberry.field(description="The field that has the rule.")
    name: str = strawberry.field(
        description="The name of the field in `CreateCustomerInput`, such as `zipCode`."
    )
    label: str = strawberry.field(description="The title of the field, such as `ZIP Code`.")
    description: str = strawberry.field(description="The meaning of the field, in words.")
    required: bool = strawberry.field(description="Whether the field must have a value.")
    min_length: int | None = strawberry.field(
        description="The minimum length, or `null` if the field has none."
    )
    max_length: int = strawberry.field(description="The maximum length.")
    pattern: str = strawberry.field(
        description=(
            "A regular expression (ECMA-262, with the flag `u` or `v`). Every valid text matches "
            "it after the white space at its ends is removed; some invalid texts match it, too."
        )
    )
    format: str | None = strawberry.field(
        description="The name of a well-known format, such as `email`, or `null`."
    )
    allowed: str = strawberry.field(description="The values that the field allows, in words.")
    example: str = strawberry.field(description="A valid value of the field.")


def _edges(root: "CustomerConnection") -> "list[CustomerEdge]":
    return root.make_edges()


async def _total_count(
    root: "CustomerConnection",
    limit: Annotated[
        int,
        strawberry.argument(
            description=f"The server counts no further than this: 1 to {LARGEST_LIMIT:,}."
        ),
    ] = DEFAULT_LIMIT,
) -> "Count":
    return await root.count(limit)


@strawberry.type(description="One page of a list of customers.")
class CustomerConnection:
    # These are called only if the field is selected.
    make_edges: strawberry.Private[Callable[[], "list[CustomerEdge]"]]
    count: strawberry.Private[Callable[[int], Awaitable["Count"]]]

    edges: "list[CustomerEdge]" = strawberry.field(
        resolver=_edges, description="The customers of the page, each with its cursor."
    )
    nodes: list[Customer] = strawberry.field(description="The customers of the page.")
    page_info: "PageInfo" = strawberry.field(description="Where the page is in the list.")
    total_count: "Count" = strawberry.field(
        resolver=_total_count,
        description=(
            "How many customers the whole list has. The server counts only if this field is "
            "selected."
        ),
    )


@strawberry.type(description="A customer in a list.")
class CustomerEdge:
    cursor: str = strawberry.field(
        description=(
            "The place of the customer in the list: send it as `after` or `before`, with the same "
            "`orderBy`, `search` and `filter`."
        )
    )
    node: Customer = strawberry.field(description="The customer.")


@strawberry.type(description="Where a page is in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(
        description="Whether the list has more customers after the page."
    )
    has_previous_page: bool = strawberry.field(
        description="Whether the list has more customers before the page."
    )
    start_cursor: str | None = strawberry.field(
        description="The cursor of the first customer, or `null` if the page is empty."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last customer, or `null` if the page is empty."
    )


@strawberry.type(description="A number of customers.")
class Count:
    count: int = strawberry.field(description="The number.")
    precision: "CountPrecision" = strawberry.field(description="How exact the number is.")


@strawberry.enum(description="How exact a count is.")
class CountPrecision(Enum):
    EXACT = strawberry.enum_value("EXACT", description="There are exactly this many customers.")
    AT_LEAST = strawberry.enum_value(
        "AT_LEAST", description="There are more customers: the server stopped counting at `limit`."
    )


@strawberry.enum(description="The fields by which customers can be ordered.")
class CustomerOrderField(Enum):
    CREATED_AT = strawberry.enum_value("created_at", description="When they were created.")
    UPDATED_AT = strawberry.enum_value("updated_at", description="When they were last changed.")
    NAME = strawberry.enum_value(
        "name",
        description=(
            "The name, without regard to case and accents. Customers without a name are first in "
            "ascending order, and last in descending order."
        ),
    )
    EMAIL = strawberry.enum_value(
        "email", description="The email address, without regard to case and accents."
    )


@strawberry.enum(description="The direction of an order.")
class OrderDirection(Enum):
    ASC = strawberry.enum_value("ASC", description="The smallest or earliest value is first.")
    DESC = strawberry.enum_value("DESC", description="The largest or latest value is first.")


@strawberry.input(
    description="The order of a list. Customers that are equal in it are ordered by their ids."
)
class CustomerOrder:
    field: CustomerOrderField = strawberry.field(
        description="The field by which the customers are ordered."
    )
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.ASC, description="The direction."
    )


_PLACE = "At least one value. The customer has one of them, without regard to case and accents."


@strawberry.input(
    description=(
        "The conditions that each customer of a list must fulfil. A missing condition and `null` "
        "mean the same."
    )
)
class CustomerFilter:
    created_at: "DateTimeRange | None" = strawberry.field(
        default=strawberry.UNSET, description="When the customer was created."
    )
    updated_at: "DateTimeRange | None" = strawberry.field(
        default=strawberry.UNSET, description="When the customer was last changed."
    )
    country: list[str] | None = strawberry.field(default=strawberry.UNSET, description=_PLACE)
    state: list[str] | None = strawberry.field(default=strawberry.UNSET, description=_PLACE)
    city: list[str] | None = strawberry.field(default=strawberry.UNSET, description=_PLACE)
    has: list[CustomerField] | None = strawberry.field(
        default=strawberry.UNSET,
        description="At least one field. The customer has a value in each of them.",
    )
    has_not: list[CustomerField] | None = strawberry.field(
        default=strawberry.UNSET,
        description="At least one field. The customer has no value in any of them.",
    )


@strawberry.input(description="A range of times. A missing end sets no limit.")
class DateTimeRange:
    from_: datetime | None = strawberry.field(
        name="from", default=strawberry.UNSET, description="The earliest time, which is included."
    )
    before: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="The end of the range, which is excluded."
    )


_CURSOR = (
    "The place of the event in the order of all events: send the last one as `after` to get the "
    "events that follow."
)


@strawberry.type(description="A customer was created.")
class CustomerCreated:
    cursor: str = strawberry.field(description=_CURSOR)
    customer: Customer = strawberry.field(description="The customer, as it was created.")


@strawberry.type(description="A customer was changed.")
class CustomerUpdated:
    cursor: str = strawberry.field(description=_CURSOR)
    customer: Customer = strawberry.field(
        description="The customer after this change, or after a later one: see its `version`."
    )
    changed_fields: list[CustomerField] = strawberry.field(
        description="The fields that this change set or removed, in the order of the fields."
    )


@strawberry.type(description="A customer was deleted.")
class CustomerDeleted:
    cursor: str = strawberry.field(description=_CURSOR)
    id: strawberry.ID = strawberry.field(description="The `id` of the deleted customer.")


@strawberry.type(
    description=(
        "Earlier events are lost, because the database no longer has them. Read the list again. "
        "The events after this one follow."
    )
)
class EventsMissed:
    cursor: str = strawberry.field(description=_CURSOR)
    message: str = strawberry.field(description="A sentence that says what to do.")


CustomerEvent = Annotated[
    CustomerCreated | CustomerUpdated | CustomerDeleted | EventsMissed,
    strawberry.union(
        "CustomerEvent",
        description="The events of customers. Later versions may add kinds of events.",
    ),
]

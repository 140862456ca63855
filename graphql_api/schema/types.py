"""The GraphQL types in the order of `schema.graphql`: names and types, without rules.

The rules of the fields are in `customers.fields`. Python must define a union after its members;
`schema.graphql` has it before them.
"""

from datetime import datetime
from enum import Enum
from typing import Annotated, ClassVar

import strawberry

from ..customers.fields import PhoneNumber, ZipCode
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
        description="Whether an earlier request with the same idempotency key created it."
    )


@strawberry.type(description="Nothing was created.")
class CreateCustomerFailure:
    errors: "list[CustomerFieldError]" = strawberry.field(
        description=(
            "Every problem of every field: one error for each rule that a field breaks, in the "
            "order of the fields."
        )
    )


@strawberry.type(description="The idempotency key was already used with different input.")
class IdempotencyConflict:
    message: str = strawberry.field(description="A sentence that says what to do.")


CreateCustomerResult = Annotated[
    CreateCustomerSuccess | CreateCustomerFailure | IdempotencyConflict,
    strawberry.union("CreateCustomerResult", description="The possible outcomes of a creation."),
]


@declared
@strawberry.type(description="A customer, as stored: every text is normalised.")
class Customer:
    id: strawberry.ID = strawberry.field(description="An opaque, globally unique id.")
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
    # Which spares prepared operations to complete the same errors again and again.
    never_changes: ClassVar[bool] = True

    field: "CustomerField" = strawberry.field(description="The field that has the problem.")
    path: list[str] = strawberry.field(
        description='The path of the field in the arguments, such as `["input", "zipCode"]`.'
    )
    message: str = strawberry.field(
        description=(
            "A sentence to show at the field. It says what to do and never repeats the value."
        )
    )


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
    allowed: str = strawberry.field(description="What the field allows, in words.")
    example: str = strawberry.field(description="A valid value of the field.")


@strawberry.type(description="The value is neither a string nor an integer.")
class WrongTypeError(FieldError):
    expected: str = strawberry.field(description="What to send, in words.")


@strawberry.type(
    description=(
        "Another customer has this email address, compared without regard to case. The server "
        "checks this only if every field is valid."
    )
)
class EmailTakenError(FieldError):
    pass


CustomerFieldError = Annotated[
    RequiredFieldError
    | TooShortError
    | TooLongError
    | InvalidFormatError
    | WrongTypeError
    | EmailTakenError,
    strawberry.union(
        "CustomerFieldError",
        description="Every kind of problem; each implements `FieldError`. More may be added later.",
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

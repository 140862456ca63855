"""Every GraphQL type, in the specification's order: names and types, never rules."""

from datetime import datetime
from enum import Enum
from typing import Annotated, ClassVar

import strawberry

from ..customers.fields import PhoneNumber, ZipCode
from .directives import declared, declared_enum


@declared
@strawberry.input(description="What a customer is created from. Absent and `null` mean the same.")
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


@declared
@strawberry.type(description="A customer, as it is kept: every text is normalised.")
class Customer:
    id: strawberry.ID = strawberry.field(description="Opaque, and unique in the whole world.")
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


@strawberry.interface(
    description=(
        "One problem of one field. `... on FieldError { field path message }` covers every kind, "
        "those that are added later, too."
    )
)
class FieldError:
    # Which spares prepared operations to complete the same errors again and again.
    never_changes: ClassVar[bool] = True

    field: CustomerField = strawberry.field(description="The field that has the problem.")
    path: list[str] = strawberry.field(
        description='Where the field is in the arguments, such as `["input", "zipCode"]`.'
    )
    message: str = strawberry.field(
        description="What to do, in a sentence to show at the field. Never repeats the value."
    )


@strawberry.type(description="A required field is missing or blank.")
class RequiredFieldError(FieldError):
    pass


@strawberry.type(description="The text is too short.")
class TooShortError(FieldError):
    min_length: int = strawberry.field(description="The fewest Unicode code points.")
    actual_length: int = strawberry.field(
        description="The Unicode code points of the normalised text."
    )


@strawberry.type(description="The text is too long.")
class TooLongError(FieldError):
    max_length: int = strawberry.field(description="The most Unicode code points.")
    actual_length: int = strawberry.field(
        description="The Unicode code points of the normalised text."
    )


@strawberry.type(description="The text holds something that its field does not allow.")
class InvalidFormatError(FieldError):
    allowed: str = strawberry.field(description="What may stand there, in words.")
    example: str = strawberry.field(description="A value that the field takes.")


@strawberry.type(description="The value is neither a string nor an integer.")
class WrongTypeError(FieldError):
    expected: str = strawberry.field(description="What to send, in words.")


@strawberry.type(
    description=(
        "Another customer has this e-mail address, compared without regard to case. Comes only "
        "when nothing else is wrong."
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
        description="Every kind of problem; each implements `FieldError`. More may be added.",
    ),
]


@strawberry.type(
    description="The customer is kept: a majority of the database has it in its journal."
)
class CreateCustomerSuccess:
    customer: Customer = strawberry.field(description="The customer, as it is kept.")
    replayed: bool = strawberry.field(
        description="Whether an earlier request with the same idempotency key created it."
    )


@strawberry.type(description="Nothing was created.")
class CreateCustomerFailure:
    errors: list[CustomerFieldError] = strawberry.field(
        description=(
            "Every problem of every field: one for each rule that a field breaks, in the order of "
            "the fields."
        )
    )


@strawberry.type(description="The idempotency key created a customer from another input already.")
class IdempotencyConflict:
    message: str = strawberry.field(description="What to do, in a sentence.")


CreateCustomerResult = Annotated[
    CreateCustomerSuccess | CreateCustomerFailure | IdempotencyConflict,
    strawberry.union("CreateCustomerResult", description="What came of a creation."),
]

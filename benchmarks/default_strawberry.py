"""The same API as Strawberry's documentation would have it written, for uvicorn as it comes."""

import os
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID, uuid4

import strawberry
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import DuplicateKeyError
from strawberry.asgi import GraphQL

from graphql_api.customers import problems
from graphql_api.customers.fields import FIELDS
from graphql_api.customers.judge import judge

client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
    os.environ["BENCHMARK_MONGODB_URI"], tz_aware=True, uuidRepresentation="standard"
)
customers = client.get_default_database()["customers"]


@strawberry.input
class CreateCustomerInput:
    email: str
    name: str | None = None
    description: str | None = None
    send_email_address: str | None = None
    cc_email_address: str | None = None
    country: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    city: str | None = None
    state: str | None = None
    zip_code: str | None = None
    phone_number: str | None = None


@strawberry.type
class Customer:
    id: strawberry.ID
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
    zip_code: str | None
    phone_number: str | None
    created_at: datetime
    updated_at: datetime


@strawberry.enum
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


@strawberry.interface
class FieldError:
    field: CustomerField
    path: list[str]
    message: str


@strawberry.type
class RequiredFieldError(FieldError):
    pass


@strawberry.type
class TooShortError(FieldError):
    min_length: int
    actual_length: int


@strawberry.type
class TooLongError(FieldError):
    max_length: int
    actual_length: int


@strawberry.type
class InvalidFormatError(FieldError):
    allowed: str
    example: str


@strawberry.type
class WrongTypeError(FieldError):
    expected: str


@strawberry.type
class EmailTakenError(FieldError):
    pass


CustomerFieldError = Annotated[
    RequiredFieldError
    | TooShortError
    | TooLongError
    | InvalidFormatError
    | WrongTypeError
    | EmailTakenError,
    strawberry.union("CustomerFieldError"),
]


@strawberry.type
class CreateCustomerSuccess:
    customer: Customer
    replayed: bool


@strawberry.type
class CreateCustomerFailure:
    errors: list[CustomerFieldError]


@strawberry.type
class IdempotencyConflict:
    message: str


CreateCustomerResult = Annotated[
    CreateCustomerSuccess | CreateCustomerFailure | IdempotencyConflict,
    strawberry.union("CreateCustomerResult"),
]


def field_error(problem: problems.Problem) -> CustomerFieldError:
    at: dict[str, Any] = {
        "field": CustomerField(problem.field.name),
        "path": ["input", problem.field.public_name],
        "message": problem.message,
    }
    match problem:
        case problems.Missing():
            return RequiredFieldError(**at)
        case problems.TooShort():
            return TooShortError(
                **at, min_length=problem.min_length, actual_length=problem.actual_length
            )
        case problems.TooLong():
            return TooLongError(
                **at, max_length=problem.max_length, actual_length=problem.actual_length
            )
        case problems.InvalidFormat():
            return InvalidFormatError(**at, allowed=problem.allowed, example=problem.example)
        case problems.WrongType():
            return WrongTypeError(**at, expected=problem.expected)
        case problems.Taken():
            return EmailTakenError(**at)


def from_document(document: dict[str, Any]) -> Customer:
    values = {field.name: document.get(field.public_name) for field in FIELDS}
    return Customer(
        id=strawberry.ID(str(document["_id"])),
        created_at=document["createdAt"],
        updated_at=document["updatedAt"],
        **values,  # type: ignore[arg-type]  # the documents are those that were created here
    )


@strawberry.type
class Query:
    @strawberry.field
    async def customer(self, id: strawberry.ID) -> Customer | None:  # noqa: A002  # GraphQL's name
        document = await customers.find_one({"_id": UUID(id)})
        return None if document is None else from_document(document)


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def create_customer(
        self,
        input: CreateCustomerInput,  # noqa: A002  # the API's name
    ) -> CreateCustomerResult:
        judged = judge(vars(input))
        if isinstance(judged, problems.Rejected):
            return CreateCustomerFailure(errors=[field_error(p) for p in judged.problems])
        now = datetime.now(UTC)
        document = {
            "_id": uuid4(),
            **{field.public_name: getattr(judged, field.name) for field in FIELDS},
            "emailCaseFolded": judged.email.casefold(),
            "createdAt": now,
            "updatedAt": now,
        }
        try:
            await customers.insert_one(
                {name: value for name, value in document.items() if value is not None}
            )
        except DuplicateKeyError:
            [email] = [field for field in FIELDS if field.name == "email"]
            return CreateCustomerFailure(errors=[field_error(problems.Taken(email))])
        return CreateCustomerSuccess(customer=from_document(document), replayed=False)


schema = strawberry.Schema(query=Query, mutation=Mutation)
app: GraphQL[None, None] = GraphQL(schema)

"""The same API, written as Strawberry's documentation shows, for uvicorn with its defaults.

Only the lists of fields differ from the documentation: they are read from the declaration.
"""

import os
import re
import unicodedata
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


# The type of each field by its name. A new field needs no line here.
_FIELD_TYPES: dict[str, Any] = {
    field.name: str if field.required else str | None for field in FIELDS
}


@strawberry.input
class CreateCustomerInput:
    vars().update({field.name: None for field in FIELDS if not field.required})
    __annotations__ = _FIELD_TYPES


@strawberry.type
class Customer:
    __annotations__ = {
        "id": strawberry.ID,
        **_FIELD_TYPES,
        "created_at": datetime,
        "updated_at": datetime,
    }


@strawberry.enum
class CustomerField(Enum):
    _ignore_ = "members field"
    members = vars()
    for field in FIELDS:
        members[field.name.upper()] = field.name


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
        # The second one is for lists, which no benchmark creates.
        case problems.Taken() | problems.DuplicateInList():
            return EmailTakenError(**at)


def from_document(document: dict[str, Any]) -> Customer:
    values: dict[str, Any] = {field.name: document.get(field.public_name) for field in FIELDS}
    values["id"] = str(document["_id"])
    values["created_at"] = document["createdAt"]
    values["updated_at"] = document["updatedAt"]
    return Customer(**values)


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class CustomerConnection:
    nodes: list[Customer]
    page_info: PageInfo


def cursor_of(document: dict[str, Any]) -> str:
    """The time of creation in milliseconds, and the id."""
    return f"{round(document['createdAt'].timestamp() * 1000)}_{document['_id']}"


def following(cursor: str) -> dict[str, Any]:
    milliseconds, _, id_ = cursor.partition("_")
    created_at = datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    later = {"createdAt": created_at, "_id": {"$lt": UUID(id_)}}
    return {"$or": [{"createdAt": {"$lt": created_at}}, later]}


def found(search: str) -> list[dict[str, Any]]:
    """Each word of the search is the beginning of a token."""
    decomposed = unicodedata.normalize("NFKD", search)
    folded = "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
    return [{"search": {"$regex": f"^{re.escape(word)}"}} for word in folded.split()]


@strawberry.type
class Query:
    @strawberry.field
    async def customers(
        self, first: int = 50, after: str | None = None, search: str | None = None
    ) -> CustomerConnection:
        conditions = [following(after)] if after else []
        conditions += found(search) if search else []
        documents = await customers.find(
            {"$and": conditions} if conditions else {},
            {"search": False},
            sort=[("createdAt", -1), ("_id", -1)],
            limit=first + 1,
        ).to_list(None)
        page = documents[:first]
        end_cursor = cursor_of(page[-1]) if page else None
        return CustomerConnection(
            nodes=[from_document(document) for document in page],
            page_info=PageInfo(has_next_page=len(documents) > first, end_cursor=end_cursor),
        )

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

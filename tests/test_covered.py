"""What prepared operations cover, and what they leave: in a schema that has what ours has not."""

from collections.abc import AsyncGenerator, Callable
from enum import Enum
from typing import Annotated, Any, Generic, NewType, Self, TypeVar, cast

import pytest
import strawberry
from graphql import (
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    build_schema,
    execute,
    parse,
    validate,
)
from strawberry.extensions.field_extension import (
    AsyncExtensionResolver,
    FieldExtension,
)
from strawberry.relay import GlobalID
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info
from strawberry.utils.await_maybe import await_maybe
from structlog.testing import capture_logs

from graphql_api.schema.covered import NotCovered
from graphql_api.schema.operation import Operation
from graphql_api.schema.prepared import PreparedOperation, TakeGiven, Unfinished
from graphql_api.schema.schema import Schema

Word = NewType("Word", str)
T = TypeVar("T")


@strawberry.enum
class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.input
class Plain:
    text: str
    other: str | None = strawberry.UNSET
    colour: Colour | None = strawberry.UNSET
    id: strawberry.ID | None = strawberry.UNSET
    word: Word | None = strawberry.UNSET
    number: float | None = strawberry.UNSET


@strawberry.input
class Nested:
    plain: Plain
    again: Plain | None = strawberry.UNSET


@strawberry.input
class WithDefault:
    number: int = 5


@strawberry.input
class WithImpliedNull:
    text: str | None


@strawberry.input
class WithList:
    texts: list[str]


@strawberry.input
class WithMaybe:
    text: strawberry.Maybe[str]


@strawberry.input
class WithGlobalId:
    id: GlobalID | None = strawberry.UNSET


@strawberry.input(one_of=True)
class OneOf:
    a: str | None = strawberry.UNSET
    b: str | None = strawberry.UNSET


@strawberry.input
class OfItself:
    inner: Annotated["OfItself", strawberry.lazy(__name__)] | None = strawberry.UNSET


@strawberry.input
class Fussy:
    text: str

    def __post_init__(self) -> None:
        if self.text == "bad":
            raise ValueError("s3cr3t")

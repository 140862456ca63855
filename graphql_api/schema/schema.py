"""The schema that clients see, as an executable object and as a document (SDL)."""

import re
from typing import Annotated, Any, get_args, get_origin

import strawberry
import structlog
from graphql import (
    DirectiveDefinitionNode,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    TypeDefinitionNode,
    build_schema,
    introspection_from_schema,
    is_abstract_type,
    parse,
    print_ast,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from ..faults import RETRY_AFTER_SECONDS, ChangeUnknown, OutcomeUnknown, Unavailable
from ..logs import places
from . import types
from .operations import Mutation, Query
from .scalars import SCALARS

logger = structlog.get_logger()

# graphql-core ends its messages with the value that it refuses, and quotes strings and numbers
# where a document breaks off. Names stay.
_REFUSED_VALUE = re.compile(r"(?:[,;]? [Ff]ound|(?<=value)(?<!has invalid value)): .*", re.DOTALL)
_QUOTED_VALUE = re.compile(
    r"(?:(?<=String)|(?<=Int)|(?<=Float)|(?<=found Name)|:|, did you mean(?= '0\.)) "
    r"('.*'|\".*\")\??",
    re.DOTALL,
)


class Schema(strawberry.Schema):
    """A Strawberry schema whose errors never carry a value that was sent, or an internal."""

    @property
    def graphql_schema(self) -> GraphQLSchema:
        """The same schema for graphql-core."""
        return self._schema

    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,  # noqa: ARG002  # Strawberry's signature
    ) -> None:
        """Logs what is our own fault, and leaves in each error what a client may read."""
        for error in errors:
            cause = error.original_error
            if isinstance(cause, Unavailable):
                error.message = (
                    "The database is unavailable. Nothing was stored; retry in a few seconds."
                )
                error.extensions = {"code": "UNAVAILABLE", "retryAfter": RETRY_AFTER_SECONDS}
            elif isinstance(cause, OutcomeUnknown):
                error.message = (
                    "The database did not say in time whether the customer was stored. Send the "
                    "request again with the same idempotency key, and the customer is stored once. "
                    "Without a key, send the same email address again: an EmailTakenError means "
                    "that a customer with it exists."
                )
                error.extensions = {"code": "OUTCOME_UNKNOWN", "retryAfter": RETRY_AFTER_SECONDS}
            elif isinstance(cause, ChangeUnknown):
                error.message = (
                    "The database did not say in time whether the customer was changed. Send the "
                    "request again: a change that was made already is not made twice."
                )
                error.extensions = {"code": "OUTCOME_UNKNOWN", "retryAfter": RETRY_AFTER_SECONDS}
            elif cause is None or isinstance(cause, GraphQLError):
                error.message = without_values(error.message)
            else:
                logger.error("A resolver failed.", exception=places(cause))
                error.message = "The server failed. The request is not the cause."
                error.extensions = {"code": "INTERNAL_SERVER_ERROR"}


def without_values(message: str) -> str:
    """A message of graphql-core without the values that it repeats.

    Names that it repeats may hold lone surrogates, which no answer can: they are replaced.
    """
    message = message.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if message.startswith("Syntax Error"):
        return _QUOTED_VALUE.sub("", message).rstrip(".") + "."
    return _REFUSED_VALUE.sub(".", message).replace("?.", "?")


def create_schema() -> Schema:
    return Schema(query=Query, mutation=Mutation, config=StrawberryConfig(scalar_map=SCALARS))


def sdl() -> str:
    """The schema document: directives, Mutation, types as in types.py, scalars, Query."""
    definitions = {
        definition.name.value: definition
        for definition in parse(create_schema().as_str()).definitions
        if isinstance(definition, TypeDefinitionNode | DirectiveDefinitionNode)
    }
    scalars = [scalar.name for scalar in SCALARS.values()]
    places = {
        name: place
        for place, name in enumerate(["Mutation", *_types_in_order(), *scalars, "Query"])
    }
    ordered = sorted(definitions, key=lambda name: places.get(name, -1))
    document = DocumentNode(definitions=tuple(definitions[name] for name in ordered))
    # Empty lines of descriptions come out indented.
    return re.sub(" +$", "", print_ast(document), flags=re.MULTILINE) + "\n"


def _types_in_order() -> list[str]:
    """The types in types.py, in the order of definition.

    Python must define a union after its members. Here a union is before its first member, and
    before the interface of that member.
    """
    names: list[str] = []
    for name, value in vars(types).items():
        if get_origin(value) is Annotated:
            first_member = get_args(get_args(value)[0])[0]
            member_and_interface = {base.__name__ for base in first_member.__mro__}
            place = next(n for n, other in enumerate(names) if other in member_and_interface)
            names.insert(place, name)
        elif hasattr(value, "__strawberry_definition__"):
            names.append(name)
    return names


def introspection() -> dict[str, Any]:
    """What a client learns that asks for the whole schema; directives at fields are not in it."""
    return dict(introspection_from_schema(build_schema(sdl())))


def possible_types() -> dict[str, list[str]]:
    """The object types of each union and interface: `possibleTypes` of Apollo Client's cache."""
    schema = build_schema(sdl())
    return {
        name: [member.name for member in schema.get_possible_types(abstract)]
        for name, abstract in schema.type_map.items()
        if is_abstract_type(abstract)
    }

"""The schema that clients see, as an executable object and as a document (SDL)."""

import re
from typing import Any

import strawberry
from graphql import (
    DirectiveDefinitionNode,
    DocumentNode,
    GraphQLSchema,
    TypeDefinitionNode,
    build_schema,
    introspection_from_schema,
    is_abstract_type,
    parse,
    print_ast,
)
from strawberry.schema.config import StrawberryConfig

from .operations import Mutation, Query
from .scalars import SCALARS

# The specification's order; what it does not name stands beside what uses it.
_ORDER = (
    "constraint",
    "Mutation",
    "CreateCustomerInput",
    "CreateCustomerResult",
    "CreateCustomerSuccess",
    "CreateCustomerFailure",
    "IdempotencyConflict",
    "Customer",
    "CustomerFieldError",
    "FieldError",
    "RequiredFieldError",
    "TooShortError",
    "TooLongError",
    "InvalidFormatError",
    "WrongTypeError",
    "EmailTakenError",
    "CustomerField",
    "ZipCode",
    "PhoneNumber",
    "DateTime",
    "Query",
)


def create_schema() -> GraphQLSchema:
    """The schema that graphql-core executes."""
    # Strawberry has no public name for it.
    return _strawberry_schema()._schema


def _strawberry_schema() -> strawberry.Schema:
    config = StrawberryConfig(scalar_map=SCALARS)
    return strawberry.Schema(query=Query, mutation=Mutation, config=config)


def sdl() -> str:
    """The schema document, in the specification's order."""
    definitions = {
        definition.name.value: definition
        for definition in parse(_strawberry_schema().as_str()).definitions
        if isinstance(definition, TypeDefinitionNode | DirectiveDefinitionNode)
    }
    ordered = sorted(definitions, key=_ORDER.index)
    document = DocumentNode(definitions=tuple(definitions[name] for name in ordered))
    # Empty lines of descriptions come out indented.
    return re.sub(" +$", "", print_ast(document), flags=re.MULTILINE) + "\n"


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

"""The schema that clients see, as an executable object and as a document (SDL)."""

import re
from functools import cache
from typing import Annotated, Any, get_args, get_origin

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

from . import types
from .operations import Mutation, Query, Subscription
from .scalars import SCALARS


@cache
def create_schema() -> GraphQLSchema:
    """The schema that graphql-core executes. A process has one."""
    # Strawberry has no public name for it.
    return _strawberry_schema()._schema


def _strawberry_schema() -> strawberry.Schema:
    config = StrawberryConfig(scalar_map=SCALARS)
    return strawberry.Schema(
        query=Query, mutation=Mutation, subscription=Subscription, config=config
    )


def sdl() -> str:
    """The schema document: directives, Mutation, types as in types.py, scalars, Query."""
    definitions = {
        definition.name.value: definition
        for definition in parse(_strawberry_schema().as_str()).definitions
        if isinstance(definition, TypeDefinitionNode | DirectiveDefinitionNode)
    }
    scalars = [scalar.name for scalar in SCALARS.values()]
    places = {
        name: place
        for place, name in enumerate(
            ["Mutation", *_types_in_order(), *scalars, "Query", "Subscription"]
        )
    }
    ordered = sorted(definitions, key=lambda name: places.get(name, -1))
    document = DocumentNode(definitions=tuple(definitions[name] for name in ordered))
    # `print_ast` indents the empty lines of descriptions.
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
    """The result of the introspection query. It does not contain the directives of fields."""
    return dict(introspection_from_schema(build_schema(sdl())))


def possible_types() -> dict[str, list[str]]:
    """The object types of each union and interface: `possibleTypes` of Apollo Client's cache."""
    schema = build_schema(sdl())
    return {
        name: [member.name for member in schema.get_possible_types(abstract)]
        for name, abstract in schema.type_map.items()
        if is_abstract_type(abstract)
    }

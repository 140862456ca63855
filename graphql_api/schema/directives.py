"""How a field's declaration shows in the schema: as its description and as `@constraint`."""

import dataclasses
from collections.abc import Collection
from enum import Enum
from typing import TypeVar, cast

import strawberry
from strawberry.schema_directive import Location
from strawberry.types.base import get_object_definition
from strawberry.types.enum import WithStrawberryEnumDefinition

from ..customers.fields import FIELDS, Customer, Field, NewCustomer

_Type = TypeVar("_Type", bound=type)
_Enum = TypeVar("_Enum", bound=type[Enum])


@strawberry.schema_directive(
    locations=[Location.INPUT_FIELD_DEFINITION, Location.SCALAR],
    description=(
        "The rule for a string after the white space at its ends is removed: the minimum and "
        "maximum number of Unicode code points, a regular expression (ECMA-262, with the flag `u` "
        "or `v`), and the name of a well-known format, such as `email`."
    ),
)
class Constraint:
    min_length: int | None = strawberry.UNSET
    max_length: int | None = strawberry.UNSET
    pattern: str | None = strawberry.UNSET
    format: str | None = strawberry.UNSET


def field_named(name: str) -> Field:
    """The declared field with this Python name. Raises `KeyError`."""
    return _FIELDS[name]


_FIELDS = {field.name: field for field in FIELDS}


def description(field: Field) -> str:
    """The declared description, the rule in words, and the example."""
    rule = field.rule
    return f"{rule.description}\n\n{field.rule_in_words} Example: `{rule.example}`."


def constraint(field: Field) -> Constraint:
    """The field's rule for programs. Arguments without a value stay unset, so they do not print."""
    rule = field.rule
    return Constraint(
        min_length=strawberry.UNSET if rule.min_length is None else rule.min_length,
        max_length=rule.max_length,
        pattern=rule.format.anchored_pattern,
        format=rule.format.directive_format or strawberry.UNSET,
    )


def declared(graphql_type: _Type) -> _Type:
    """Gives the customer's fields on a Strawberry type their descriptions, and inputs their rules.

    The type lists names and types. `customers.fields` declares the rest, once. Raises `TypeError`
    if the names differ: an input must have those of `NewCustomer`, and an output those of
    `Customer`.
    """
    definition = get_object_definition(graphql_type, strict=True)
    declaration = NewCustomer if definition.is_input else Customer
    _require_same_names(
        definition.name,
        [graphql_field.python_name for graphql_field in definition.fields],
        [field.name for field in dataclasses.fields(declaration)],
    )
    for graphql_field in definition.fields:
        if (field := _FIELDS.get(graphql_field.python_name)) is not None:
            graphql_field.description = description(field)
            if definition.is_input:
                graphql_field.directives = [constraint(field)]
    return graphql_type


def declared_enum(enum: _Enum) -> _Enum:
    """Gives the members of a Strawberry enum of field names their declared descriptions.

    Raises `TypeError` if the values are not the names of the declared fields.
    """
    definition = cast("type[WithStrawberryEnumDefinition]", enum).__strawberry_definition__
    _require_same_names(definition.name, [member.value for member in definition.values], _FIELDS)
    for member in definition.values:
        member.description = _FIELDS[member.value].rule.description
    return enum


def _require_same_names(type_name: str, listed: Collection[str], expected: Collection[str]) -> None:
    if missing := ", ".join(name for name in expected if name not in listed):
        raise TypeError(f"{type_name} lacks {missing}. Add it to graphql_api/schema/types.py.")
    if unknown := ", ".join(name for name in listed if name not in expected):
        raise TypeError(
            f"{type_name} has {unknown}, which is not declared. "
            "Declare it in graphql_api/customers/fields.py."
        )

"""The changes between two schema documents that clients may notice."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from graphql import (
    BreakingChange,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    InputValueDefinitionNode,
    SafeChange,
    ScalarTypeDefinitionNode,
    assert_valid_schema,
    build_schema,
    find_schema_changes,
    value_from_ast_untyped,
)


class Severity(IntEnum):
    """Dangerous: a client may receive something unknown. Breaking: a valid request may fail."""

    DANGEROUS = 1
    BREAKING = 2


@dataclass(frozen=True)
class Change:
    """One change, in a sentence."""

    severity: Severity
    description: str


def changes(old: str, new: str) -> list[Change]:
    """The breaking and then the dangerous changes, those of `@constraint` included.

    Raises `ValueError` if one of the documents is not a valid schema.
    """
    before, after = _built(old), _built(new)
    found = [
        Change(
            Severity.BREAKING if isinstance(change, BreakingChange) else Severity.DANGEROUS,
            change.description,
        )
        for change in find_schema_changes(before, after)
        if not isinstance(change, SafeChange)
    ]
    found += _changes_of_rules(before, after)
    return sorted(found, key=lambda change: -change.severity)


def _built(document: str) -> GraphQLSchema:
    try:
        schema = build_schema(document)
        assert_valid_schema(schema)
    except (GraphQLError, TypeError) as error:
        raise ValueError(str(error)) from error
    return schema


def _changes_of_rules(before: GraphQLSchema, after: GraphQLSchema) -> Iterator[Change]:
    now = dict(_rules(after))
    for place, old in _rules(before):
        new = now.get(place, old)
        for name in sorted(old.keys() | new.keys()):
            if (was := old.get(name)) != (is_ := new.get(name)):
                yield Change(
                    Severity.DANGEROUS if _looser(name, was, is_) else Severity.BREAKING,
                    f"@constraint({name}:) of {place} {_in_words(was, is_)}.",
                )


def _in_words(was: object, is_: object) -> str:
    if was is None:
        return f"was added: {is_}"
    return f"was removed: {was}" if is_ is None else f"has changed from {was} to {is_}"


def _looser(name: str, was: object, is_: object) -> bool:
    """Whether every valid value stays valid. For a changed pattern or format, no one can tell."""
    if isinstance(was, int) and isinstance(is_, int):
        return is_ < was if name == "minLength" else is_ > was
    return is_ is None


def _rules(schema: GraphQLSchema) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each input field and scalar, and the arguments of its `@constraint`."""
    for named in schema.type_map.values():
        if isinstance(named, GraphQLInputObjectType):
            for name, field in named.fields.items():
                yield f"{named.name}.{name}", _constraint(field.ast_node)
        elif isinstance(named, GraphQLScalarType):
            yield named.name, _constraint(named.ast_node)


def _constraint(
    node: InputValueDefinitionNode | ScalarTypeDefinitionNode | None,
) -> dict[str, Any]:
    return {
        argument.name.value: value_from_ast_untyped(argument.value)
        for directive in (node.directives if node else None) or ()
        if directive.name.value == "constraint"
        for argument in directive.arguments or ()
    }

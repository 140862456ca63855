"""Results of resolvers, completed to what is answered by functions that are made once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    FragmentDefinitionNode,
    GraphQLAbstractType,
    GraphQLEnumType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    is_enum_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues

from .covered import NotCovered, definition_of

# What a resolver gave, to the same as JSON has it.
Complete = Callable[[Any], Any]


@dataclass(frozen=True)
class Selections:
    """What one operation selects, for certain values of the variables that directives name."""

    schema: GraphQLSchema
    fragments: dict[str, FragmentDetails]
    operation: OperationDefinitionNode
    variable_values: VariableValues

    def root_fields(self, root: GraphQLObjectType) -> GroupedFieldSet:
        """The nodes of each field at the top, by the key that it is answered with."""
        return collect_fields(
            self.schema, self.fragments, self.variable_values, root, self.operation
        ).grouped_field_set

    def completer(self, type_: GraphQLOutputType, nodes: FieldDetailsList) -> Complete:
        """Completes values of the type. It and what it makes raise `NotCovered`.

        What it makes raises what scalars raise, too.
        """
        if is_non_null_type(type_):
            return _non_null(self.completer(type_.of_type, nodes))
        if is_list_type(type_):
            return _list(self.completer(type_.of_type, nodes))
        if is_enum_type(type_):
            return _leaf(_names(type_).__getitem__)
        if is_leaf_type(type_):
            return _leaf(type_.coerce_output_value)
        if is_object_type(type_):
            return self._one_of([type_], nodes)
        abstract = cast("GraphQLAbstractType", type_)
        if getattr(definition_of(abstract), "resolve_type", None) is not None:
            raise NotCovered
        return self._one_of(self.schema.get_possible_types(abstract), nodes)

    def _one_of(self, types: list[GraphQLObjectType], nodes: FieldDetailsList) -> Complete:
        """By their classes: what is of none of them, or of a subclass, is not covered."""
        definitions = [definition_of(type_) for type_ in types]
        if any(definition.is_type_of for definition in definitions):
            raise NotCovered
        by_class = {
            definition.origin: self._object(type_, nodes)
            for definition, type_ in zip(definitions, types, strict=True)
        }

        def one_of(value: object) -> object:
            if value is None:
                return None
            complete = by_class.get(value.__class__)
            if complete is None:
                raise NotCovered
            return complete(value)

        return one_of

    def _object(self, type_: GraphQLObjectType, nodes: FieldDetailsList) -> Complete:
        selected = collect_subfields(
            self.schema, self.fragments, self.variable_values, self.operation, type_, nodes
        ).grouped_field_set
        fields = [(key, *self._field(type_, inner)) for key, inner in selected.items()]
        return lambda value: {
            key: complete(getattr(value, attribute)) for key, attribute, complete in fields
        }

    def _field(self, type_: GraphQLObjectType, nodes: FieldDetailsList) -> tuple[str, Complete]:
        """The attribute that has a field's value, and what completes it."""
        name = nodes[0].node.name.value
        if name == "__typename":
            return "__class__", lambda _class: type_.name
        field = type_.fields[name]
        definition = definition_of(field)
        if not definition.is_basic_field:
            raise NotCovered
        return definition.python_name, self.completer(field.type, nodes)


def fragments_of(definitions: tuple[Any, ...]) -> dict[str, FragmentDetails]:
    """The fragments among the definitions of a document, as graphql-core takes them."""
    return {
        definition.name.value: FragmentDetails(definition)
        for definition in definitions
        if isinstance(definition, FragmentDefinitionNode)
    }


def _non_null(complete: Complete) -> Complete:
    def non_null(value: object) -> object:
        completed = complete(value)
        if completed is None:
            raise NotCovered
        return completed

    return non_null


def _list(complete: Complete) -> Complete:
    def completed(value: object) -> object:
        if value is None:
            return None
        if not isinstance(value, list):
            raise NotCovered
        return [complete(item) for item in value]

    return completed


def _names(type_: GraphQLEnumType) -> dict[object, str]:
    members = definition_of(type_).wrapped_cls
    return {members(value.value): name for name, value in type_.values.items()}


def _leaf(coerce_output_value: Complete) -> Complete:
    def leaf(value: object) -> object:
        if value is None:
            return None
        completed = coerce_output_value(value)
        if completed is None:
            raise NotCovered
        return completed

    return leaf

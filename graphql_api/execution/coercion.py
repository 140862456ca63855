"""Input values, coerced to what resolvers take by functions that are made once for each type."""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLString,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    coerce_input_literal,
    is_input_object_type,
    is_leaf_type,
    is_non_null_type,
    is_required_input_field,
)
from strawberry.relay import GlobalID
from strawberry.types.base import StrawberryMaybe, StrawberryOptional

from .covered import NotCovered, definition_of

# A value as JSON has it, to the same as a resolver takes it.
Coerce = Callable[[Any], Any]
# Coerced variables to a value of the document; Undefined where only absent variables give it.
Build = Callable[[Mapping[str, Any]], Any]


def coercer(type_: GraphQLInputType) -> Coerce:
    """Coerces variables of the type. It and what it makes raise `NotCovered`."""
    nullable = not is_non_null_type(type_)
    if is_non_null_type(type_):
        type_ = type_.of_type
    if is_input_object_type(type_):
        return _or_null(_object(type_), nullable=nullable)
    if is_leaf_type(type_):
        as_it_is = str if type_ in (GraphQLString, GraphQLID) else NotCovered
        return _or_null(_leaf(type_.coerce_input_value), nullable=nullable, as_it_is=as_it_is)
    raise NotCovered


def builder(node: ValueNode, type_: GraphQLInputType) -> Build:
    """Builds what stands in a document. It and what it makes raise `NotCovered`."""
    if isinstance(node, VariableNode):
        name, required = node.name.value, is_non_null_type(type_)

        def variable(variables: Mapping[str, Any]) -> object:
            value = variables.get(name, Undefined)
            if required and (value is None or value is Undefined):
                raise NotCovered
            return value

        return variable
    if is_non_null_type(type_):
        type_ = type_.of_type
    if isinstance(node, ObjectValueNode) and is_input_object_type(type_):
        return _built_object(node, type_)
    if isinstance(node, ObjectValueNode | ListValueNode) or not is_leaf_type(type_):
        # It may hold variables, or be something that a resolver could change.
        raise NotCovered
    constant = coerce_input_literal(node, type_)
    return lambda _variables: constant


def _or_null(coerce: Coerce, *, nullable: bool, as_it_is: type = NotCovered) -> Coerce:
    """`as_it_is` names a class whose values come out as they go in, which spares a call."""

    def or_null(value: object) -> object:
        if value.__class__ is as_it_is:
            return value
        if value is not None:
            return coerce(value)
        if nullable:
            return None
        raise NotCovered

    return or_null


def _leaf(coerce_input_value: Coerce) -> Coerce:
    def leaf(value: object) -> object:
        try:
            coerced = coerce_input_value(value)
        except Exception:  # noqa: BLE001  # a scalar says so that it refuses a value
            raise NotCovered from None
        if coerced is Undefined:
            raise NotCovered
        return coerced

    return leaf


def _object(type_: GraphQLInputObjectType) -> Coerce:
    make, names = _maker(type_)
    fields = {name: (names[name], coercer(field.type)) for name, field in type_.fields.items()}
    required = {name for name, field in type_.fields.items() if is_required_input_field(field)}

    def coerced(value: object) -> object:
        if not isinstance(value, dict) or not value.keys() >= required:
            raise NotCovered
        arguments = {}
        try:
            for name, given in value.items():
                python_name, coerce = fields[name]
                arguments[python_name] = coerce(given)
        except KeyError:
            raise NotCovered from None
        return make(**arguments)

    return coerced


def _built_object(node: ObjectValueNode, type_: GraphQLInputObjectType) -> Build:
    make, names = _maker(type_)
    fields = [
        (names[field.name.value], builder(field.value, type_.fields[field.name.value].type))
        for field in node.fields
    ]

    def built(variables: Mapping[str, Any]) -> object:
        arguments = {name: build(variables) for name, build in fields}
        return make(**{name: value for name, value in arguments.items() if value is not Undefined})

    return built


def _maker(type_: GraphQLInputObjectType) -> tuple[Callable[..., Any], dict[str, str]]:
    """The Strawberry type, and its Python names by those of GraphQL."""
    definition = definition_of(type_)
    if definition.is_one_of or definition.from_input:
        raise NotCovered
    return definition.origin, {name: python_name_of(f) for name, f in type_.fields.items()}


def python_name_of(value: GraphQLArgument | GraphQLInputField) -> str:
    """Raises `NotCovered` for what Strawberry itself converts, or gives a value if it is absent."""
    definition = definition_of(value)
    type_ = definition.type
    if isinstance(type_, StrawberryOptional) and not isinstance(type_, StrawberryMaybe):
        type_ = type_.of_type
    if (
        isinstance(type_, StrawberryMaybe)
        or type_ is GlobalID
        or value.default_value is not Undefined
    ):
        raise NotCovered
    name: str = definition.python_name
    return name

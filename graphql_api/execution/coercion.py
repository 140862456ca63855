"""Input values, coerced to what resolvers take by functions that are made once for each type."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING
from typing import Any

from graphql import (
    ArgumentNode,
    GraphQLArgument,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLString,
    ListValueNode,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    assert_input_object_type,
    assert_leaf_type,
    coerce_input_literal,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)
from graphql.pyutils import is_iterable
from strawberry import Some
from strawberry.relay import GlobalID
from strawberry.types.base import StrawberryContainer, StrawberryMaybe, StrawberryOptional

from .covered import NotCovered, definition_of

# From a value of a variable, as JSON has it, to the value that a resolver takes.
Coerce = Callable[[Any], Any]
# From the coerced variables by their names to one value of the document, or Undefined if that value
# is a variable that is absent.
Build = Callable[[Mapping[str, Any]], Any]
# Makes a default value. A resolver may change what it gets, so lists and objects are made anew each
# time.
Default = Callable[[], Any]


def coercer(type_: GraphQLInputType) -> Coerce:
    """Returns a function that coerces variables of the type. Both raise `NotCovered`."""
    nullable = not is_non_null_type(type_)
    if is_non_null_type(type_):
        type_ = type_.of_type
    if is_list_type(type_):
        return _or_null(_list(coercer(type_.of_type)), nullable=nullable)
    if is_input_object_type(type_):
        return _or_null(_object(type_), nullable=nullable)
    unchanged = str if type_ in (GraphQLString, GraphQLID) else NotCovered
    coerce = _leaf(assert_leaf_type(type_).coerce_input_value)
    return _or_null(coerce, nullable=nullable, unchanged=unchanged)


def builders(
    definitions: Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField],
    nodes: Iterable[ArgumentNode | ObjectFieldNode],
) -> list[tuple[str, Build]]:
    """Pairs of a Python name and a function that builds the value for it.

    `definitions` are the arguments of a field, or the fields of an input type, by their names, and
    `nodes` the arguments or fields that a valid document has. A definition that has neither a node
    nor a default is left out. Both this function and those that it returns raise `NotCovered`.
    """
    values = {node.name.value: node.value for node in nodes}
    found = []
    for name, definition in definitions.items():
        python_name, default = _python_name(definition), _default_of(definition)
        if name in values:
            build = builder(values[name], definition.type)
            build = _as_given(build, definition)
            if default is not None and isinstance(node := values[name], VariableNode):
                build = _built_or_default(node.name.value, build, default)
            found.append((python_name, build))
        elif default is not None:
            found.append((python_name, _built_as(default)))
    return found


def builder(node: ValueNode, type_: GraphQLInputType) -> Build:
    """Returns a function that builds a value of a valid document. Both raise `NotCovered`."""
    if isinstance(node, VariableNode):
        return _variable(node.name.value, required=is_non_null_type(type_))
    if is_non_null_type(type_):
        type_ = type_.of_type
    if isinstance(node, NullValueNode):
        return lambda _variables: None
    if is_list_type(type_):
        # A value without brackets is a list of one.
        items = node.values if isinstance(node, ListValueNode) else [node]
        return _built_list([builder(item, type_.of_type) for item in items])
    if isinstance(node, ObjectValueNode) and is_input_object_type(type_):
        return _built_object(node, type_)
    if isinstance(node, ObjectValueNode | ListValueNode) or not is_leaf_type(type_):
        # It may contain variables, or be something that a resolver could change.
        raise NotCovered
    constant = coerce_input_literal(node, type_)
    return lambda _variables: constant


def _or_null(coerce: Coerce, *, nullable: bool, unchanged: type = NotCovered) -> Coerce:
    """Values of the class `unchanged` are returned as they are, which spares a call."""

    def or_null(value: object) -> object:
        if value.__class__ is unchanged:
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
        except Exception:  # noqa: BLE001  # a scalar rejects a value by any exception
            raise NotCovered from None
        if coerced is Undefined:
            raise NotCovered
        return coerced

    return leaf


def _list(coerce: Coerce) -> Coerce:
    def coerced(value: object) -> object:
        # A value that is not a list counts as a list of one.
        return [coerce(item) for item in value] if is_iterable(value) else [coerce(value)]

    return coerced


def _object(type_: GraphQLInputObjectType) -> Coerce:
    make, names = _maker(type_)
    # By the GraphQL names.
    fields = {
        name: (names[name], _as_given(coercer(field.type), field))
        for name, field in type_.fields.items()
    }
    required = {name for name, field in type_.fields.items() if is_required_input_field(field)}
    defaults = [
        (name, names[name], default)
        for name, field in type_.fields.items()
        if (default := _default_of(field)) is not None
    ]

    def coerced(value: object) -> object:
        if not isinstance(value, dict) or not value.keys() >= required:
            raise NotCovered
        arguments = {}
        try:
            for name, sent in value.items():
                python_name, coerce = fields[name]
                arguments[python_name] = coerce(sent)
        except KeyError:
            raise NotCovered from None
        for name, python_name, default in defaults:
            if name not in value:
                arguments[python_name] = default()
        return make(**arguments)

    return coerced


def _variable(name: str, *, required: bool) -> Build:
    def variable(variables: Mapping[str, Any]) -> object:
        value = variables.get(name, Undefined)
        if required and (value is None or value is Undefined):
            raise NotCovered
        return value

    return variable


def _built_list(items: list[Build]) -> Build:
    def built(variables: Mapping[str, Any]) -> object:
        # In a list, a variable that is absent is null.
        values = (build(variables) for build in items)
        return [None if value is Undefined else value for value in values]

    return built


def _built_object(node: ObjectValueNode, type_: GraphQLInputObjectType) -> Build:
    make, _ = _maker(type_)
    fields = builders(type_.fields, node.fields)

    def built(variables: Mapping[str, Any]) -> object:
        arguments = {name: build(variables) for name, build in fields}
        return make(**{name: value for name, value in arguments.items() if value is not Undefined})

    return built


def _built_or_default(variable: str, build: Build, default: Default) -> Build:
    """A variable that is absent gives the default, and one that is null does not."""
    return lambda variables: build(variables) if variable in variables else default()


def _built_as(default: Default) -> Build:
    return lambda _variables: default()


def _default_of(definition: GraphQLArgument | GraphQLInputField) -> Default | None:
    """Makes the value of an argument or input field that is absent; None if it has no default."""
    if definition.default_value is not Undefined:
        # A `Maybe` has no default.
        return _default(definition.default_value, definition.type)
    if isinstance(definition, GraphQLInputField) and not is_required_input_field(definition):
        field = definition_of(definition)
        if field.default_value is MISSING and field.default_factory is MISSING:
            # Strawberry's own rule: the constructor of the input type requires a value, so it gets
            # None.
            return lambda: None
    return None


def _default(value: Any, type_: GraphQLInputType) -> Default:  # noqa: ANN401  # of any type
    """From a default as graphql-core has it to the same as Strawberry converts it."""
    if is_non_null_type(type_):
        type_ = type_.of_type
    if value is None or is_leaf_type(type_):
        return lambda: value
    if is_list_type(type_):
        items = [_default(item, type_.of_type) for item in value]
        return lambda: [item() for item in items]
    object_type = assert_input_object_type(type_)
    make, names = _maker(object_type)
    parts = {}
    for name, field in object_type.fields.items():
        part = _default_of(field)
        if name in value:
            part = _as_given(_default(value[name], field.type), field)
        if part is not None:
            parts[names[name]] = part
    return lambda: make(**{name: part() for name, part in parts.items()})


def _maker(type_: GraphQLInputObjectType) -> tuple[Callable[..., Any], dict[str, str]]:
    """The Strawberry type, and the Python names of its fields by their GraphQL names."""
    definition = definition_of(type_)
    if definition.is_one_of or definition.from_input:
        raise NotCovered
    return definition.origin, {name: _python_name(field) for name, field in type_.fields.items()}


def _as_given(
    make: Callable[..., Any], definition: GraphQLArgument | GraphQLInputField
) -> Callable[..., Any]:
    """Returns `make`, or for a `Maybe` a function that wraps its value in a `Some`.

    So a null that was sent differs from a value that is absent. Some types do not allow that null.
    """
    type_ = definition_of(definition).type
    if not isinstance(type_, StrawberryMaybe):
        return make
    nullable = isinstance(type_.of_type, StrawberryOptional)

    def made(*arguments: object) -> object:
        value = make(*arguments)
        if value is Undefined:
            return Undefined
        if value is None and not nullable:
            raise NotCovered
        return Some(value)

    return made


def _python_name(definition: GraphQLArgument | GraphQLInputField) -> str:
    """Raises `NotCovered` for types whose values Strawberry itself converts."""
    of_strawberry = definition_of(definition)
    type_ = of_strawberry.type
    if isinstance(type_, StrawberryMaybe):
        type_ = type_.of_type
    while isinstance(type_, StrawberryContainer) and not isinstance(type_, StrawberryMaybe):
        type_ = type_.of_type
    if isinstance(type_, StrawberryMaybe) or type_ is GlobalID:
        raise NotCovered
    name: str = of_strawberry.python_name
    return name

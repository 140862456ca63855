"""Operations that are executed by functions which are made once, and not by walking a document.

graphql-core's executor asks anew, for each field of each request, what the document and the schema
say about it. Here that is asked once. What comes out is the same; what is not covered is left to
graphql-core, with what resolvers have given already, so that none runs twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLBoolean,
    GraphQLField,
    GraphQLInputType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    Undefined,
    VariableDefinitionNode,
    get_named_type,
    is_non_null_type,
    type_from_ast,
)
from graphql.execution.values import VariableValues
from strawberry.types import Info

from .coercion import Build, Coerce, builder, builders, coercer
from .completion import Complete, Room, Selections, fragments_of
from .covered import NotCovered, definition_of

# Of the variables that may decide what is selected, so many combinations of values are prepared.
_MOST_VARIANTS = 16

# What is remembered of a document has a bound in its tokens, and so has what is remembered of its
# operations: so many fields for each token. A usual operation needs half a field, or less.
_PREPARED_FIELDS = 2
_FIELDS_IN_ANSWERS = 8


class FallBack(Exception):
    """graphql-core has to execute the operation, without calling again what has been called.

    `resolved` has what the resolvers of root fields returned so far, by the keys of the answer: a
    value, or the exception that one raised.
    """

    def __init__(self, resolved: dict[str, Any]) -> None:
        super().__init__()
        self.resolved = resolved


@dataclass(slots=True)
class _Request:
    """All that a resolver is told here of the request that it is for."""

    context: object


# Of a resolver, with its arguments.
_Call = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class _Field:
    """One field at the top."""

    key: str
    bind: Callable[[_Request, Mapping[str, Any]], _Call]
    complete: Complete

    def completed(self, resolved: object) -> object:
        if isinstance(resolved, Exception):
            raise resolved
        return self.complete(resolved)


@dataclass(frozen=True)
class _Variable:
    """How a variable is coerced; `absent` gives what stands for one that did not come."""

    name: str
    coerce: Coerce
    absent: Build
    is_boolean: bool


class PreparedOperation:
    """One operation of a valid document. Making it raises `NotCovered`."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        immutable: tuple[type, ...] = (),
    ) -> None:
        self._schema = schema
        self._immutable = immutable
        self._operation = operation
        self._fragments = fragments_of(document.definitions)
        self._variables = [_variable(schema, node) for node in operation.variable_definitions or ()]
        # Directives take no others.
        self._booleans = [variable.name for variable in self._variables if variable.is_boolean]
        operations = sum(isinstance(d, OperationDefinitionNode) for d in document.definitions)
        tokens = document.token_count // operations
        self._room = Room(_PREPARED_FIELDS * tokens, _FIELDS_IN_ANSWERS * tokens)
        # None for what is not covered.
        self._variants: dict[tuple[object, ...], list[_Field] | None] = {}

    async def execute(self, variables: Mapping[str, Any], context: object) -> dict[str, Any]:
        """The `data` of an answer without errors. Raises `FallBack`."""
        resolved: dict[str, Any] = {}
        try:
            coerced = self._coerced(variables)
            fields = self._fields(coerced)
            request = _Request(context)
            if len(fields) > 1 and self._operation.operation is OperationType.QUERY:
                # All have their arguments before one is called, or that would be called again.
                calls = [field.bind(request, coerced) for field in fields]
                results = await asyncio.gather(*map(_resolved, calls))
                resolved = {field.key: one for field, one in zip(fields, results, strict=True)}
                return {field.key: field.completed(resolved[field.key]) for field in fields}
            data = {}
            for field in fields:
                resolved[field.key] = one = await _resolved(field.bind(request, coerced))
                data[field.key] = field.completed(one)
        except Exception:  # noqa: BLE001  # whatever it is, graphql-core makes an answer of it
            raise FallBack(resolved) from None
        return data

    def _coerced(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        coerced = {}
        for variable in self._variables:
            if variable.name in variables:
                coerced[variable.name] = variable.coerce(variables[variable.name])
            elif (default := variable.absent(coerced)) is not Undefined:
                coerced[variable.name] = default
        return coerced

    def _fields(self, coerced: dict[str, Any]) -> list[_Field]:
        variant = tuple(coerced.get(name) for name in self._booleans)
        if variant not in self._variants:
            if len(self._variants) == _MOST_VARIANTS:
                raise NotCovered
            try:
                self._variants[variant] = list(self._prepared(coerced))
            except NotCovered:
                self._variants[variant] = None
        if (fields := self._variants[variant]) is None:
            raise NotCovered
        return fields

    def _prepared(self, coerced: dict[str, Any]) -> Iterator[_Field]:
        values = VariableValues({}, coerced)
        selections = Selections(
            self._schema, self._fragments, self._operation, values, self._room, self._immutable
        )
        root = cast("GraphQLObjectType", self._schema.get_root_type(self._operation.operation))
        for key, nodes in selections.root_fields(root).items():
            name = nodes[0].node.name.value
            if name == "__typename":
                yield _Field(key, _bind_type_name(root), _unchanged)
            elif (field := root.fields.get(name)) is None:
                # It asks for the schema.
                raise NotCovered
            else:
                bind = _binder(field, nodes[0].node)
                yield _Field(key, bind, selections.completer(field.type, nodes))


async def _resolved(call: _Call) -> object:
    try:
        return await call()
    except Exception as error:  # noqa: BLE001  # as graphql-core takes it
        return error


def _binder(field: GraphQLField, node: FieldNode) -> Callable[[_Request, Mapping[str, Any]], _Call]:
    """Makes calls of the resolver that Strawberry would call, with what Strawberry would pass."""
    definition = definition_of(field)
    resolver = definition.base_resolver
    if (
        definition.extensions
        or not iscoroutinefunction(getattr(resolver, "wrapped_func", None))
        or [p.name for p in resolver.reserved_parameters.values() if p is not None] != ["info"]
    ):
        raise NotCovered
    arguments = builders(field.args, node.arguments or ())

    def bind(request: _Request, variables: Mapping[str, Any]) -> _Call:
        info: Info = Info(_raw_info=cast("GraphQLResolveInfo[Any]", request), _field=definition)
        values = {name: build(variables) for name, build in arguments}
        present = {name: value for name, value in values.items() if value is not Undefined}
        return partial(resolver.wrapped_func, info=info, **present)

    return bind


def _bind_type_name(root: GraphQLObjectType) -> Callable[[_Request, Mapping[str, Any]], _Call]:
    async def type_name() -> str:
        return root.name

    return lambda _request, _variables: type_name


def _unchanged(value: object) -> object:
    return value


def _variable(schema: GraphQLSchema, node: VariableDefinitionNode) -> _Variable:
    type_ = cast("GraphQLInputType", type_from_ast(schema, node.type))
    absent: Build = _nothing
    if node.default_value is not None:
        absent = builder(node.default_value, type_)
    elif is_non_null_type(type_):
        absent = _missing
    is_boolean = get_named_type(type_) is GraphQLBoolean
    return _Variable(node.variable.name.value, coercer(type_), absent, is_boolean)


def _nothing(_variables: Mapping[str, Any]) -> Any:  # noqa: ANN401  # graphql-core's own type
    return Undefined


def _missing(_variables: Mapping[str, Any]) -> Any:  # noqa: ANN401  # it returns nothing
    raise NotCovered

"""Prepared operations: executed by functions that are made once for all requests.

graphql-core's executor looks up in the document and in the schema, for each field of each request,
how to resolve and complete it. A prepared operation looks that up once. Its answers are the same,
byte for byte. It falls back to graphql-core for everything that it does not cover, with the results
of the resolvers that it has called already, so that no resolver runs twice.
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
    get_nullable_type,
    is_non_null_type,
    type_from_ast,
)
from graphql.execution.values import VariableValues
from strawberry.types import Info

from .coercion import Build, Coerce, builder, builders, coercer
from .completion import Budget, Complete, Selections, fragments_of
from .covered import NotCovered, definition_of

# The most combinations of values of Boolean variables, which may decide what is selected.
_MAX_VARIANTS = 16

# The cache of documents counts tokens, so these bound the memory of a prepared operation: fields
# for each token. A usual operation needs half a field, or less.
_PREPARED_FIELDS = 2
_CACHED_FIELDS = 8


class FallBack(Exception):
    """graphql-core has to execute the operation, without calling any resolver a second time.

    `resolved` has the results of the resolvers that were called, by the keys of their root fields
    in the answer. A result is what the resolver returned, or the exception that it raised.
    """

    def __init__(self, resolved: dict[str, Any]) -> None:
        super().__init__()
        self.resolved = resolved


@dataclass(slots=True)
class _Request:
    """What a resolver can read of its request: Strawberry's `info.context`, and nothing else."""

    context: object


# Calls a resolver with its arguments.
_Call = Callable[[], Awaitable[Any]]


# From the coerced variables, by their names, to a call of a resolver.
_Bind = Callable[[_Request, Mapping[str, Any]], _Call]


@dataclass(frozen=True)
class _RootField:
    """How one root field is resolved and completed."""

    # In the answer.
    key: str
    bind: _Bind
    complete: Complete

    def completed(self, resolved: object) -> object:
        if isinstance(resolved, Exception):
            raise resolved
        return self.complete(resolved)


@dataclass(frozen=True)
class _Variable:
    """How one variable is coerced."""

    name: str
    coerce: Coerce
    # Builds the value of a variable that is absent; Undefined if it stays absent.
    absent: Build
    is_boolean: bool


class PreparedOperation:
    """One operation of a valid document. The constructor raises `NotCovered`."""

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
        # `@skip` and `@include` take no other variables.
        self._booleans = [variable.name for variable in self._variables if variable.is_boolean]
        operations = sum(isinstance(d, OperationDefinitionNode) for d in document.definitions)
        tokens = document.token_count // operations
        self._budget = Budget(_PREPARED_FIELDS * tokens, _CACHED_FIELDS * tokens)
        # The root fields by the values of the Boolean variables; None if they are not covered.
        self._variants: dict[tuple[object, ...], list[_RootField] | None] = {}

    async def execute(self, variables: Mapping[str, Any], context: object) -> dict[str, Any]:
        """The `data` of an answer without errors. Raises `FallBack`."""
        resolved: dict[str, Any] = {}
        try:
            coerced = self._coerced(variables)
            fields = self._fields(coerced)
            request = _Request(context)
            if len(fields) > 1 and self._operation.operation is OperationType.QUERY:
                # An invalid argument of one must be found before any resolver is called.
                calls = [field.bind(request, coerced) for field in fields]
                results = await asyncio.gather(*map(_resolved, calls))
                resolved = {field.key: one for field, one in zip(fields, results, strict=True)}
                return {field.key: field.completed(resolved[field.key]) for field in fields}
            data = {}
            for field in fields:
                resolved[field.key] = one = await _resolved(field.bind(request, coerced))
                data[field.key] = field.completed(one)
        except Exception:  # noqa: BLE001  # graphql-core answers with the right error
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

    def _fields(self, coerced: dict[str, Any]) -> list[_RootField]:
        variant = tuple(coerced.get(name) for name in self._booleans)
        if variant not in self._variants:
            if len(self._variants) == _MAX_VARIANTS:
                raise NotCovered
            try:
                self._variants[variant] = list(self._prepared(coerced))
            except NotCovered:
                self._variants[variant] = None
        if (fields := self._variants[variant]) is None:
            raise NotCovered
        return fields

    def _prepared(self, coerced: dict[str, Any]) -> Iterator[_RootField]:
        values = VariableValues({}, coerced)
        selections = Selections(
            self._schema, self._fragments, self._operation, values, self._budget, self._immutable
        )
        root = cast("GraphQLObjectType", self._schema.get_root_type(self._operation.operation))
        for key, nodes in selections.root_fields(root).items():
            name = nodes[0].node.name.value
            if name == "__typename":
                yield _RootField(key, _bind_type_name(root), _unchanged)
            elif (field := root.fields.get(name)) is None:
                # It queries the schema.
                raise NotCovered
            else:
                bind = _binder(field, nodes[0].node)
                yield _RootField(key, bind, selections.completer(field.type, nodes))


async def _resolved(call: _Call) -> object:
    try:
        return await call()
    except Exception as error:  # noqa: BLE001  # graphql-core raises a result that is an exception
        return error


def _binder(field: GraphQLField, node: FieldNode) -> _Bind:
    """Calls the resolver that Strawberry would call, with the arguments that it would pass."""
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


def _bind_type_name(root: GraphQLObjectType) -> _Bind:
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
    is_boolean = get_nullable_type(type_) is GraphQLBoolean
    return _Variable(node.variable.name.value, coercer(type_), absent, is_boolean)


def _nothing(_variables: Mapping[str, Any]) -> Any:  # noqa: ANN401  # graphql-core's own type
    return Undefined


def _missing(_variables: Mapping[str, Any]) -> Any:  # noqa: ANN401  # it returns nothing
    raise NotCovered

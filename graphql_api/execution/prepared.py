"""Prepared operations: executed by functions that are made once for all requests.

graphql-core's executor looks up in the document and in the schema, for each field of each request,
how to resolve and complete it. A prepared operation looks that up once. Its answers are the same,
byte for byte. It falls back to graphql-core for everything that it does not cover, with the results
of the resolvers that it has called already, so that no resolver runs twice.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from graphql import (
    DocumentNode,
    GraphQLBoolean,
    GraphQLInputType,
    GraphQLObjectType,
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

from .coercion import Build, Coerce, builder, coercer
from .completion import (
    Budget,
    OpenField,
    OpenFields,
    ResolverField,
    Selections,
    fragments_of,
)
from .covered import NotCovered
from .resolvers import Bind, Call, Request

# The most combinations of values of Boolean variables, which may decide what is selected.
_MAX_VARIANTS = 16

# The cache of documents counts tokens, so these bound the memory of a prepared operation: fields
# for each token. A usual operation needs half a field, or less.
_PREPARED_FIELDS = 2
_CACHED_FIELDS = 8


class FallBack(Exception):
    """graphql-core has to execute the operation, without calling any resolver a second time.

    `resolved` has the results of the resolvers that were called, by the keys of their root fields
    in the answer, and `below` has the fields below the root that were resolved. A result is what
    the resolver returned, or the exception that it raised.
    """

    def __init__(self, resolved: dict[str, Any], below: list[OpenField]) -> None:
        super().__init__()
        self.resolved = resolved
        self.below = below


class _Variant(NamedTuple):
    """What an operation selects with one combination of values of its Boolean variables."""

    root_fields: list[ResolverField]
    # None if no field below the root has a resolver.
    open_fields: OpenFields | None


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
        self._binds: dict[tuple[int, int], Bind] = {}
        # By the values of the Boolean variables; None if it is not covered.
        self._variants: dict[tuple[object, ...], _Variant | None] = {}

    async def execute(self, variables: Mapping[str, Any], context: object) -> dict[str, Any]:
        """The `data` of an answer without errors, for orjson. Raises `FallBack`.

        Objects that never change may be in it as texts of JSON.
        """
        resolved: dict[str, Any] = {}
        below: list[OpenField] = []
        try:
            coerced = self._coerced(variables)
            fields, open_fields = self._variant(coerced)
            request = Request(context)
            if len(fields) > 1 and self._operation.operation is OperationType.QUERY:
                # An invalid argument of one must be found before any resolver is called.
                calls = [field.bind(request, coerced, None) for field in fields]
                results = await asyncio.gather(*map(_resolved, calls))
                resolved = {field.key: one for field, one in zip(fields, results, strict=True)}
                found = open_fields and open_fields.start()
                data = {field.key: field.completed(resolved[field.key]) for field in fields}
                if open_fields and found:
                    await _resolve(found, open_fields, request, coerced, below)
                return data
            data = {}
            for field in fields:
                resolved[field.key] = one = await _resolved(field.bind(request, coerced, None))
                found = open_fields and open_fields.start()
                data[field.key] = field.completed(one)
                if open_fields and found:
                    await _resolve(found, open_fields, request, coerced, below)
        except Exception:  # noqa: BLE001  # graphql-core answers with the right error
            raise FallBack(resolved, below) from None
        return data

    def _coerced(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        coerced = {}
        for variable in self._variables:
            if variable.name in variables:
                coerced[variable.name] = variable.coerce(variables[variable.name])
            elif (default := variable.absent(coerced)) is not Undefined:
                coerced[variable.name] = default
        return coerced

    def _variant(self, coerced: dict[str, Any]) -> _Variant:
        booleans = tuple(map(coerced.get, self._booleans))
        if (variant := self._variants.get(booleans)) is not None:
            return variant
        if booleans in self._variants or len(self._variants) == _MAX_VARIANTS:
            raise NotCovered
        self._variants[booleans] = None
        self._variants[booleans] = variant = self._prepared(coerced)
        return variant

    def _prepared(self, coerced: dict[str, Any]) -> _Variant:
        open_fields = OpenFields()
        selections = Selections(
            self._schema,
            self._fragments,
            self._operation,
            VariableValues({}, coerced),
            self._budget,
            self._immutable,
            open_fields,
            self._binds,
        )
        root_fields = list(self._root_fields(selections))
        return _Variant(root_fields, open_fields if open_fields.selected else None)

    def _root_fields(self, selections: Selections) -> Iterator[ResolverField]:
        root = cast("GraphQLObjectType", self._schema.get_root_type(self._operation.operation))
        for key, nodes in selections.root_fields(root).items():
            node = nodes[0].node
            name = node.name.value
            if name == "__typename":
                bind = _bind_type_name(root)
                yield ResolverField(key, node, bind, is_async=True, complete=_unchanged)
            elif (field := root.fields.get(name)) is None:
                # It queries the schema.
                raise NotCovered
            else:
                yield selections.resolver_field(key, field, nodes)


async def _resolve(
    found: list[OpenField],
    open_fields: OpenFields,
    request: Request,
    variables: Mapping[str, Any],
    below: list[OpenField],
) -> None:
    """Resolves and completes these fields, then the fields that their results have, and so on.

    Adds each of them to `below`. Raises what a resolver raises, once all the others have returned.
    """
    while found:
        # An invalid argument of one must be found before any resolver is called.
        calls = [(one, one.field.bind(request, variables, one.source)) for one in found]
        below += found
        for one, call in calls:
            if not one.field.is_async:
                # Without a task, which takes longer than most of these resolvers.
                await _set_result(one, call)
        waiting = [_set_result(one, call) for one, call in calls if one.field.is_async]
        await asyncio.gather(*waiting)
        resolved, found = found, open_fields.start()
        for one in resolved:
            one.answer[one.field.key] = one.field.completed(one.result)


async def _set_result(one: OpenField, call: Call) -> None:
    one.result = await _resolved(call)


async def _resolved(call: Call) -> object:
    try:
        return await call()
    except Exception as error:  # noqa: BLE001  # graphql-core raises a result that is an exception
        return error


def _bind_type_name(root: GraphQLObjectType) -> Bind:
    async def type_name() -> str:
        return root.name

    return lambda _request, _variables, _source: type_name


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

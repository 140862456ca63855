"""Calls resolvers as Strawberry does, by functions that are made once for each selected field."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, cast

from graphql import FieldNode, GraphQLField, GraphQLResolveInfo, Undefined
from strawberry.types import Info
from strawberry.utils.await_maybe import await_maybe

from .coercion import builders
from .covered import NotCovered, definition_of


@dataclass(slots=True)
class Request:
    """What a resolver can read of its request: Strawberry's `info.context`, and nothing else."""

    context: object


# Calls a resolver with its arguments.
Call = Callable[[], Awaitable[Any]]


# From the request, the coerced variables by their names, and the object that has the field (None
# for a root field) to a call of the field's resolver. Raises `NotCovered` for an invalid argument.
Bind = Callable[[Request, Mapping[str, Any], object], Call]


def is_async(field: GraphQLField) -> bool:
    """Whether the field's resolver is a coroutine function."""
    return iscoroutinefunction(definition_of(field).base_resolver.wrapped_func)


def binder(field: GraphQLField, node: FieldNode) -> Bind:
    """Calls the resolver that Strawberry would call, with the arguments that it would pass.

    Raises `NotCovered`.
    """
    definition = definition_of(field)
    resolver = definition.base_resolver
    if definition.extensions or resolver is None:
        raise NotCovered
    function = resolver.wrapped_func if is_async(field) else _awaitable(resolver.wrapped_func)
    takes_self = resolver.self_parameter is not None
    parents = [p.name for p in (resolver.root_parameter, resolver.parent_parameter) if p]
    info = resolver.info_parameter and resolver.info_parameter.name
    arguments = builders(field.args, node.arguments or ())

    def bind(request: Request, variables: Mapping[str, Any], source: object) -> Call:
        values = {
            name: value for name, build in arguments if (value := build(variables)) is not Undefined
        }
        if info is not None:
            raw_info = cast("GraphQLResolveInfo[Any]", request)
            values[info] = Info(_raw_info=raw_info, _field=definition)
        for parent in parents:
            values[parent] = source
        return partial(function, source, **values) if takes_self else partial(function, **values)

    return bind


def _awaitable(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    async def awaited(*arguments: object, **values: object) -> object:
        return await await_maybe(function(*arguments, **values))

    return awaited

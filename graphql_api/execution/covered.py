"""What prepared operations cover: types and fields of Strawberry, treated as it treats them."""

from typing import Any

from graphql import GraphQLArgument, GraphQLField, GraphQLInputField, GraphQLNamedType
from strawberry.schema.schema_converter import GraphQLCoreConverter


class NotCovered(Exception):
    """Prepared operations do not do this: graphql-core does, or finds the error to answer with."""


def definition_of(
    of_graphql_core: GraphQLNamedType | GraphQLField | GraphQLInputField | GraphQLArgument,
) -> Any:  # noqa: ANN401  # one of Strawberry's classes
    """Strawberry's definition of a type, field or argument. Raises `NotCovered` if it has none."""
    try:
        return of_graphql_core.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    except KeyError:
        raise NotCovered from None

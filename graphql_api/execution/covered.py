"""What prepared operations cover: the types and fields that Strawberry made, used as it would."""

from typing import Any

from graphql import GraphQLArgument, GraphQLField, GraphQLInputField, GraphQLNamedType
from strawberry.schema.schema_converter import GraphQLCoreConverter


class NotCovered(Exception):
    """Only graphql-core's own executor does this, or answers it with the error that is due."""


def definition_of(
    of_graphql_core: GraphQLNamedType | GraphQLField | GraphQLInputField | GraphQLArgument,
) -> Any:  # noqa: ANN401  # Strawberry keeps it as anything
    """What Strawberry made it from. Raises `NotCovered` for what is not Strawberry's."""
    try:
        return of_graphql_core.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    except KeyError:
        raise NotCovered from None

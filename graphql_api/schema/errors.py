"""The errors of requests, which resolvers raise."""

from graphql import GraphQLError


def bad_user_input(message: str) -> GraphQLError:
    """An error with the code `BAD_USER_INPUT`: the client must send something else."""
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})

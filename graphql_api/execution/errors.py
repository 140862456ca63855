"""GraphQL errors as clients may read them: without values that were sent, and without internals."""

import re
from collections.abc import Iterable

import structlog
from graphql import GraphQLError, ValueNode
from strawberry.exceptions import StrawberryInputCoercionError

from ..faults import RETRY_AFTER_SECONDS, Fault
from ..logs import stack_frames

logger = structlog.get_logger()

# Codes of `extensions.code`, as clients of other GraphQL servers know them (Apollo Server's).
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT = "BAD_USER_INPUT"

# graphql-core ends its messages with the value that it rejects, before it the text of the exception
# that a scalar raised, and quotes strings and numbers at the end of a document that breaks off.
# Names stay.
_REJECTED_VALUE = re.compile(
    r"(?:, but encountered error|(?:[,;]? [Ff]ound|(?<=value)(?<!has invalid value)):) .*",
    re.DOTALL,
)
_QUOTED_VALUE = re.compile(
    r"(?:(?<=String)|(?<=Int)|(?<=Float)|(?<=found Name)|:|, did you mean(?= '0\.)) "
    r"('.*'|\".*\")\??",
    re.DOTALL,
)
# Around a value of an enum in a variable, which may be any text. In a document it is a name, and no
# colon is before it.
_BEFORE_ENUM_VALUE = ": Value '"
_AFTER_ENUM_VALUE = "' does not exist in "


def mask_request_errors(errors: Iterable[GraphQLError], code: str) -> None:
    """Prepares the errors of a document that is not executed; `code` is for those without one."""
    for error in errors:
        error.message = without_values(error.message)
        error.extensions = error.extensions or {"code": code}


def mask_errors(errors: Iterable[GraphQLError], *, is_mutation: bool = False) -> None:
    """Prepares the errors of an execution, and logs each failure of the server.

    With `is_mutation`, the errors also say whether the mutation stored or changed something.
    """
    for error in errors:
        cause = error.original_error
        if isinstance(cause, Fault):
            error.message = (is_mutation and cause.mutation_advice) or cause.advice
            error.extensions = {"code": cause.code, "retryAfter": RETRY_AFTER_SECONDS}
        elif isinstance(cause, GraphQLError | None) and (error.extensions or _is_input(error)):
            mask_request_errors([error], BAD_USER_INPUT)
        else:
            logger.error("A resolver failed.", exception=stack_frames(cause or error))
            error.message = "The server failed. The request is not the cause."
            error.extensions = {"code": "INTERNAL_SERVER_ERROR"}


def _is_input(error: GraphQLError) -> bool:
    """Whether graphql-core or Strawberry rejects a value that the client sent.

    The other errors of theirs reject what a resolver returned.
    """
    if error.path is None or isinstance(error.original_error, StrawberryInputCoercionError):
        # Without a path, no field was executed: a variable is invalid.
        return True
    return isinstance(next(iter(error.nodes or ()), None), ValueNode)


def without_values(message: str) -> str:
    """A message of graphql-core without the values that it repeats.

    A name that it repeats may contain lone surrogates, which JSON in UTF-8 cannot: U+FFFD replaces
    them.
    """
    message = message.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if message.startswith("Syntax Error"):
        return _QUOTED_VALUE.sub("", message).rstrip(".") + "."
    # A pattern would search for the end from each beginning, and a value may contain many of them.
    start, end = message.find(_BEFORE_ENUM_VALUE), message.rfind(_AFTER_ENUM_VALUE)
    if 0 <= start < end:
        message = f"{message[:start]}: The value{message[end + 1 :]}"
    return _REJECTED_VALUE.sub(".", message).replace("?.", "?")

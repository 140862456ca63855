"""GraphQL errors as clients may read them: without values that were sent, and without internals."""

import re
from collections.abc import Iterable

import structlog
from graphql import GraphQLError

from ..faults import Fault
from ..logs import places

logger = structlog.get_logger()

# A new primary takes some seconds to appear, and an early retry costs little.
_RETRY_AFTER_SECONDS = 1

# graphql-core ends its messages with the value that it rejects, and quotes strings and numbers
# at the end of a document that breaks off. Names stay.
_REJECTED_VALUE = re.compile(r"(?:[,;]? [Ff]ound|(?<=value)(?<!has invalid value)): .*", re.DOTALL)
_QUOTED_VALUE = re.compile(
    r"(?:(?<=String)|(?<=Int)|(?<=Float)|(?<=found Name)|:|, did you mean(?= '0\.)) "
    r"('.*'|\".*\")\??",
    re.DOTALL,
)


def mask_errors(errors: Iterable[GraphQLError]) -> None:
    """Logs each failure of the server, and leaves in each error only what a client may read."""
    for error in errors:
        cause = error.original_error
        if isinstance(cause, Fault):
            error.message = cause.advice
            error.extensions = {"code": cause.code, "retryAfter": _RETRY_AFTER_SECONDS}
        elif cause is None or isinstance(cause, GraphQLError):
            error.message = without_values(error.message)
        else:
            logger.error("A resolver failed.", exception=places(cause))
            error.message = "The server failed. The request is not the cause."
            error.extensions = {"code": "INTERNAL_SERVER_ERROR"}


def without_values(message: str) -> str:
    """A message of graphql-core without the values that it repeats.

    A name that it repeats may contain lone surrogates, which JSON in UTF-8 cannot: U+FFFD replaces
    them.
    """
    message = message.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if message.startswith("Syntax Error"):
        return _QUOTED_VALUE.sub("", message).rstrip(".") + "."
    return _REJECTED_VALUE.sub(".", message).replace("?.", "?")

"""The time limits of a request: one deadline for all its steps, and a limit for each step."""

import math
import time
from contextvars import ContextVar

# docs/guarantees.md promises an answer within this time of a request's arrival.
ANSWER_SECONDS = 5.0

# From its arrival, the deadline for all work that a request causes in the database.
REQUEST_SECONDS = 4.1

# The driver may end its work this much after the deadline, once for each request: while it looks
# for a primary, it checks the time only every half second.
GRACE_SECONDS = 0.6

# Before a customer is sent again. It may follow the grace.
PAUSE_SECONDS = 0.1

# The look-up of an API key, and of a trusted document, before the request is executed.
LOOK_UP_SECONDS = 1.0

# Fetching the public keys of an identity provider, for a token that is signed with an unknown one.
FETCH_KEYS_SECONDS = 3.0

# One count in a rate limit's shared storage. A request has two: before and after the token is
# checked.
RATE_LIMIT_SECONDS = 0.5

# The time before the deadline that is reserved for finding out whether an insert has succeeded.
RESOLVE_SECONDS = 1.0

# Nothing is sent in a batch with less time left. A healthy database needs a hundredth of this.
LEAST_SECONDS = 0.3

# docs/guarantees.md promises that `/readyz` fails within this time.
READY_ANSWER_SECONDS = 1.0

# The same as `REQUEST_SECONDS` and `GRACE_SECONDS`, for `/readyz`.
READY_SECONDS = 0.8
READY_GRACE_SECONDS = 0.1

_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


def start_deadline() -> None:
    """Starts the time of the request that the current task answers."""
    _deadline.set(time.monotonic() + REQUEST_SECONDS)


def extend_deadline(seconds: float) -> None:
    """Adds the time in which the request's own body arrived."""
    _deadline.set(_deadline.get() + seconds)


def deadline_in(seconds: float) -> float:
    """The deadline for a step that may take this long: never later than the request's own.

    It is a time of `time.monotonic`, in seconds.
    """
    return min(time.monotonic() + seconds, _deadline.get())

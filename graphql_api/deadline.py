"""One deadline for each request, however many steps it has, and what each step may take of it."""

import math
import time
from contextvars import ContextVar

# What docs/guarantees.md promises: a request that has arrived is answered within this time.
ANSWER_SECONDS = 5.0

# Whatever a request asks of the database is given up at this time, all its steps together.
REQUEST_SECONDS = 4.1

# But for this, once: while it looks for a primary, the driver looks at the time every half second
# alone.
GRACE_SECONDS = 0.6

# A token, and a trusted document, are looked up before anything is done.
LOOK_UP_SECONDS = 1.0

# Kept back from the first insert of a customer, to look afterwards what became of it.
LOOK_SECONDS = 1.0

_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


def start_deadline() -> None:
    """From now on the task that calls this has so long to answer its request."""
    _deadline.set(time.monotonic() + REQUEST_SECONDS)


def put_off_deadline(seconds: float) -> None:
    """By the time for which the request itself was still on its way."""
    _deadline.set(_deadline.get() + seconds)


def within(seconds: float) -> float:
    """The moment in so many seconds, or the request's deadline where that comes first.

    In seconds of `time.monotonic`.
    """
    return min(time.monotonic() + seconds, _deadline.get())

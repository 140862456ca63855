"""Coverage's tracers: code without one, and code with one of its own."""

import functools
import sys
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def unmeasured(function: Callable[P, T]) -> Callable[P, T]:
    """Runs the function without coverage's tracer.

    It suits a loop over very many values, and a test with random values: whether a line is covered
    must not depend on chance. Another test must cover the code that the function calls.
    """

    @functools.wraps(function)
    def run(*arguments: P.args, **named: P.kwargs) -> T:  # pragma: no cover  # no tracer sees it
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            return function(*arguments, **named)
        finally:
            # In the same frame: otherwise the tracer would lose count of the calls.
            sys.settrace(tracer)

    return run


def measured_apart(function: Callable[P, T]) -> Callable[P, T]:
    """Runs the function with a tracer of its own, as in a thread of its own.

    It suits a function that runs an event loop. Python 3.11 does not report each call of a
    coroutine that an exception is thrown into, so the tracer loses count of the calls, and does not
    see the rest of the function's callers (https://github.com/coveragepy/coveragepy/issues/2124).
    """

    @functools.wraps(function)
    def run(*arguments: P.args, **named: P.kwargs) -> T:  # pragma: no cover  # as in `unmeasured`
        tracer = sys.gettrace()
        sys.settrace(tracer and threading.gettrace())
        try:
            return function(*arguments, **named)
        finally:
            sys.settrace(tracer)

    return run

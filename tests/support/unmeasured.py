"""Code that coverage does not measure, because its tracer would take most of the time."""

import functools
import sys
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

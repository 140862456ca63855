"""Code that coverage does not measure, because its tracer would take most of the time."""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def unmeasured(function: Callable[P, T]) -> Callable[P, T]:
    """Runs the function without coverage's tracer.

    It suits a loop over very many values, and a test with random values: whether a line is covered
    must not depend on chance. Another test must cover the code that the function calls.
    """

    @functools.wraps(function)
    def run(*arguments: P.args, **named: P.kwargs) -> T:
        with untraced():
            return function(*arguments, **named)

    return run


@contextlib.contextmanager
def untraced() -> Iterator[None]:  # pragma: no cover  # no tracer sees it
    """Without coverage's tracer, as a test with the mark `unmeasured` runs."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)

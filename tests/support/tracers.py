"""Coverage's tracers: code without one, and code with one of its own."""

import functools
import sys
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def unmeasured(function: Callable[P, T]) -> Callable[P, T]:
    """Runs the function without coverage's tracer.

    It suits a loop over very many values, and a test with random values: whether a line is covered
    must not depend on chance. Another test must cover the code that the function calls.
    """
    return _traced(function, lambda _tracer: None)


def measured_apart(function: Callable[P, T]) -> Callable[P, T]:
    """Runs the function with a tracer of its own, as in a thread of its own.

    It suits a function that runs an event loop. If an exception is thrown into coroutines, Python
    3.11 does not report each call. The tracer then loses count of the calls, and does not see the
    rest of the functions that were called before the event loop began
    (https://github.com/coveragepy/coveragepy/issues/2124). Later versions report each call.
    """
    # A debugger has set no tracer for threads, and keeps its own.
    return _traced(function, lambda tracer: tracer and (threading.gettrace() or tracer))


def _traced(function: Callable[P, T], choose: Callable[[Any], Any]) -> Callable[P, T]:
    """Runs the function with the tracer that is chosen for the present one."""

    @functools.wraps(function)
    def run(*arguments: P.args, **named: P.kwargs) -> T:  # pragma: no cover  # not always traced
        tracer = sys.gettrace()
        sys.settrace(choose(tracer))
        try:
            return function(*arguments, **named)
        finally:
            # In the same frame: otherwise the tracer would lose count of the calls.
            sys.settrace(tracer)

    return run

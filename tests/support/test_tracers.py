"""Coverage sees what follows an event loop: otherwise `make test` reports a line of this file."""

import asyncio
import contextlib

from .tracers import measured_apart


async def wait_in_vain() -> str:
    """The timeout throws an exception into nested coroutines."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    return "waited"


async def wait_within_another_coroutine() -> str:
    return await wait_in_vain()


def test_coverage_sees_what_follows_an_event_loop_with_thrown_exceptions() -> None:
    outcome = measured_apart(asyncio.run)(wait_within_another_coroutine())

    # With Python 3.11, coverage does not see this line after a plain `asyncio.run`.
    assert outcome == "waited"

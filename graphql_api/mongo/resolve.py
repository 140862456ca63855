"""Finds out what became of a write that was refused, or whose outcome is unclear."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from ..customers.store import CustomerRemoved, EmailTaken
from ..deadline import PAUSE_SECONDS
from ..faults import Unavailable
from ..logs import stack_frames
from .write import Outcome

logger = structlog.get_logger()

_Found = TypeVar("_Found")


async def resolve(
    outcome: Outcome,
    send: Callable[[], Awaitable[Outcome]],
    find: Callable[[Outcome], Awaitable[_Found | None]],
    unknown: type[Exception],
) -> _Found | None:
    """Returns what `find` has found, or None if a repeated write has succeeded.

    `outcome` is that of the first try. `find` reads what is stored, and takes the worst outcome so
    far; `send` sends the write again. Both are called until their deadline. After an unclear
    outcome, only what `find` finds is proof: without it, every error becomes `unknown`. Otherwise
    raises what `send` and `find` raise.
    """
    worst = outcome
    try:
        while outcome is not Outcome.STORED:
            worst = outcome if worst is Outcome.REFUSED else worst
            found = await find(worst)
            if found is not None:
                return found
            # The write did not arrive, or not yet; a majority does not have it yet; or the
            # customer that it duplicates was rolled back. A second try is safe: an insert has the
            # same `_id`, and a change finds the same version, so it cannot succeed twice.
            await asyncio.sleep(PAUSE_SECONDS)
            outcome = await send()
    except (EmailTaken, CustomerRemoved):
        raise
    except Exception as error:
        if worst is not Outcome.UNCLEAR:
            raise
        if not isinstance(error, Unavailable | unknown):
            logger.error(  # noqa: TRY400  # the error's own text may show values
                "MongoDB does not say whether it executed a write.",
                exception=stack_frames(error),
            )
        raise unknown from None
    return None

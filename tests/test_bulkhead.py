"""So many operations at once, so many more that wait, and the rest is refused."""

import asyncio

import pytest

from graphql_api.customers.store import Unavailable
from graphql_api.mongo.bulkhead import Bulkhead


async def test_who_finds_a_place_or_may_wait_for_one_gets_it_and_the_next_is_refused() -> None:
    bulkhead = Bulkhead(at_once=2, waiting=1, seconds=60)
    inside = 0
    most_inside = 0
    leave = asyncio.Event()

    async def operation() -> None:
        nonlocal inside, most_inside
        async with bulkhead.place():
            inside += 1
            most_inside = max(most_inside, inside)
            await leave.wait()
            inside -= 1

    admitted = [asyncio.create_task(operation()) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await operation()
    leave.set()
    await asyncio.gather(*admitted)

    assert most_inside == 2
    await operation()


async def test_who_waits_too_long_is_refused() -> None:
    bulkhead = Bulkhead(at_once=1, waiting=1, seconds=0.01)

    async with bulkhead.place():
        with pytest.raises(Unavailable):
            async with bulkhead.place():
                pass  # pragma: no cover  # there is no second place

    async with bulkhead.place():
        pass

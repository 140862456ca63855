"""Rows are stored in batches, of which some are in flight at once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from graphql_api.customers import import_customers as importing
from graphql_api.customers.import_customers import Accepted, Existing, import_customers
from graphql_api.customers.problems import Rejected
from graphql_api.customers.store import StoredCustomer


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between batches, an import lets other tasks run once, however slow the clock is."""
    monkeypatch.setattr(importing, "_NEXT_MILLISECOND", 0)


class HeldImports:
    """Stores nothing before it is released. `sent` has the email addresses of each call."""

    def __init__(self) -> None:
        self.sent: list[list[str]] = []
        self.released = asyncio.Event()
        self.cancelled = 0

    async def add_new(self, new: Sequence[StoredCustomer]) -> Sequence[Existing | None]:
        self.sent.append([one.customer.email for one in new])
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return [None] * len(new)


def rows(*emails: str) -> list[dict[str, str]]:
    return [{"email": email} for email in emails]


async def in_turn(*batches: list[dict[str, str]]) -> AsyncIterator[list[dict[str, str]]]:
    for batch in batches:
        yield batch


async def sent_before_the_first_outcome(*batches: list[dict[str, str]]) -> list[list[str]]:
    imports = HeldImports()
    outcomes = import_customers(imports, in_turn(*batches))
    first = asyncio.ensure_future(anext(outcomes))
    for _ in range(20):
        await asyncio.sleep(0)
    sent = list(imports.sent)
    imports.released.set()
    await first
    assert [one async for one in outcomes] == [[Accepted.CREATED]] * (len(batches) - 1)
    return sent


async def test_two_batches_are_in_flight_at_once() -> None:
    sent = await sent_before_the_first_outcome(
        rows("a@example.com"), rows("b@example.com"), rows("c@example.com")
    )

    assert sent == [["a@example.com"], ["b@example.com"]]


async def test_a_batch_waits_for_an_earlier_one_with_the_same_address() -> None:
    sent = await sent_before_the_first_outcome(
        rows("a@example.com"), rows("A@EXAMPLE.com"), rows("c@example.com")
    )

    assert sent == [["a@example.com"]]


async def test_no_two_batches_share_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    imports = HeldImports()
    imports.released.set()
    time = datetime(2026, 11, 26, tzinfo=UTC)
    # At the start; before and after the first batch; before and after the second one.
    clock = iter(time + timedelta(milliseconds=number) for number in (0, 0, 1, 1, 2))
    pauses = 0

    async def sleep(_seconds: float) -> None:
        nonlocal pauses
        pauses += 1

    monkeypatch.setattr(importing, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
    monkeypatch.setattr(importing, "now", lambda: next(clock))

    outcomes = import_customers(imports, in_turn(rows("a@example.com"), rows("b@example.com")))

    assert [one async for one in outcomes] == [[Accepted.CREATED]] * 2
    assert pauses == 2


async def test_a_batch_without_a_valid_row_is_not_sent() -> None:
    imports = HeldImports()

    [outcomes] = [one async for one in import_customers(imports, in_turn(rows("invalid")))]

    assert isinstance(outcomes[0], Rejected)
    assert imports.sent == []


async def test_batches_in_flight_are_given_up_with_the_import() -> None:
    imports = HeldImports()
    first = asyncio.ensure_future(
        anext(import_customers(imports, in_turn(rows("a@example.com"), rows("b@example.com"))))
    )
    for _ in range(20):
        await asyncio.sleep(0)

    first.cancel()
    await asyncio.wait([first])

    assert imports.cancelled == 2


async def test_the_batches_are_taken_one_after_another() -> None:
    imports = HeldImports()
    imports.released.set()
    taken = 0

    async def batches() -> AsyncIterator[list[dict[str, str]]]:
        nonlocal taken
        for number in range(10):
            taken += 1
            yield rows(*(f"c{number}-{one}@example.com" for one in range(60)))

    done = 0
    async for outcomes in import_customers(imports, batches()):
        done += 1
        assert outcomes == [Accepted.CREATED] * 60
        assert taken <= done + 3
    assert done == 10

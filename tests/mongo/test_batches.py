"""Batches: items that wait are sent together, and each item has its own outcome."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphql_api.faults import Unavailable
from graphql_api.mongo import batches as batches_module
from graphql_api.mongo.batches import Batches

BLOCKING_SECONDS = batches_module._BLOCKING_SECONDS


@pytest.fixture(autouse=True)
def _blocking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps each batch blocking the next one, however slow this machine is."""
    monkeypatch.setattr(batches_module, "_BLOCKING_SECONDS", 60)


class Sent:
    """The batches that were sent. The test ends each of them with `end` or `fail`."""

    def __init__(self) -> None:
        self.items: list[list[int]] = []
        self.deadlines: list[float] = []
        self._ends: list[asyncio.Future[list[str | Exception]]] = []
        self._batches = asyncio.Semaphore(0)

    async def send(self, items: list[int], deadline: float) -> list[str | Exception]:
        self.items.append(items)
        self.deadlines.append(deadline)
        self._ends.append(asyncio.get_running_loop().create_future())
        self._batches.release()
        return await self._ends[-1]

    def end(self, number: int, *outcomes: str | Exception) -> None:
        """Ends a batch with these outcomes; by default, with each item as a text."""
        texts = map(str, self.items[number])
        self._ends[number].set_result(list(outcomes) or list(texts))

    def fail(self, number: int, error: Exception) -> None:
        self._ends[number].set_exception(error)

    async def another(self) -> None:
        """Waits for the next batch."""
        await self._batches.acquire()


def asked(batches: Batches[int, str], *items: int, seconds: float = 60) -> list[asyncio.Task[str]]:
    """Starts a task for each item, which asks for its outcome."""
    deadline = time.monotonic() + seconds
    return [asyncio.create_task(batches.outcome(item, deadline)) for item in items]


async def turns(count: int) -> None:
    """Lets the event loop turn this often."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_an_item_alone_is_sent_at_once() -> None:
    sent = Sent()
    [one] = asked(Batches(sent.send), 1)

    await turns(2)

    assert sent.items == [[1]]
    sent.end(0)
    assert await one == "1"


async def test_after_a_batch_of_several_the_next_waits_for_as_many_items(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches_module, "_GATHERING_SECONDS", 60)
    sent = Sent()
    batches = Batches(sent.send)
    first = asked(batches, 1, 2)
    await sent.another()
    sent.end(0)
    await asyncio.gather(*first)

    again = asked(batches, 3)
    await turns(3)
    before = len(sent.items)
    again += asked(batches, 4)
    await turns(3)

    assert (before, sent.items) == (1, [[1, 2], [3, 4]])
    sent.end(1)
    await asyncio.gather(*again)


async def test_after_a_batch_of_several_an_item_does_not_wait_long_for_others() -> None:
    sent = Sent()
    batches = Batches(sent.send)
    first = asked(batches, 1, 2)
    await sent.another()
    sent.end(0)
    await asyncio.gather(*first)

    [alone] = asked(batches, 3)
    await sent.another()

    assert sent.items == [[1, 2], [3]]
    sent.end(1)
    assert await alone == "3"


@pytest.mark.parametrize(
    ("waiting", "order"),
    [
        ([9, 10], [[*range(1, 9)], [9, 10], *"12345678", "9", "10"]),
        # The eight that are answered may have more to send.
        ([9], [[*range(1, 9)], *"12345678", [9], "9"]),
    ],
)
async def test_with_a_quarter_as_many_waiting_items_the_next_batch_is_sent_before_the_answers(
    waiting: list[int], order: list[object]
) -> None:
    happened: list[object] = []
    arrived, ended = asyncio.Event(), asyncio.Event()

    async def send(items: list[int], _deadline: float) -> list[str]:
        happened.append(items)
        arrived.set()
        await ended.wait()
        return list(map(str, items))

    async def answer(item: int) -> None:
        happened.append(await batches.outcome(item, time.monotonic() + 60))

    batches = Batches(send)
    async with asyncio.TaskGroup() as tasks:
        for item in range(1, 9):
            tasks.create_task(answer(item))
        await arrived.wait()
        for item in waiting:
            tasks.create_task(answer(item))
        await turns(1)
        ended.set()

    assert happened == order


async def test_items_that_wait_for_a_batch_are_sent_in_order_a_hundred_at_a_time() -> None:
    sent = Sent()
    batches = Batches(sent.send)
    first = asked(batches, 0)
    await sent.another()

    rest = asked(batches, *range(1, 152))
    await turns(2)
    sent.end(0)
    await sent.another()
    sent.end(1)
    await sent.another()
    sent.end(2)

    assert await asyncio.gather(*first, *rest) == [str(item) for item in range(152)]
    assert sent.items == [[0], list(range(1, 101)), list(range(101, 152))]


async def test_an_item_has_its_own_error_and_the_error_of_its_batch() -> None:
    sent = Sent()
    batches = Batches(sent.send)

    mixed = asked(batches, 1, 2, 3)
    await sent.another()
    sent.end(0, "one", ValueError("two"), "three")
    failed = asked(batches, 4, 5)
    await sent.another()
    sent.fail(1, LookupError("both"))

    outcomes = await asyncio.gather(*mixed, *failed, return_exceptions=True)
    assert list(map(repr, outcomes)) == [
        *("'one'", "ValueError('two')", "'three'"),
        *("LookupError('both')", "LookupError('both')"),
    ]


async def test_a_batch_has_the_earliest_deadline_of_its_items() -> None:
    sent = Sent()
    batches = Batches(sent.send)
    before = time.monotonic()

    tasks = [*asked(batches, 1), *asked(batches, 2, seconds=30), *asked(batches, 3)]
    await sent.another()
    sent.end(0)
    await asyncio.gather(*tasks)

    assert before + 30 <= sent.deadlines[0] <= time.monotonic() + 30


async def test_an_item_that_is_cancelled_while_it_waits_is_never_sent() -> None:
    sent = Sent()
    batches = Batches(sent.send)
    [first] = asked(batches, 1)
    await sent.another()
    [cancelled, other] = asked(batches, 2, 3)
    await turns(1)

    sent.end(0)
    cancelled.cancel()
    await sent.another()
    sent.end(1)

    assert [await first, await other] == ["1", "3"]
    assert sent.items == [[1], [3]]
    assert cancelled.cancelled()


async def test_if_all_waiting_items_are_cancelled_nothing_is_sent() -> None:
    sent = Sent()
    batches = Batches(sent.send)
    [cancelled] = asked(batches, 1)
    await turns(1)

    cancelled.cancel()
    await turns(3)
    [other] = asked(batches, 2)
    await sent.another()
    sent.end(0)

    assert await other == "2"
    assert sent.items == [[2]]


async def test_an_item_that_is_cancelled_in_flight_does_not_affect_others() -> None:
    sent = Sent()
    [cancelled, other] = asked(Batches(sent.send), 1, 2)
    await sent.another()

    cancelled.cancel()
    await turns(2)
    sent.end(0)

    assert await other == "2"
    assert cancelled.cancelled()


async def test_one_batch_and_no_more_is_sent_beside_a_batch_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches_module, "_BLOCKING_SECONDS", BLOCKING_SECONDS)
    sent = Sent()
    batches = Batches(sent.send)
    [hanging] = asked(batches, 1)
    await sent.another()

    second = asked(batches, 2, 3)
    await sent.another()
    [waiting] = asked(batches, 4)
    # Longer than the second one blocks.
    await asyncio.sleep(0.2)
    assert sent.items == [[1], [2, 3]]
    sent.end(1)
    await sent.another()
    [later] = asked(batches, 5)
    sent.end(2)
    await sent.another()
    sent.end(3)

    assert await asyncio.gather(*second, waiting, later) == ["2", "3", "4", "5"]
    assert not hanging.done()
    sent.end(0)
    assert await hanging == "1"


async def test_more_than_a_thousand_waiting_items_are_unavailable() -> None:
    sent = Sent()
    batches = Batches(sent.send)

    tasks = asked(batches, *range(1002))
    await turns(3)

    refused = [task for task in tasks if task.done()]
    assert refused == tasks[1000:]
    for task in refused:
        with pytest.raises(Unavailable):
            await task
    for number in range(10):
        await sent.another()
        sent.end(number)
    assert len(await asyncio.gather(*tasks[:1000])) == 1000


async def test_an_item_with_too_little_time_is_not_sent() -> None:
    sent = Sent()
    batches = Batches(sent.send)

    with pytest.raises(Unavailable):
        await batches.outcome(1, time.monotonic() + 0.1)

    assert sent.items == []


async def test_an_item_that_waits_too_long_is_unavailable_and_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches_module, "LEAST_SECONDS", 0)
    monkeypatch.setattr(batches_module, "_BLOCKING_SECONDS", 0)
    sent = Sent()
    batches = Batches(sent.send)
    # Its deadline passes, too, while it is in flight, which changes nothing.
    under_way = asked(batches, 1, seconds=1)
    await sent.another()
    under_way += asked(batches, 2)
    await sent.another()

    [late] = asked(batches, 3, seconds=1)
    with pytest.raises(Unavailable):
        await late
    sent.end(0)
    sent.end(1)

    assert await asyncio.gather(*under_way) == ["1", "2"]
    assert sent.items == [[1], [2]]


@dataclass(frozen=True)
class Request:
    """When a request arrives and is cancelled (None: never), in turns of the event loop."""

    arrives: int
    is_cancelled: int | None
    fails: bool


@dataclass(frozen=True)
class Batch:
    """How many turns of the event loop a batch takes, and whether it fails as a whole."""

    takes: int
    fails: bool


REQUESTS = st.lists(
    st.builds(Request, st.integers(0, 12), st.none() | st.integers(1, 20), st.booleans()),
    min_size=1,
    max_size=20,
)
BATCHES = st.lists(
    st.builds(Batch, st.integers(0, 6), st.sampled_from([False, False, True])),
    min_size=20,
    max_size=20,
)


@settings(max_examples=300, deadline=None)
@given(REQUESTS, BATCHES)
def test_each_item_has_its_own_outcome_if_some_are_cancelled_and_some_fail(
    requests: list[Request], plan: list[Batch]
) -> None:
    asyncio.run(check(requests, plan))


async def check(requests: list[Request], plan: list[Batch]) -> None:
    sent: list[list[int]] = []
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))

    async def send(items: list[int], _deadline: float) -> list[str | Exception]:
        sent.append(items)
        batch = plan[len(sent) - 1]
        await turns(batch.takes)
        if batch.fails:
            raise LookupError(f"{items}")
        return [ValueError(f"{n}") if requests[n].fails else f"{n}" for n in items]

    def expected(number: int) -> str:
        [place] = [place for place, items in enumerate(sent) if number in items]
        if plan[place].fails:
            return repr(LookupError(f"{sent[place]}"))
        return repr(ValueError(f"{number}") if requests[number].fails else f"{number}")

    batches = Batches(send)

    async def ask(number: int) -> str:
        await turns(requests[number].arrives)
        return await batches.outcome(number, time.monotonic() + 60)

    tasks = [asyncio.create_task(ask(number)) for number in range(len(requests))]
    for turn in range(21):
        for number, request in enumerate(requests):
            if request.is_cancelled == turn:
                tasks[number].cancel()
        await turns(1)
    await asyncio.wait(tasks)

    times_sent = Counter(number for items in sent for number in items)
    assert set(times_sent.values()) <= {1}
    for number, task in enumerate(tasks):
        if task.cancelled():
            assert requests[number].is_cancelled is not None
        else:
            assert repr(task.exception() or task.result()) == expected(number)
    assert complaints == []

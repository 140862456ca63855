"""What is remembered: how much, in which order, and whose is forgotten first."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphql_api.execution.fair_cache import Remembered

from ..support.unmeasured import unmeasured


def remembered(most: int, **owned: int) -> Remembered[str]:
    """Holds so many values of each owner, added one after the other: `ada0`, `ada1`."""
    values = Remembered[str](most)
    for owner, number in owned.items():
        add(values, owner, range(number))
    return values


def add(values: Remembered[str], owner: str, numbers: range) -> None:
    for number in numbers:
        values.add(f"{owner}{number}", f"value of {owner}{number}", owner, 1)


def kept(values: Remembered[str], owner: str) -> list[int]:
    """Which of an owner's values are there, which counts as asking for them."""
    return [n for n in range(100) if values.get(f"{owner}{n}") == f"value of {owner}{n}"]


def test_what_is_remembered_can_be_had_and_taken_out() -> None:
    values = remembered(2, ada=1)

    assert values.items() == [("ada0", "value of ada0")]
    assert values.get("ada0") == "value of ada0"
    assert values.pop("ada0") == "value of ada0"
    assert values.get("ada0") is None
    assert values.pop("ada0") is None


def test_one_too_many_pushes_out_what_was_not_asked_for_the_longest() -> None:
    values = remembered(3, ada=3)
    values.get("ada0")

    add(values, "ada", range(3, 5))

    assert kept(values, "ada") == [0, 3, 4]


def test_one_too_many_pushes_out_a_value_of_who_has_the_most() -> None:
    values = remembered(10, ada=3, stranger=7)

    add(values, "ada", range(3, 4))
    assert (kept(values, "ada"), kept(values, "stranger")) == ([0, 1, 2, 3], [1, 2, 3, 4, 5, 6])

    add(values, "stranger", range(7, 90))
    assert (kept(values, "ada"), kept(values, "stranger")) == (
        [0, 1, 2, 3],
        [84, 85, 86, 87, 88, 89],
    )


def test_of_owners_with_equally_many_the_oldest_value_goes() -> None:
    values = remembered(4, ada=2, grace=2)
    values.get("ada0")

    add(values, "john", range(1))
    assert (kept(values, "ada"), kept(values, "grace"), kept(values, "john")) == ([0], [0, 1], [0])

    add(values, "john", range(1, 2))
    assert (kept(values, "ada"), kept(values, "grace"), kept(values, "john")) == ([0], [1], [0, 1])


@pytest.mark.parametrize("strangers", [1, 3, 9])
def test_strangers_push_out_nothing_of_an_owner_with_a_fair_share(strangers: int) -> None:
    values = remembered(20, ada=2)

    for number in range(50):
        for stranger in range(strangers):
            add(values, f"stranger-{stranger}-", range(number, number + 1))

    assert kept(values, "ada") == [0, 1]


def test_what_is_taken_out_counts_no_more() -> None:
    values = remembered(4, ada=3)
    values.pop("ada0")
    values.pop("ada1")
    add(values, "grace", range(2))

    add(values, "john", range(2))

    assert (kept(values, "ada"), kept(values, "grace"), kept(values, "john")) == ([2], [1], [0, 1])


def test_what_weighs_more_pushes_out_more_and_what_weighs_too_much_is_not_kept() -> None:
    values = remembered(10, ada=8, grace=2)

    values.add("heavy", "value", "john", 4)
    assert (kept(values, "ada"), kept(values, "grace")) == ([4, 5, 6, 7], [0, 1])
    assert values.get("heavy") == "value"

    values.add("too heavy", "value", "john", 11)
    assert values.get("too heavy") is None
    assert (kept(values, "ada"), kept(values, "grace")) == ([4, 5, 6, 7], [0, 1])


@unmeasured
@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 12),
    st.lists(
        st.tuples(
            st.sampled_from(["add", "add", "get", "pop"]), st.sampled_from("abc"), st.integers(1, 9)
        ),
        max_size=40,
    ),
)
def test_it_does_as_it_says(most: int, steps: list[tuple[str, str, int]]) -> None:
    values = Remembered[str](most)
    # The same in the plainest words: keys, owners and weights, the oldest first.
    model: list[tuple[str, str, int]] = []

    # A number is the weight of what is added, and else how long ago that was.
    for index, (step, owner, number) in enumerate(steps):
        key = f"{index if step == 'add' else index - number}"
        known = next((one for one in model if one[0] == key), None)
        if step == "add":
            weight = (number + 2) // 3
            values.add(key, key, owner, weight)
            model.append((key, owner, weight))
            while sum(weight for _, _, weight in model) > most:
                owned: Counter[str] = Counter()
                for _, one, weight in model:
                    owned[one] += weight
                model.remove(next(m for m in model if owned[m[1]] == max(owned.values())))
        else:
            found = values.get(key) if step == "get" else values.pop(key)
            assert found == (known and key)
            if known is not None:
                model.remove(known)
                if step == "get":
                    model.append(known)

    assert values.items() == [(key, key) for key, _, _ in model]

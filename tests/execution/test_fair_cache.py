"""The fair cache: how much it holds, and whose values it evicts first."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphql_api.execution.fair_cache import FairCache

from ..support.tracers import unmeasured


def cache_of(most: int, **owned: int) -> FairCache[str]:
    """Holds a number of values of each owner, added in turn under the keys `ada0`, `ada1`."""
    values = FairCache[str](most)
    for owner, number in owned.items():
        add(values, owner, range(number))
    return values


def add(values: FairCache[str], owner: str, numbers: range) -> None:
    for number in numbers:
        values.add(f"{owner}{number}", f"value of {owner}{number}", owner, 1)


def held(values: FairCache[str], owner: str) -> list[int]:
    """The numbers of an owner's values in the cache. This counts as a use of them."""
    return [n for n in range(100) if values.get(f"{owner}{n}") == f"value of {owner}{n}"]


def test_a_value_can_be_read_and_removed() -> None:
    values = cache_of(2, ada=1)

    assert values.items() == [("ada0", "value of ada0")]
    assert values.get("ada0") == "value of ada0"
    assert values.pop("ada0") == "value of ada0"
    assert values.get("ada0") is None
    assert values.pop("ada0") is None


def test_the_least_recently_used_value_is_evicted() -> None:
    values = cache_of(3, ada=3)
    values.get("ada0")

    add(values, "ada", range(3, 5))

    assert held(values, "ada") == [0, 3, 4]


def test_a_value_of_the_owner_with_the_most_is_evicted() -> None:
    values = cache_of(10, ada=3, stranger=7)

    add(values, "ada", range(3, 4))
    assert (held(values, "ada"), held(values, "stranger")) == ([0, 1, 2, 3], [1, 2, 3, 4, 5, 6])

    add(values, "stranger", range(7, 90))
    assert (held(values, "ada"), held(values, "stranger")) == (
        [0, 1, 2, 3],
        [84, 85, 86, 87, 88, 89],
    )


def test_of_owners_with_equally_many_the_oldest_value_is_evicted() -> None:
    values = cache_of(4, ada=2, grace=2)
    values.get("ada0")

    add(values, "john", range(1))
    assert (held(values, "ada"), held(values, "grace"), held(values, "john")) == ([0], [0, 1], [0])

    add(values, "john", range(1, 2))
    assert (held(values, "ada"), held(values, "grace"), held(values, "john")) == ([0], [1], [0, 1])


@pytest.mark.parametrize("strangers", [1, 3, 9])
def test_strangers_evict_nothing_of_an_owner_with_a_fair_share(strangers: int) -> None:
    values = cache_of(20, ada=2)

    for number in range(50):
        for stranger in range(strangers):
            add(values, f"stranger-{stranger}-", range(number, number + 1))

    assert held(values, "ada") == [0, 1]


def test_a_removed_value_no_longer_counts() -> None:
    values = cache_of(4, ada=3)
    values.pop("ada0")
    values.pop("ada1")
    add(values, "grace", range(2))

    add(values, "john", range(2))

    assert (held(values, "ada"), held(values, "grace"), held(values, "john")) == ([2], [1], [0, 1])


def test_a_heavier_value_evicts_more_and_one_that_is_too_heavy_is_not_stored() -> None:
    values = cache_of(10, ada=8, grace=2)

    values.add("heavy", "value", "john", 4)
    assert (held(values, "ada"), held(values, "grace")) == ([4, 5, 6, 7], [0, 1])
    assert values.get("heavy") == "value"

    values.add("too heavy", "value", "john", 11)
    assert values.get("too heavy") is None
    assert (held(values, "ada"), held(values, "grace")) == ([4, 5, 6, 7], [0, 1])


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
def test_it_behaves_like_a_plain_model(most: int, steps: list[tuple[str, str, int]]) -> None:
    values = FairCache[str](most)
    # A plain model of the cache: keys, owners and weights, the least recently used one first.
    model: list[tuple[str, str, int]] = []

    # For `add`, the number is the weight; for other steps, how many steps ago the key was added.
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

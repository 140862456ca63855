"""A bounded cache in which no owner can evict what others need."""

from collections import Counter, OrderedDict
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class FairCache(Generic[_Value]):
    """Values by their keys, each with an owner and a weight.

    When full, it evicts the least recently used value of the owner whose values weigh the most.
    """

    def __init__(self, max_weight: int) -> None:
        """`max_weight` is that of all values together."""
        self._max_weight = max_weight
        # By the keys: a value, its owner and its weight. The least recently used one is the first.
        self._values: OrderedDict[str, tuple[_Value, str, int]] = OrderedDict()
        # The weight of all values of each owner.
        self._owned: Counter[str] = Counter()
        self._weight = 0

    def get(self, key: str) -> _Value | None:
        if (found := self._values.get(key)) is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def pop(self, key: str) -> _Value | None:
        if (found := self._values.pop(key, None)) is None:
            return None
        value, owner, weight = found
        self._weight -= weight
        self._owned[owner] -= weight
        if not self._owned[owner]:
            del self._owned[owner]
        return value

    def add(self, key: str, value: _Value, owner: str, weight: int) -> None:
        """Adds a value under a key that is new; `weight` is positive.

        A value that weighs more than `max_weight` is not stored.
        """
        self._values[key] = value, owner, weight
        self._owned[owner] += weight
        self._weight += weight
        while self._weight > self._max_weight:
            most = max(self._owned.values())
            self.pop(next(k for k, (_, o, _) in self._values.items() if self._owned[o] == most))

    def items(self) -> list[tuple[str, _Value]]:
        """All keys with their values, which does not count as a use of them."""
        return [(key, value) for key, (value, _, _) in self._values.items()]

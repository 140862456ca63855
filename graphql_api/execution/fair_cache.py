"""A bounded memory in which nobody can push out what others keep there."""

from collections import Counter, OrderedDict
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class Remembered(Generic[_Value]):
    """Values of a certain weight at most. What is too much pushes out the oldest of those who have
    the most.
    """

    def __init__(self, most: int) -> None:
        """`most` is the weight of all of them together."""
        self._most = most
        # The one that was not asked for the longest comes first.
        self._values: OrderedDict[str, tuple[_Value, str, int]] = OrderedDict()
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
        """Remembers what is not there yet; `weight` is positive."""
        self._values[key] = value, owner, weight
        self._owned[owner] += weight
        self._weight += weight
        while self._weight > self._most:
            most = max(self._owned.values())
            self.pop(next(k for k, (_, o, _) in self._values.items() if self._owned[o] == most))

    def items(self) -> list[tuple[str, _Value]]:
        """All of them, which does not count as asking for them."""
        return [(key, value) for key, (value, _, _) in self._values.items()]

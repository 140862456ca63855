"""A bounded memory in which nobody can push out what others keep there."""

from collections import Counter, OrderedDict
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class Remembered(Generic[_Value]):
    """At most so many values. One too many pushes out the oldest of those who have the most."""

    def __init__(self, most: int) -> None:
        self._most = most
        # The one that was not asked for the longest comes first.
        self._values: OrderedDict[str, tuple[_Value, str]] = OrderedDict()
        self._owned: Counter[str] = Counter()

    def get(self, key: str) -> _Value | None:
        if (found := self._values.get(key)) is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def pop(self, key: str) -> _Value | None:
        if (found := self._values.pop(key, None)) is None:
            return None
        value, owner = found
        self._owned[owner] -= 1
        if not self._owned[owner]:
            del self._owned[owner]
        return value

    def add(self, key: str, value: _Value, owner: str) -> None:
        """Remembers what is not there yet."""
        self._values[key] = value, owner
        self._owned[owner] += 1
        if len(self._values) > self._most:
            most = max(self._owned.values())
            self.pop(next(k for k, (_, o) in self._values.items() if self._owned[o] == most))

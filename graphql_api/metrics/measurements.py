"""The measurements of one server process, in plain numbers: counting must cost almost nothing."""

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from . import declared
from .declared import Metric

# The values of a metric's labels, in the order of its declaration.
Labels = tuple[str, ...]

# By metric and labels. A counter and a gauge have one number. A histogram has the count of each
# bucket, the last of which has no upper bound, and then the sum of all values.
Numbers = dict[Labels, list[float]]
Samples = dict[str, Numbers]


class Histogram:
    """Counts values in buckets, for each combination of labels."""

    def __init__(self, metric: Metric) -> None:
        self._bounds = metric.buckets
        self._numbers: Numbers = {}
        if not metric.labels:
            self._begin(())

    def observe(self, value: float, labels: Labels = ()) -> None:
        if (numbers := self._numbers.get(labels)) is None:
            numbers = self._begin(labels)
        numbers[bisect_left(self._bounds, value)] += 1
        numbers[-1] += value

    def numbers(self) -> Numbers:
        return {labels: numbers.copy() for labels, numbers in self._numbers.items()}

    def _begin(self, labels: Labels) -> list[float]:
        numbers = self._numbers[labels] = [0.0] * (len(self._bounds) + 2)
        return numbers


class SharedHistogram(Histogram):
    """A histogram that several threads may use."""

    def __init__(self, metric: Metric) -> None:
        super().__init__(metric)
        self._lock = threading.Lock()

    def observe(self, value: float, labels: Labels = ()) -> None:
        with self._lock:
            super().observe(value, labels)

    def numbers(self) -> Numbers:
        with self._lock:
            return super().numbers()


class Measurements:
    """The measurements of one server process since it started.

    Only the thread of its event loop may use this, except for `commands`. Labels never have a value
    that a client chose: clients could send any number of them.
    """

    def __init__(self) -> None:
        # By operation, type and outcome.
        self.operations: dict[Labels, int] = defaultdict(int)
        self.durations = Histogram(declared.OPERATION_DURATION)
        self.error_codes: dict[str, int] = defaultdict(int)
        self.statuses: dict[int, int] = defaultdict(int)
        # By field and problem.
        self.field_errors: dict[Labels, int] = defaultdict(int)
        self.requests_in_progress = 0
        self.batch_sizes = Histogram(declared.BATCH_SIZE)
        self.batch_waits = Histogram(declared.BATCH_WAIT)
        self.commands = SharedHistogram(declared.COMMAND_DURATION)
        # How many connections to MongoDB are open, and how many of them are in use.
        self.connections: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self.rate_limited = 0
        # By transport.
        self.subscriptions = {"event_stream": 0, "websocket": 0}
        self.paused_webhooks: Callable[[], int] = lambda: 0

    def count_batch(self, arrivals: Sequence[float], now: float) -> None:
        """Counts a batch of creations that is sent now, by the times at which they arrived."""
        self.batch_sizes.observe(len(arrivals))
        for arrival in arrivals:
            self.batch_waits.observe(now - arrival)

    def samples(self) -> Samples:
        """All numbers as they are now."""
        connections, in_use = self.connections()
        return {
            declared.OPERATIONS.name: _counts(self.operations),
            declared.OPERATION_DURATION.name: self.durations.numbers(),
            declared.ERRORS.name: _by_label(self.error_codes),
            declared.HTTP_RESPONSES.name: _by_label(self.statuses),
            declared.FIELD_ERRORS.name: _counts(self.field_errors),
            declared.REQUESTS_IN_PROGRESS.name: {(): [self.requests_in_progress]},
            declared.BATCH_SIZE.name: self.batch_sizes.numbers(),
            declared.BATCH_WAIT.name: self.batch_waits.numbers(),
            declared.COMMAND_DURATION.name: self.commands.numbers(),
            declared.CONNECTIONS.name: _by_label({"open": connections, "in_use": in_use}),
            declared.RATE_LIMITED.name: {(): [self.rate_limited]},
            declared.SUBSCRIPTIONS.name: _by_label(self.subscriptions),
            declared.PAUSED_WEBHOOKS.name: {(): [self.paused_webhooks()]},
        }


def _counts(counts: Mapping[Labels, int]) -> Numbers:
    return {labels: [count] for labels, count in counts.items()}


def _by_label(counts: Mapping[str, int] | Mapping[int, int]) -> Numbers:
    return {(str(label),): [count] for label, count in counts.items()}

"""Adds the numbers of all server processes, including those that have ended."""

import asyncio
import contextlib
import itertools
import operator
import socket
from collections.abc import Iterable, Mapping

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.utils import floatToGoString

from . import declared
from .declared import METRICS, Metric
from .measurements import Labels, Samples
from .reports import QUESTION, read_report

# How long a scrape waits for the reports of server processes.
_PATIENCE_SECONDS = 1.0


class _Process:
    """A server process, and its latest report."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        # None until the process serves.
        self.samples: Samples | None = None
        # The latest question that it has answered.
        self.answered = 0


class Totals:
    """Follows server processes, and adds their numbers. Everything happens in one event loop.

    A counter never decreases: the last report of a process that has ended, and of one that does not
    answer in time, still counts. The gauges of such a process do not.
    """

    def __init__(self, build_info: Labels, configured_workers: int) -> None:
        """`build_info` has the values of that metric's labels."""
        # How many server processes ended by themselves or were killed.
        self.restarts = 0
        self._build_info = build_info
        self._configured_workers = configured_workers
        self._processes: set[_Process] = set()
        # The counters and histograms of processes that have ended.
        self._ended: Samples = {}
        self._questions = itertools.count(1)
        self._has_changed = asyncio.Condition()

    async def follow(self, connection: socket.socket) -> None:
        """Reads the reports of a new server process until it ends."""
        reader, writer = await asyncio.open_unix_connection(sock=connection)
        process = _Process(writer)
        self._processes.add(process)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                while True:
                    number, process.samples = await read_report(reader)
                    process.answered = max(process.answered, number)
                    await self._notify()
        finally:
            writer.close()
            self._processes.remove(process)
            if process.samples is not None:
                self._ended = _sum([self._ended, _without_gauges(process.samples)])
            await self._notify()

    async def scrape(self) -> list[Family]:
        """All metrics, with a new report of each process that answers in time."""
        number = next(self._questions)
        asked = [process for process in self._processes if process.samples is not None]
        for process in asked:
            process.writer.write(QUESTION.pack(number))

        def all_have_answered() -> bool:
            return all(each.answered >= number or each not in self._processes for each in asked)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS), self._has_changed:
                await self._has_changed.wait_for(all_have_answered)
        return self._families(number)

    def _families(self, number: int) -> list[Family]:
        """The families, with the gauges of the processes that have answered this question."""
        reports = [self._ended]
        answers = 0
        for process in self._processes:
            if process.answered >= number:
                answers += 1
                reports.append(process.samples or {})
            elif process.samples is not None:
                reports.append(_without_gauges(process.samples))
        own: Samples = {
            declared.WORKERS.name: {(): [answers]},
            declared.CONFIGURED_WORKERS.name: {(): [self._configured_workers]},
            declared.WORKER_RESTARTS.name: {(): [self.restarts]},
            declared.BUILD_INFO.name: {self._build_info: [1]},
        }
        samples = _sum([*reports, own])
        return [_family(metric, samples.get(metric.name, {})) for metric in METRICS]

    async def _notify(self) -> None:
        async with self._has_changed:
            self._has_changed.notify_all()


def _without_gauges(samples: Samples) -> Samples:
    return {
        metric.name: samples[metric.name]
        for metric in METRICS
        if metric.kind in ("counter", "histogram") and metric.name in samples
    }


def _sum(reports: Iterable[Samples]) -> Samples:
    total: Samples = {}
    for metric in METRICS:
        combine = max if metric.is_maximum else operator.add
        numbers = total[metric.name] = {}
        for report in reports:
            for labels, more in report.get(metric.name, {}).items():
                before = numbers.get(labels)
                numbers[labels] = more if before is None else list(map(combine, before, more))
    return total


def _family(metric: Metric, numbers: Mapping[Labels, list[float]]) -> Family:
    """The metric in the form of `prometheus_client`."""
    match metric.kind:
        case "counter":
            counter = CounterMetricFamily(metric.name, metric.description, labels=metric.labels)
            for labels, [count] in numbers.items():
                counter.add_metric(labels, count)
            return counter
        case "gauge":
            gauge = GaugeMetricFamily(metric.name, metric.description, labels=metric.labels)
            for labels, [value] in numbers.items():
                gauge.add_metric(labels, value)
            return gauge
        case "info":
            name = metric.name.removesuffix("_info")
            [values] = numbers
            return InfoMetricFamily(
                name, metric.description, dict(zip(metric.labels, values, strict=True))
            )
    bounds = [*map(floatToGoString, metric.buckets), "+Inf"]
    histogram = HistogramMetricFamily(metric.name, metric.description, labels=metric.labels)
    for labels, (*counts, total) in numbers.items():
        buckets = list(zip(bounds, itertools.accumulate(counts), strict=True))
        histogram.add_metric(labels, buckets, total)
    return histogram

"""Scrapes of metrics, as Prometheus makes them, and their numbers."""

from collections.abc import Iterable

import httpx
from prometheus_client.core import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families

# By the name of a number, without the prefix that all have, and then the values of its labels in
# the order of the labels' names, such as `operations_total createCustomer success mutation`.
Numbers = dict[str, float]

_OPEN_METRICS = "application/openmetrics-text"


def scrape(url: str) -> Numbers:
    """The numbers of a page, in the format OpenMetrics, whose parser is strict."""
    headers = {"Accept": f"{_OPEN_METRICS}; version=1.0.0"}
    answer = httpx.get(url, headers=headers, timeout=40)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(_OPEN_METRICS)
    families = text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]  # it has no types
    return numbers(families)


def numbers(families: Iterable[Family]) -> Numbers:
    return {
        " ".join(
            [
                sample.name.removeprefix("graphql_api_"),
                *(value for _, value in sorted(sample.labels.items())),
            ]
        ): sample.value
        for family in families
        for sample in family.samples
    }


def named(name: str, scraped: Numbers) -> Numbers:
    """The numbers with this name, by their labels."""
    parts = [(*key.partition(" "), value) for key, value in scraped.items()]
    return {labels: value for first, _, labels, value in parts if first == name}


def increase(before: Numbers, after: Numbers) -> Numbers:
    """The numbers that have changed, and by how much."""
    changes = {name: value - before.get(name, 0) for name, value in after.items()}
    return {name: change for name, change in changes.items() if change}

"""The alerts and the dashboard of the cluster, and their queries."""

import json
import re
from typing import Any

import yaml

from .clusters import DEPLOY

RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads(
    (DEPLOY / "grafana/dashboards/graphql-api.json").read_text("utf-8")
)


def queries() -> list[str]:
    """Each expression of an alert, and each query of the dashboard with a period in it."""
    targets = [target for panel in DASHBOARD["panels"] for target in panel["targets"]]
    expressions = [rule["expr"] for rule in RULES] + [target["expr"] for target in targets]
    return [expression.replace("$__rate_interval", "1m") for expression in expressions]


def anchors(text: str) -> set[str]:
    """The headings that links can name."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}

"""The alerts and the dashboard of the cluster use metrics that the server has."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from graphql_api.metrics.declared import METRICS

from ..support.alerts import DASHBOARD, RULES, anchors, queries
from ..support.clusters import DEPLOY, needs_prometheus
from ..support.paths import ROOT


@needs_prometheus
@pytest.mark.parametrize(
    ("arguments"),
    [
        ("check", "config", "--lint-fatal", "prometheus.yml"),
        ("check", "rules", "--lint-fatal", "rules.yml"),
        ("test", "rules", "rules.test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_no_fault(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(  # noqa: S603  # the project's own files
        ["promtool", *arguments],  # noqa: S607  # Debian's
        cwd=DEPLOY / "prometheus",
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_metric_in_a_query_is_declared_with_the_labels_that_the_query_names() -> None:
    declared = {metric.name: metric for metric in METRICS}

    for query in queries():
        for name, labels in re.findall(r"(graphql_api_\w+)\{(.*?)\}", query):
            metric = declared[re.sub("_(bucket|count)$", "", name)]
            assert set(re.findall(r"(\w+)=", labels)) <= {"job", *metric.labels}
            for grouped in re.findall(r"by \((.*?)\)", query):
                assert set(grouped.split(", ")) <= {"le", "instance", *metric.labels}
    assert set(declared) == set(
        re.findall(r"(graphql_api_\w+?)(?:_bucket|_count)?\{", str(queries()))
    )


def test_each_alert_has_a_section_that_says_what_to_do() -> None:
    for rule in RULES:
        page, _, section = rule["annotations"]["runbook"].partition("#")
        assert section in anchors((ROOT / page).read_text("utf-8")), rule["alert"]
        assert section == re.sub("(?<!^)(?=[A-Z])", "-", rule["alert"]).lower()


def test_each_rule_is_part_of_the_rules_test() -> None:
    tested = (DEPLOY / "prometheus/rules.test.yml").read_text("utf-8")

    assert all(f'alertname="{rule["alert"]}"' in tested for rule in RULES)


def test_the_dashboard_asks_the_data_source_that_grafana_gets() -> None:
    folder = DEPLOY / "grafana/provisioning"
    [source] = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())["datasources"]
    [provider] = yaml.safe_load((folder / "dashboards/dashboards.yml").read_text())["providers"]
    scrape = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["global"]

    sources = {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]}

    assert sources == {source["uid"]}
    assert source["jsonData"]["timeInterval"] == scrape["scrape_interval"]
    assert Path(provider["options"]["path"]).name == "dashboards"
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])

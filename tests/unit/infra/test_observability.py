"""Alert rules and dashboards speak of metrics that exist, of one business alone, and lead to what to do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import promql_parser
import pytest

from infra.observability import alert_rules, dashboard, panels, prometheus_rules

ROOT = Path(__file__).resolve().parents[3]
SOURCES = (
    "trainer/serving/metrics.py",
    "trainer/health.py",
    "controllers/monitor/metrics.py",
    "controllers/traffic/metrics.py",
)
METRIC = re.compile(r"\b(?:serving|monitor|training|traffic|kube)_[a-z_]+")
SUFFIXES = ("_bucket", "_total")


def expressions() -> list[str]:
    rules = [rule.expression for rule in alert_rules("qa", 10)]
    return rules + [expression for panel in panels("qa") for expression, _ in panel.series]


def test_every_metric_is_one_that_some_part_gives() -> None:
    given = " ".join((ROOT / source).read_text(encoding="utf-8") for source in SOURCES)
    named = {name for expression in expressions() for name in METRIC.findall(expression)}
    assert len(named) >= 15
    for name in named:
        if name.startswith("kube_"):
            continue  # kube-state-metrics gives those
        base = next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)
        assert f'"{name}"' in given or f'"{base}"' in given, name


def test_every_series_is_of_the_businesss_own_namespace() -> None:
    for expression in expressions():
        assert expression.count('namespace="qa"') == len(METRIC.findall(expression)), expression


def test_prometheus_can_read_every_expression() -> None:
    for expression in expressions():
        promql_parser.parse(expression)


def test_a_deployment_without_pods_is_told_by_the_figures_of_the_cluster_and_not_by_its_own() -> None:
    rules = {rule.name: rule.expression for rule in alert_rules("qa", 10)}
    assert set(METRIC.findall(rules["DeploymentAway"])) == {
        "kube_deployment_status_replicas_available",
        "kube_deployment_spec_replicas",
    }


def test_every_alert_says_how_bad_it_is_and_where_to_read_on() -> None:
    (group,) = prometheus_rules("qa", "qa", 10)["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    assert len(names) == len(set(names)) >= 10
    for rule in group["rules"]:
        assert rule["labels"] == {"severity": rule["labels"]["severity"], "business": "qa"}
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert (ROOT / rule["annotations"]["runbook"]).exists()


def test_the_graphs_do_not_overlap() -> None:
    places = [
        (graph["gridPos"]["x"], graph["gridPos"]["y"]) for graph in dashboard("qa", "cn-hangzhou", "qa")["panels"]
    ]
    assert len(set(places)) == len(places) == 10


@pytest.mark.parametrize("region", ["cn-hangzhou", "cn-beijing"])
def test_collectors_find_rules_dashboard_and_pods(stack: object, region: str) -> None:
    run = stack.within(region)
    rules = run.one(":ConfigMap", "-alert-rules").inputs
    assert rules["metadata"]["labels"]["prometheus_rule"] == "1"
    assert json.loads(rules["data"]["rules.json"])["groups"]
    assert run.one(":ConfigMap", "-dashboard").inputs["metadata"]["labels"]["grafana_dashboard"] == "1"
    for deployment in run.of("v1:Deployment"):
        pod = deployment.inputs["spec"]["template"]
        ports = {str(port["containerPort"]) for item in pod["spec"]["containers"] for port in item["ports"]}
        assert pod["metadata"]["annotations"]["prometheus.io/port"] in ports
    opening = next(item for item in run.of(":NetworkPolicy") if item.inputs["metadata"]["name"] == "allow-metrics")
    (source,) = opening.inputs["spec"]["ingress"][0]["from"]
    assert source["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "arms-prom"}

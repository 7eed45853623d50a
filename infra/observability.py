"""A business's alert rules (Prometheus) and its dashboard (Grafana), over the metrics of servers, monitor, launcher and
traffic controller, and those that kube-state-metrics gives of the namespace's objects (`kube_...`).

A pod that is away gives no figures, and a rule over none never fires: that is what `DeploymentAway` is for.
Pure. What to do about each alert stands in docs/operations.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controllers.config.backup import BACKUP_NAME

SCRAPED_FROM = "arms-prom"
"""The namespace of ACK's metrics collector."""
RUNBOOK = "docs/operations.md"
Json = dict[str, Any]


@dataclass(frozen=True)
class AlertRule:
    """An alert: the expression that is true while something is wrong, for how long before anybody is told, and how
    badly."""

    name: str
    expression: str
    lasts: str
    severity: str
    summary: str


@dataclass(frozen=True)
class Panel:
    """A graph: its title, its unit in Grafana's words, and the series that it shows with their legends."""

    title: str
    unit: str
    series: tuple[tuple[str, str], ...]


def scrape(port: int) -> dict[str, str]:
    """Annotations by which the collector finds a pod's metrics."""
    return {"prometheus.io/scrape": "true", "prometheus.io/path": "/metrics", "prometheus.io/port": str(port)}


def alert_rules(namespace: str, timeout_seconds: float) -> tuple[AlertRule, ...]:
    """The rules of one business in one region; a server answers within `timeout_seconds` or not at all."""
    own = f'namespace="{namespace}"'
    requests = f"sum(rate(serving_requests_total{{{own}}}[5m]))"
    failed = f'sum(rate(serving_requests_total{{{own}, status=~"5.."}}[5m]))'
    slowest = f"histogram_quantile(0.99, sum by (le) (rate(serving_request_seconds_bucket{{{own}}}[5m])))"
    decision = f"histogram_quantile(0.99, sum by (le) (rate(monitor_event_to_decision_seconds_bucket{{{own}}}[5m])))"
    crashing = f'kube_pod_container_status_waiting_reason{{{own}, reason="CrashLoopBackOff"}}'
    backup = _backup(namespace)
    interval = f"kube_cronjob_next_schedule_time{backup} - kube_cronjob_status_last_schedule_time{backup}"
    return (
        AlertRule("NoServer", f"sum(serving_ready{{{own}}}) < 1", "1m", "critical", "No server of the region answers."),
        AlertRule(
            "ServersFail", f"{failed} / {requests} > 0.01", "5m", "critical", "More than 1 % of the answers are errors."
        ),
        AlertRule(
            "ServersSlow", f"{slowest} > {timeout_seconds / 2:g}", "10m", "warning",
            "1 % of the answers take more than half of the longest time that is allowed.",
        ),
        AlertRule(
            "ServersFull", f"sum(rate(serving_requests_refused_total{{{own}}}[5m])) > 0", "10m", "warning",
            "Requests are refused for want of room: raise `serving.replicas.maximum`.",
        ),
        AlertRule(
            "ModelNotLoaded", f"increase(serving_model_load_failures_total{{{own}}}[15m]) > 0", "0m", "warning",
            "A promoted model cannot be loaded; the one before it is served on.",
        ),
        AlertRule(
            "TrainingNeedsAPerson", f"sum by (fault) (monitor_alerts{{{own}}}) > 0", "0m", "critical",
            "The status monitor gave a fault up.",
        ),
        AlertRule("NobodyLeads", f"max(monitor_leading{{{own}}}) < 1", "1m", "critical", "No monitor leads."),
        AlertRule(
            "MonitorBlind", f'max(monitor_watch_connected{{{own}, kind="pods"}}) < 1', "1m", "critical",
            "The monitor does not see the job's pods.",
        ),
        AlertRule(
            "RepairRefused", f"increase(monitor_repairs_refused_total{{{own}}}[15m]) > 0", "0m", "warning",
            "The API server refused a repair.",
        ),
        AlertRule(
            "IncidentsUnsaved", f"max(monitor_incidents_unsaved{{{own}}}) > 20", "5m", "warning",
            "Incidents do not reach the bucket.",
        ),
        AlertRule("MonitorSlow", f"{decision} > 1", "5m", "warning", "From event to decision takes over a second."),
        AlertRule(
            "BackupNotProven", f"{unproven(namespace)} > 3 * ({interval})", "0m", "critical",
            "Three backups in a row were not made and proven by a restore.",
        ),
        AlertRule(
            "RegionOut", f"max by (region) (traffic_region_out{{{own}}}) > 0", "0m", "critical",
            "Users are led away from a region.",
        ),
        AlertRule(
            "RegionsCutApart", f"min by (region) (traffic_region_questioned{{{own}}}) > 0", "5m", "warning",
            "Regions do not reach each other, and users reach both.",
        ),
        AlertRule(
            "ZoneRefused", f"increase(traffic_zone_failures_total{{{own}}}[5m]) > 30", "5m", "critical",
            "The traffic controller reaches the DNS service no more: it could not switch records.",
        ),
        AlertRule(
            "EveryRegionUnwell", f"max(traffic_region_well{{{own}}}) < 1", "1m", "critical",
            "The traffic controller gets an answer from no region: all are dead, or it is cut off itself.",
        ),
        AlertRule(
            "NoAnswerThroughDNS", f"max(traffic_answer_well{{{own}}}) < 1", "1m", "critical",
            "What the business's name leads to does not answer.",
        ),
        AlertRule(
            "DeploymentAway",
            f"kube_deployment_status_replicas_available{{{own}}} < 1 and kube_deployment_spec_replicas{{{own}}} > 0",
            "3m", "critical", "No pod of {{ $labels.deployment }} is available, though some are wanted.",
        ),
        AlertRule(
            "CrashLoop",
            f"max by (pod) (max_over_time({crashing}[5m])) > 0",
            "10m", "critical", "{{ $labels.pod }} ends again and again as soon as it is started.",
        ),
    )  # fmt: skip


def unproven(namespace: str) -> str:
    """The age in seconds of the last backup that was proven: its Job succeeds only after its restore was compared."""
    return f"time() - kube_cronjob_status_last_successful_time{_backup(namespace)}"


def _backup(namespace: str) -> str:
    return f'{{namespace="{namespace}", cronjob="{BACKUP_NAME}"}}'


def prometheus_rules(business: str, namespace: str, timeout_seconds: float) -> Json:
    """The rules in Prometheus' own form (a rule file)."""
    return {
        "groups": [
            {
                "name": f"language-models-{business}",
                "rules": [
                    {
                        "alert": rule.name,
                        "expr": rule.expression,
                        "for": rule.lasts,
                        "labels": {"severity": rule.severity, "business": business},
                        "annotations": {"summary": rule.summary, "runbook": RUNBOOK},
                    }
                    for rule in alert_rules(namespace, timeout_seconds)
                ],
            }
        ]
    }


def panels(namespace: str) -> tuple[Panel, ...]:
    """What a team looks at first: answers, then servers, then training."""
    own = f'namespace="{namespace}"'
    seconds = f"sum by (le) (rate(serving_request_seconds_bucket{{{own}}}[5m]))"
    return (
        Panel("Answers", "reqps", ((f"sum by (status) (rate(serving_requests_total{{{own}}}[1m]))", "{{status}}"),)),
        Panel(
            "Time to answer", "s",
            tuple((f"histogram_quantile({share}, {seconds})", f"{share:.0%}") for share in (0.5, 0.99)),
        ),
        Panel(
            "Servers", "short",
            ((f"sum(serving_ready{{{own}}})", "ready"), (f"sum(serving_requests_in_flight{{{own}}})", "in flight"),
             (f"sum(serving_requests_queued{{{own}}})", "queued")),
        ),
        Panel("Models served", "short", ((f"count by (version) (serving_model_info{{{own}}} == 1)", "{{version}}"),)),
        Panel("Training loss", "short", ((f"max(training_loss{{{own}}})", "loss"),)),
        Panel(
            "Tasks", "short",
            ((f"max(training_tasks_done{{{own}}})", "done"), (f"max(training_tasks_remaining{{{own}}})", "remaining")),
        ),
        Panel("Open faults", "short", ((f"sum by (fault) (monitor_incidents_open{{{own}}})", "{{fault}}"),)),
        Panel(
            "Recovery", "s",
            ((f"histogram_quantile(0.9, sum by (le) (rate(monitor_recovery_seconds_bucket{{{own}}}[1h])))", "90 %"),),
        ),
        Panel(
            "Regions that answer", "short", ((f"min by (region) (traffic_region_well{{{own}}})", "{{region}}"),),
        ),
        Panel("Age of the last proven backup", "s", ((unproven(namespace), "age"),)),
    )  # fmt: skip


def dashboard(business: str, region: str, namespace: str) -> Json:
    """The dashboard as Grafana imports it: two graphs a row."""
    return {
        "uid": f"language-models-{business}-{region}"[:40],
        "title": f"{business} in {region}",
        "tags": ["language-models", business],
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "schemaVersion": 39,
        "panels": [_graph(index, panel) for index, panel in enumerate(panels(namespace))],
    }


def _graph(index: int, panel: Panel) -> Json:
    return {
        "id": index + 1,
        "type": "timeseries",
        "title": panel.title,
        "gridPos": {"h": 8, "w": 12, "x": 12 * (index % 2), "y": 8 * (index // 2)},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + position), "expr": expression, "legendFormat": legend}
            for position, (expression, legend) in enumerate(panel.series)
        ],
    }

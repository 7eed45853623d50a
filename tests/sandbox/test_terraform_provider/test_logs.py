"""The log service's resources, by the provider."""

from __future__ import annotations

import json

import pytest

from tests.sandbox.test_terraform_provider.provider import Provider

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]

PROJECT = "alicloud:log/project:Project"
STORE = "alicloud:log/store:Store"
INDEX = "alicloud:log/storeIndex:StoreIndex"
DASHBOARD = "alicloud:log/dashboard:Dashboard"
ALERT = "alicloud:log/alert:Alert"


def test_projects_stores_indexes_dashboards_and_alerts_live_and_die(provider: Provider) -> None:
    project = provider.live(
        PROJECT,
        {"projectName": "business-logs", "description": "of a business", "tags": {"a": "1"}},
        {"description": "of all businesses", "tags": {"a": "2", "b": "3"}},
        {"projectName": "business-logs", "description": "of all businesses", "tags": {"a": "2", "b": "3"}},
    )
    store = provider.live(
        STORE,
        {
            "projectName": "business-logs",
            "logstoreName": "events",
            "shardCount": 2,
            "autoSplit": True,
            "maxSplitShardCount": 8,
            "retentionPeriod": 30,
        },
        {"retentionPeriod": 90},
        {"projectName": "business-logs", "logstoreName": "events", "retentionPeriod": 90, "shardCount": 2},
    )
    assert [shard["status"] for shard in store.state["shards"]] == ["readwrite", "readwrite"]
    index = provider.live(
        INDEX,
        {"project": "business-logs", "logstore": "events", "fullText": {"caseSensitive": False, "token": " ,;"}},
        {"fieldSearches": [{"name": "level", "type": "text", "enableAnalytics": True, "token": " "}]},
        {"project": "business-logs", "logstore": "events"},
    )
    charts = [{"title": "errors", "type": "line", "search": {"logstore": "events", "query": "error"}, "display": {}}]
    dashboard = provider.live(
        DASHBOARD,
        {"projectName": "business-logs", "dashboardName": "main", "displayName": "Main", "charList": "[]"},
        {"displayName": "Main board", "charList": json.dumps(charts)},
        {"projectName": "business-logs", "dashboardName": "main", "displayName": "Main board"},
    )
    query = {
        "storeType": "log",
        "project": "business-logs",
        "store": "events",
        "query": "error",
        "region": "cn-hangzhou",
        "start": "-5m",
        "end": "now",
        "timeSpanType": "Truncated",
        "chartTitle": "errors",
        "dashboardId": "main",
        "powerSqlMode": "auto",
    }
    severity = {"severity": 8, "evalCondition": {"condition": "cnt > 3", "count_condition": "__count__ > 3"}}
    alert = provider.live(
        ALERT,
        {
            "projectName": "business-logs",
            "alertName": "many-errors",
            "alertDisplayname": "Many errors",
            "version": "2.0",
            "type": "default",
            "queryLists": [query],
            "severityConfigurations": [severity],
            "dashboard": "main",
            "autoAnnotation": True,
            "schedule": {"type": "FixedRate", "interval": "5m", "runImmediately": False},
        },
        {"alertDisplayname": "Far too many errors"},
        {"projectName": "business-logs", "alertName": "many-errors", "alertDisplayname": "Far too many errors"},
    )
    for resource in (alert, dashboard, index, store, project):
        provider.die(resource)


def test_a_metric_store_lives_and_dies(provider: Provider) -> None:
    project = provider.create(PROJECT, {"projectName": "business-metrics"})
    store = provider.create(
        STORE, {"projectName": "business-metrics", "logstoreName": "samples", "telemetryType": "Metrics"}
    )
    provider.update(store, {"retentionPeriod": 7})
    provider.die(store)
    provider.die(project)


def test_a_project_keeps_its_policy(provider: Provider) -> None:
    statement = {"Effect": "Deny", "Principal": ["*"], "Action": ["log:DeleteProject"], "Resource": "*"}
    policy = json.dumps({"Version": "1", "Statement": [statement]})
    project = provider.create(PROJECT, {"projectName": "guarded-logs", "policy": policy})
    assert json.loads(project.state["policy"])["Statement"] == [statement]
    provider.die(project)

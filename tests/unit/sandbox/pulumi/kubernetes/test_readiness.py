"""When objects of each kind are ready, and the words about those that are not. The watching is in tests/sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.pulumi.kubernetes.readiness import pods
from sandbox.pulumi.kubernetes.readiness.rules import rule_for
from sandbox.pulumi.kubernetes.readiness.verdict import selector


def verdict(kind: str, live: dict[str, Any], related: list[dict[str, Any]] | None = None) -> str:
    groups = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "Job": "batch/v1"}
    rule = rule_for(groups.get(kind, "v1"), kind)
    assert rule is not None
    found = rule.judge({"spec": {}, "metadata": {"generation": 1}, **live}, related or [])
    return f"{found.state}: {found.text}".removesuffix(": ")


@pytest.mark.parametrize(
    ("kind", "spec", "status", "expected"),
    [
        ("Deployment", {}, {}, "waiting: not seen by the deployment controller yet"),
        ("Deployment", {"replicas": 0}, {"observedGeneration": 1}, "ready"),
        ("Deployment", {"paused": True}, {}, "ready"),
        (
            "Deployment",
            {"replicas": 2},
            {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 2},
            "waiting: 2/2 available",
        ),
        (
            "Deployment",
            {},
            {
                "observedGeneration": 1,
                "conditions": [
                    {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}
                ],
            },
            "waiting: 0/1 available; FailedCreate: quota",
        ),
        (
            "StatefulSet",
            {"replicas": 2},
            {"observedGeneration": 1, "readyReplicas": 2, "updatedReplicas": 1},
            "waiting: 2/2 ready, 1/2 updated",
        ),
        (
            "StatefulSet",
            {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}},
            {"observedGeneration": 1, "readyReplicas": 2, "updatedReplicas": 1},
            "ready",
        ),
        (
            "DaemonSet",
            {},
            {"observedGeneration": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1},
            "waiting: 1/2 available",
        ),
        ("DaemonSet", {}, {"observedGeneration": 1}, "ready"),
        ("Job", {}, {"conditions": [{"type": "Complete", "status": "True"}]}, "ready"),
        ("Job", {"completions": 3}, {"succeeded": 1}, "waiting: 1/3 completed"),
        ("Job", {"suspend": True}, {}, "ready"),
        ("PersistentVolumeClaim", {}, {"phase": "Bound"}, "ready"),
        ("PersistentVolumeClaim", {}, {"phase": "Lost"}, "failed: its volume is lost"),
        ("Namespace", {}, {"phase": "Terminating"}, "waiting: it is Terminating"),
        ("Pod", {}, {"phase": "Succeeded"}, "ready"),
        ("Pod", {}, {"phase": "Failed", "reason": "Evicted"}, "failed: Evicted"),
        ("Service", {"type": "ExternalName"}, {}, "ready"),
        ("Service", {"selector": {"a": "b"}, "clusterIP": "None"}, {}, "ready"),
        ("Service", {"selector": {"a": "b"}}, {}, "waiting: no pod has the labels of its selector, a=b"),
        ("Service", {"type": "LoadBalancer"}, {}, "waiting: the load balancer has no address yet"),
        ("Service", {"type": "LoadBalancer"}, {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]}}, "ready"),
    ],
)
def test_readiness_by_kind(kind: str, spec: dict[str, Any], status: dict[str, Any], expected: str) -> None:
    assert verdict(kind, {"spec": spec, "status": status}) == expected


def test_a_kind_without_a_rule_is_ready_once_it_exists() -> None:
    assert rule_for("networking.k8s.io/v1", "Ingress") is None
    assert rule_for("v1", "ConfigMap") is None


def pod(name: str = "p", **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": status}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes are available",
                    }
                ]
            },
            "Unschedulable: 0/3 nodes are available",
        ),
        (
            {"containerStatuses": [{"name": "a", "state": {"waiting": {"reason": "ContainerCreating"}}}]},
            "ContainerCreating",
        ),
        (
            {
                "containerStatuses": [
                    {
                        "name": "a",
                        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                        "lastState": {"terminated": {"exitCode": 3}},
                    }
                ]
            },
            "CrashLoopBackOff: container a ended with exit code 3 before",
        ),
        (
            {
                "initContainerStatuses": [
                    {"name": "i", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
                ],
                "phase": "Running",
            },
            "running, but not ready",
        ),
        ({}, "not seen by a node yet"),
    ],
)
def test_a_pod_says_in_one_line_why_it_is_not_ready(status: dict[str, Any], expected: str) -> None:
    assert pods.why(pod(**status)) == expected


def test_of_many_pods_some_are_shown_and_the_rest_counted() -> None:
    lines = pods.reasons([pod(f"p{number}") for number in range(8)])
    assert len(lines) == pods.MOST_PODS + 1
    assert lines[-1] == "and 3 pods more"


def test_a_label_selector_becomes_a_query() -> None:
    labels = {
        "matchLabels": {"a": "b"},
        "matchExpressions": [{"key": "c", "operator": "In", "values": ["d", "e"]}, {"key": "f", "operator": "Exists"}],
    }
    assert selector(labels) == "a=b,c in (d,e),f"

"""Kubernetes' objects as the monitor's values: what each status shows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lightkube.resources.core_v1 import Node, Pod, ResourceQuota

from controllers.config.monitor import MonitorSettings
from controllers.monitor import cluster
from controllers.monitor.model import Role

SETTINGS = MonitorSettings(business="qa", namespace="qa", region="cn-hangzhou", bucket="b")
JOB = {"elasticdl-job-name": "language-model", "elasticdl-replica-type": "worker", "elasticdl-replica-index": "3"}
PROGRESS = {
    "step": 120,
    "epoch": 1,
    "done": 7,
    "left": 30,
    "given_again": 1,
    "wanted": 3,
    "workers": {"3": {"quiet": 0.4, "tasks": 2, "batches": 16, "seconds": 1.5, "standby": False}},
}


def pod(status: dict[str, Any], labels: dict[str, str] | None = None, **metadata: Any) -> Any:
    return cluster.pod_of(
        Pod.from_dict(
            {
                "metadata": {
                    "name": "elasticdl-language-model-worker-3",
                    "uid": "u",
                    "resourceVersion": "44",
                    "creationTimestamp": "2026-11-26T12:00:00Z",
                    "labels": labels or JOB,
                    **metadata,
                },
                "spec": {"nodeName": "n1", "containers": [{"name": "c", "resources": {"limits": {"memory": "4Gi"}}}]},
                "status": status,
            }
        ),
        SETTINGS,
    )


def container(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": "c", "image": "i", "imageID": "", "ready": False, "restartCount": 0, "state": state}]


def test_a_worker_is_known_by_elasticdls_labels() -> None:
    found = pod({"phase": "Running"})
    assert (found.role, found.index, found.node, found.version) == (Role.WORKER, 3, "n1", 44)
    assert found.memory_mebibytes == 4096
    assert found.controlled
    assert found.created == 1_795_694_400.0


def test_a_pod_of_another_job_is_not_ours() -> None:
    assert pod({"phase": "Running"}, {**JOB, "elasticdl-job-name": "other"}).role is Role.OTHER


def test_the_launcher_is_known_by_its_deployment() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "training-7d9f", "uid": "r", "controller": True}
    found = pod({"phase": "Running"}, {"a": "b"}, ownerReferences=[owner])
    assert found.role is Role.LAUNCHER
    assert found.controlled


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (
            {
                "phase": "Failed",
                "containerStatuses": container({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
            },
            {"exit_code": 137, "end_reason": "OOMKilled"},
        ),
        ({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, {"reason": "Evicted"}),
        (
            {
                "phase": "Pending",
                "containerStatuses": container({"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}),
            },
            {"waiting": "ImagePullBackOff", "message": "not found"},
        ),
        (
            {
                "phase": "Pending",
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
                ],
            },
            {"unschedulable": True, "message": "0/3 nodes"},
        ),
        (
            {
                "phase": "Running",
                "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}],
            },
            {"disruption": "PreemptionByScheduler"},
        ),
    ],
)
def test_every_kind_of_end_and_of_waiting_is_read(status: dict[str, Any], expected: dict[str, Any]) -> None:
    found = pod(status)
    assert {name: getattr(found, name) for name in expected} == expected


def master(annotations: dict[str, str], **more: str) -> Any:
    labels = {"elasticdl-job-name": "language-model", "elasticdl-replica-type": "master", **more}
    return pod({"phase": "Running"}, labels, annotations=annotations)


def test_the_masters_heartbeat_is_read_from_its_annotation() -> None:
    found = master({"language-models/progress": json.dumps(PROGRESS)}, status="Finished")
    assert found.progress is not None
    assert (found.progress.step, found.progress.done, found.progress.given_again) == (120, 7, 1)
    assert found.progress.workers[3].batches == 16
    assert found.progress.wanted == 3
    assert found.finished


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"workers": 3}', '{"workers": {"x": {}}}'])
def test_a_damaged_heartbeat_is_none(text: str) -> None:
    assert master({"language-models/progress": text}).progress is None


def test_a_node_is_ready_only_when_its_condition_says_so() -> None:
    def node(status: str) -> Any:
        return cluster.node_of(
            Node.from_dict(
                {
                    "metadata": {"name": "n", "resourceVersion": "3"},
                    "spec": {"unschedulable": True},
                    "status": {
                        "allocatable": {"memory": "15Gi"},
                        "conditions": [{"type": "Ready", "status": status}],
                    },
                }
            )
        )

    assert [node(status).ready for status in ("True", "False", "Unknown")] == [True, False, False]
    assert node("True").cordoned
    assert node("True").memory_mebibytes == 15 * 1024


def test_the_tightest_quota_says_how_much_memory_is_free() -> None:
    def quota(hard: str, used: str) -> Any:
        return ResourceQuota.from_dict(
            {
                "metadata": {"name": "q"},
                "status": {"hard": {"requests.memory": hard}, "used": {"requests.memory": used}},
            }
        )

    assert cluster.free_memory([quota("20Gi", "13824Mi"), quota("64Gi", "1Gi")]) == 20 * 1024 - 13_824
    assert cluster.free_memory([]) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4Gi", 4 << 30), ("100Mi", 100 << 20), ("1500m", 1), ("2k", 2000), ("7", 7), ("1e3", 1000), ("0", 0)],
)
def test_kubernetes_quantities(text: str, expected: int) -> None:
    assert cluster.quantity(text) == expected

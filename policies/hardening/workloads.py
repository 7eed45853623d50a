"""Where pods and their containers stand in the objects that make them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.model import Resource
from policies.values import at, items

_APPS = "kubernetes:apps/v1:"
_BATCH = "kubernetes:batch/v1:"
POD = "kubernetes:core/v1:Pod"
CRON_JOB = f"{_BATCH}CronJob"
WORKLOADS = (
    *(f"{_APPS}{kind}" for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")),
    f"{_BATCH}Job", CRON_JOB, POD,
)  # fmt: skip


def pod_spec(workload: Resource) -> Any:
    """The specification of the pods that a workload makes."""
    if workload.type == POD:
        return workload.at("spec")
    if workload.type == CRON_JOB:
        return workload.at("spec.jobTemplate.spec.template.spec")
    return workload.at("spec.template.spec")


def pod_labels(workload: Resource) -> Any:
    """The labels of the pods that a workload makes."""
    if workload.type == POD:
        return workload.at("metadata.labels")
    if workload.type == CRON_JOB:
        return workload.at("spec.jobTemplate.spec.template.metadata.labels")
    return workload.at("spec.template.metadata.labels")


def containers(workload: Resource) -> Iterator[tuple[str, Any]]:
    """Every container, those that run first too, by its name."""
    spec = pod_spec(workload)
    for key in ("initContainers", "containers"):
        for container in items(at(spec, key)):
            yield str(at(container, "name")), container

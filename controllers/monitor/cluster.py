"""Kubernetes' objects as the monitor's own values."""

from __future__ import annotations

import json
from typing import Any

from controllers.config.monitor import MonitorSettings
from controllers.monitor.model import (
    AVOIDED_NODES_ANNOTATION,
    PROGRESS_ANNOTATION,
    REMOVAL_ANNOTATION,
    WORKER_MEMORY_ANNOTATION,
    Node,
    Pod,
    Progress,
    Role,
)

JOB, REPLICA_TYPE, REPLICA_INDEX = "elasticdl-job-name", "elasticdl-replica-type", "elasticdl-replica-index"
ROLES = {"master": Role.MASTER, "worker": Role.WORKER, "ps": Role.PARAMETER_SERVER}
FINISHED = "Finished"
"""ElasticDL's own label on its master's pod."""
MEBIBYTE = 1 << 20
UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def pod_of(found: Any, settings: MonitorSettings) -> Pod:
    """A pod as far as faults show in it."""
    metadata, spec, status = found.metadata, found.spec, found.status
    labels, annotations = metadata.labels or {}, metadata.annotations or {}
    role = _role(metadata, labels, settings)
    index = labels.get(REPLICA_INDEX, "")
    container = (status.containerStatuses or [None])[0] if status else None
    state = container.state if container else None
    ended = state.terminated if state else None
    waits = state.waiting if state else None
    conditions = {condition.type: condition for condition in (status.conditions or [])} if status else {}
    scheduled, disruption = conditions.get("PodScheduled"), conditions.get("DisruptionTarget")
    unschedulable = scheduled is not None and scheduled.status == "False" and scheduled.reason == "Unschedulable"
    message = next(
        (
            text
            for text in (
                waits.message if waits else None,
                ended.message if ended else None,
                status.message if status else None,
                scheduled.message if unschedulable and scheduled else None,
            )
            if text
        ),
        "",
    )
    limits = (spec.containers[0].resources.limits if spec and spec.containers[0].resources else None) or {}
    return Pod(
        name=metadata.name,
        uid=metadata.uid or "",
        version=int(metadata.resourceVersion or 0),
        role=role,
        index=int(index) if index.isdigit() else 0,
        phase=(status.phase if status else None) or "Pending",
        node=(spec.nodeName if spec else None) or "",
        reason=(status.reason if status else None) or "",
        exit_code=ended.exitCode if ended else None,
        end_reason=(ended.reason if ended else None) or "",
        waiting=(waits.reason if waits else None) or "",
        message=message,
        unschedulable=unschedulable,
        disruption=(disruption.reason or "") if disruption is not None and disruption.status == "True" else "",
        deleting=metadata.deletionTimestamp is not None,
        ready=(ready := conditions.get("Ready")) is not None and ready.status == "True",
        grace_seconds=float(metadata.deletionGracePeriodSeconds or 0),
        controlled=role in ROLES.values() or any(owner.controller for owner in metadata.ownerReferences or []),
        memory_mebibytes=quantity(str(limits.get("memory", "0"))) // MEBIBYTE,
        created=metadata.creationTimestamp.timestamp() if metadata.creationTimestamp else 0.0,
        progress=_progress(annotations) if role is Role.MASTER else None,
        given_mebibytes=int(annotations.get(WORKER_MEMORY_ANNOTATION, "0") or 0),
        avoided=tuple(filter(None, annotations.get(AVOIDED_NODES_ANNOTATION, "").split(","))),
        removal=REMOVAL_ANNOTATION in annotations,
        finished=role is Role.MASTER and labels.get("status") == FINISHED,
    )


def node_of(found: Any) -> Node:
    """A node: whether it is ready, cordoned, and how much memory pods may use of it."""
    conditions = (found.status.conditions if found.status else None) or []
    allocatable = (found.status.allocatable if found.status else None) or {}
    return Node(
        name=found.metadata.name,
        version=int(found.metadata.resourceVersion or 0),
        ready=any(condition.type == "Ready" and condition.status == "True" for condition in conditions),
        cordoned=bool(found.spec and found.spec.unschedulable),
        memory_mebibytes=quantity(str(allocatable.get("memory", "0"))) // MEBIBYTE,
    )


def free_memory(quotas: list[Any]) -> int | None:
    """MiB that the namespace's tightest quota still leaves; None without one."""
    left = []
    for quota in quotas:
        hard = ((quota.status.hard if quota.status else None) or {}).get("requests.memory")
        used = ((quota.status.used if quota.status else None) or {}).get("requests.memory", "0")
        if hard is not None:
            left.append((quantity(str(hard)) - quantity(str(used))) // MEBIBYTE)
    return min(left) if left else None


def quantity(text: str) -> int:
    """Kubernetes' quantity in bytes (or whole units)."""
    for unit, factor in UNITS.items():
        if text.endswith(unit):
            return int(float(text.removesuffix(unit)) * factor)
    if text.endswith("m"):
        return int(float(text.removesuffix("m")) / 1000)
    return int(float(text or 0))


def _role(metadata: Any, labels: dict[str, str], settings: MonitorSettings) -> Role:
    if labels.get(JOB) == settings.job_name:
        return ROLES.get(labels.get(REPLICA_TYPE, ""), Role.OTHER)
    for owner in metadata.ownerReferences or []:
        if owner.kind == "ReplicaSet" and owner.name.rpartition("-")[0] == settings.deployment:
            return Role.LAUNCHER
    return Role.OTHER


def _progress(annotations: dict[str, str]) -> Progress | None:
    try:
        return Progress.of(json.loads(annotations[PROGRESS_ANNOTATION]))
    except (KeyError, ValueError):
        return None

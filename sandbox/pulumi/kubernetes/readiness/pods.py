"""Why a pod is not ready, in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.pulumi.kubernetes.readiness.verdict import Object, condition

MOST_PODS = 5
"""More lines would push the reason out of sight; the pods of one workload mostly share it."""


def is_ready(pod: Object) -> bool:
    """Whether the pod takes part in its service."""
    return condition(pod, "Ready").get("status") == "True"


def reasons(pods: Sequence[Object]) -> list[str]:
    """A line for each pod that is not ready, at most MOST_PODS of them and the number of the rest."""
    lines = [f"pod {pod['metadata']['name']}: {why(pod)}" for pod in pods if not is_ready(pod)]
    if len(lines) > MOST_PODS:
        lines = [*lines[:MOST_PODS], f"and {len(lines) - MOST_PODS} pods more"]
    return lines


def why(pod: Object) -> str:
    """What this pod waits for."""
    status = pod.get("status", {})
    if pod.get("metadata", {}).get("deletionTimestamp"):
        return "terminating"
    if status.get("phase") == "Failed":
        return _join(status.get("reason") or "failed", status.get("message") or _exit(status))
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return _join(scheduled.get("reason") or "Unschedulable", scheduled.get("message"))
    for group in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(group) or []:
            found = _container(container, is_init=group.startswith("init"))
            if found:
                return found
    if status.get("phase") == "Running":
        return "running, but not ready"
    return str(status.get("phase") or "not seen by a node yet")


def _container(container: dict[str, Any], *, is_init: bool) -> str:
    state = container.get("state", {})
    waiting, ended = state.get("waiting"), state.get("terminated")
    if waiting:
        last = container.get("lastState", {}).get("terminated")
        message = waiting.get("message")
        if last:
            message = f"container {container['name']} ended with exit code {last.get('exitCode')} before"
        return _join(waiting.get("reason") or "waiting", message)
    if ended and not (is_init and ended.get("exitCode") == 0):
        return _join(ended.get("reason") or "ended", f"container {container['name']} exit code {ended.get('exitCode')}")
    return ""


def _exit(status: Object) -> str:
    for container in status.get("containerStatuses") or []:
        ended = container.get("state", {}).get("terminated")
        if ended:
            return f"container {container['name']} ended with exit code {ended.get('exitCode')}"
    return ""


def _join(reason: Any, message: Any) -> str:
    return f"{reason}: {message}" if message else str(reason)

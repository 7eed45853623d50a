"""The taints by which cluster-autoscaler marks nodes; a mark's value is when it was set, in seconds of the epoch."""

from __future__ import annotations

import datetime
from typing import Any

from sandbox.cloud.controllers.autoscaling.placement import Json

CANDIDATE = "DeletionCandidateOfClusterAutoscaler"
"""Not needed since; the scheduler avoids it where it can."""
LEAVING = "ToBeDeletedByClusterAutoscaler"
"""Being emptied since."""
EFFECTS = {CANDIDATE: "PreferNoSchedule", LEAVING: "NoSchedule"}


def marked_since(node: Json, key: str) -> datetime.datetime | None:
    """When the node was marked; None when it is not, or not by us."""
    for taint in (node.get("spec") or {}).get("taints") or []:
        if taint["key"] == key and str(taint.get("value", "")).isdecimal():
            return datetime.datetime.fromtimestamp(int(taint["value"]), datetime.UTC)
    return None


def with_mark(node: Json, key: str, now: datetime.datetime) -> dict[str, Any]:
    """The patch that marks a node."""
    taint = {"key": key, "value": str(int(now.timestamp())), "effect": EFFECTS[key]}
    return _patch(node, [*_others(node, key), taint])


def without_mark(node: Json, *keys: str) -> dict[str, Any]:
    """The patch that takes marks away."""
    return _patch(node, _others(node, *keys))


def _others(node: Json, *keys: str) -> list[Json]:
    return [taint for taint in (node.get("spec") or {}).get("taints") or [] if taint["key"] not in keys]


def _patch(node: Json, taints: list[Json]) -> dict[str, Any]:
    """With the node's version: a merge patch replaces the whole list, so a change meanwhile must make it fail."""
    return {
        "metadata": {"resourceVersion": node["metadata"].get("resourceVersion")},
        "spec": {"taints": taints or None},
    }

"""What the sections of a request's body may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.cloud.core.service import Call
from sandbox.cloud.cs.errors import invalid

EFFECTS = ("NoSchedule", "NoExecute", "PreferNoSchedule")


def section(call: Call, name: str) -> dict[str, Any]:
    """A section of the request's body, without fields that are null; empty when absent."""
    value = call.parameters.raw(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(name, value, "it must be an object")
    return {key: item for key, item in value.items() if item is not None}


def texts(name: str, value: Any) -> list[str]:
    """A list of texts; empty when absent."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid(name, value, "it must be a list of texts")
    return list(value)


def objects(name: str, value: Any, mandatory: str) -> list[dict[str, Any]]:
    """A list of objects that all have the field `mandatory`; empty when absent."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid(name, value, "it must be a list of objects")
    for item in value:
        if not isinstance(item, dict) or not isinstance(item.get(mandatory), str) or not item[mandatory]:
            raise invalid(name, item, f"each item is an object with a text {mandatory!r}")
    return list(value)


def whole(name: str, value: Any) -> int:
    """A count that is zero or more."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise invalid(name, value, "it must be a whole number") from None
    if number < 0:
        raise invalid(name, value, "it must be 0 or more")
    return number


def tags(name: str, value: Any) -> dict[str, str]:
    """Tags in the container service's form: a list of objects with key and value."""
    return {item["key"]: str(item.get("value") or "") for item in objects(name, value, "key")}


def check_kubernetes_config(config: Mapping[str, Any]) -> None:
    """Refuse labels without a key and taints without a known effect."""
    objects("kubernetes_config.labels", config.get("labels"), "key")
    for taint in objects("kubernetes_config.taints", config.get("taints"), "key"):
        if taint.get("effect") not in EFFECTS:
            raise invalid("kubernetes_config.taints", taint, f"a taint's effect is one of {', '.join(EFFECTS)}")


def initial_size(group: Mapping[str, Any], scaling: Mapping[str, Any], count: Any) -> int:
    """How many nodes a new pool has: its minimum under an autoscaler, otherwise what it desires."""
    if scaling.get("enable"):
        lowest, _ = limits(scaling)
        return lowest
    return whole("scaling_group.desired_size", group.get("desired_size", count or 0))


def changed_size(size: int, given: Mapping[str, Any], scaling: Mapping[str, Any], count: Any) -> int:
    """How many nodes a pool of `size` has after a change: within an autoscaler's limits, otherwise as desired."""
    if scaling.get("enable"):
        lowest, highest = limits(scaling)
        return max(lowest, min(size, highest))
    if "desired_size" in given:
        return whole("scaling_group.desired_size", given["desired_size"])
    return size + (whole("count", count) if count else 0)


def limits(scaling: Mapping[str, Any]) -> tuple[int, int]:
    """The fewest and most nodes that an autoscaler may make."""
    lowest = whole("auto_scaling.min_instances", scaling.get("min_instances", 0))
    highest = whole("auto_scaling.max_instances", scaling.get("max_instances", lowest))
    if highest < lowest:
        raise invalid("auto_scaling.max_instances", highest, f"it is below min_instances, {lowest}")
    return lowest, highest

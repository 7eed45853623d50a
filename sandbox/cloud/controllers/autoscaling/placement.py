"""Where a pod may run: what the scheduler asks of a node, as far as it decides whether a pool's node would help.

Compared are requests (extended resources too), node selectors, required node affinity, taints, and the number of pods;
with `near_volumes`, also where the pod's volumes can be mounted. Not compared: affinity between pods, spread and host
ports. A pod that fits by what is compared and still does not run gets a node at most once, because from then on it
counts as fitting the node that is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.cloud.controllers.quantities import quantity

Json = Mapping[str, Any]
Resources = dict[str, int]
"""Amounts in thousandths of a resource's unit (cores, bytes, devices)."""

CORDON = {"key": "node.kubernetes.io/unschedulable", "value": "", "effect": "NoSchedule"}
GPU = "nvidia.com/gpu"


@dataclass(frozen=True)
class Machine:
    """A node, or what a pool's next one would be."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Mapping[str, str], ...]
    allocatable: Mapping[str, int]


@dataclass
class Room:
    """A machine and what is free on it."""

    machine: Machine
    free: Resources = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.free:
            self.free = dict(self.machine.allocatable)

    def take(self, pod: Json) -> None:
        """Count a pod as running there."""
        for name, amount in requests(pod).items():
            self.free[name] = self.free.get(name, 0) - amount

    def why_not(self, pod: Json) -> list[str]:
        """What keeps a pod from running there, in the scheduler's words; empty when nothing does."""
        reasons = [
            f"Insufficient {name}"
            for name, amount in sorted(requests(pod).items())
            if amount > 0 and amount > self.free.get(name, 0)
        ]
        return [*mismatches(pod, self.machine), *reasons]


def amounts(resources: Json | None) -> Resources:
    """A mapping of quantities in thousandths."""
    return {name: quantity(value) for name, value in (resources or {}).items()}


def requests(pod: Json) -> Resources:
    """What a pod asks of its node: containers and sidecars together, or its greatest step of initialization."""
    spec = pod["spec"]
    total: Counter[str] = Counter()
    for container in spec.get("containers") or []:
        total.update(_container(container))
    sidecars: Counter[str] = Counter()
    greatest: Counter[str] = Counter()
    for container in spec.get("initContainers") or []:
        own = Counter(_container(container))
        if container.get("restartPolicy") == "Always":
            sidecars.update(own)
            greatest |= sidecars
        else:
            greatest |= sidecars + own
    found = (total + sidecars) | greatest
    found.update(amounts(spec.get("overhead")))
    asked = amounts((spec.get("resources") or {}).get("requests"))
    return {**found, **asked, "pods": 1000}


def mismatches(pod: Json, machine: Machine) -> list[str]:
    """What of a machine's labels and taints keeps a pod away from it."""
    reasons = []
    if not selects(pod, machine):
        reasons.append("node(s) didn't match Pod's node affinity/selector")
    for taint in machine.taints:
        if taint.get("effect") in ("NoSchedule", "NoExecute") and not tolerates(pod, taint):
            reasons.append(f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}")
            break
    return reasons


def tolerates(pod: Json, taint: Mapping[str, str]) -> bool:
    """Whether a pod tolerates a taint."""
    for toleration in pod["spec"].get("tolerations") or []:
        if toleration.get("effect") not in (None, "", taint.get("effect")):
            continue
        key, exists = toleration.get("key"), toleration.get("operator") == "Exists"
        if not key and exists:
            return True
        if key == taint.get("key") and (exists or (toleration.get("value") or "") == (taint.get("value") or "")):
            return True
    return False


def selects(pod: Json, machine: Machine) -> bool:
    """Whether the pod's node selector and required node affinity match the machine."""
    spec = pod["spec"]
    if any(machine.labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or any(_term(term, machine) for term in required.get("nodeSelectorTerms") or [])


def claims_of(pod: Json) -> list[str]:
    """The claims that a pod mounts, as namespace/name."""
    named = (
        (volume.get("persistentVolumeClaim") or {}).get("claimName") for volume in pod["spec"].get("volumes") or []
    )
    return [f"{pod['metadata']['namespace']}/{name}" for name in named if name]


def near_volumes(pod: Json, volumes: Iterable[Json]) -> Json:
    """The pod, asking for a node on which the volumes that its claims are bound to can be mounted.

    Args:
        pod: a pod.
        volumes: PersistentVolumes, its own among others; each is of one place (or of none).
    """
    claims = set(claims_of(pod))
    wanted: list[Json] = []
    for volume in volumes:
        bound = volume["spec"].get("claimRef") or {}
        required = (volume["spec"].get("nodeAffinity") or {}).get("required") or {}
        if f"{bound.get('namespace')}/{bound.get('name')}" in claims:
            wanted += [item for term in required.get("nodeSelectorTerms") or [] for item in term["matchExpressions"]]
    if not wanted:
        return pod
    spec, name = pod["spec"], "requiredDuringSchedulingIgnoredDuringExecution"
    affinity = spec.get("affinity") or {}
    nodes = affinity.get("nodeAffinity") or {}
    terms = (nodes.get(name) or {}).get("nodeSelectorTerms") or [{}]
    both = [{**term, "matchExpressions": [*(term.get("matchExpressions") or []), *wanted]} for term in terms]
    return {
        **pod,
        "spec": {**spec, "affinity": {**affinity, "nodeAffinity": {**nodes, name: {"nodeSelectorTerms": both}}}},
    }


def matches_labels(selector: Json | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector (of a PodDisruptionBudget, policy/v1: empty selects all) matches labels."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(item, labels) for item in selector.get("matchExpressions") or [])


def used(pods: Iterable[Json]) -> Resources:
    """What pods ask for together."""
    total: Counter[str] = Counter()
    for pod in pods:
        total.update(requests(pod))
    return dict(total)


def machine_of(node: Json) -> Machine:
    """A Node object's machine."""
    metadata, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    taints = [*(spec.get("taints") or [])]
    if spec.get("unschedulable"):
        taints.append(CORDON)
    return Machine(metadata["name"], metadata.get("labels") or {}, tuple(taints), amounts(status.get("allocatable")))


def _container(container: Json) -> Resources:
    resources = container.get("resources") or {}
    return amounts({**(resources.get("limits") or {}), **(resources.get("requests") or {})})


def _term(term: Json, machine: Machine) -> bool:
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    if not expressions and not fields:
        return False
    named = {"metadata.name": machine.name}
    return all(_expression(item, machine.labels) for item in expressions) and all(
        _expression(item, named) for item in fields
    )


def _expression(item: Json, labels: Mapping[str, str]) -> bool:
    present, values = labels.get(item["key"]), item.get("values") or []
    operators: dict[str, Callable[[], bool]] = {
        "In": lambda: present in values,
        "NotIn": lambda: present not in values,
        "Exists": lambda: present is not None,
        "DoesNotExist": lambda: present is None,
        "Gt": lambda: _whole(present) is not None and int(present or 0) > int(values[0]),
        "Lt": lambda: _whole(present) is not None and int(present or 0) < int(values[0]),
    }
    return operators[item["operator"]]()


def _whole(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None

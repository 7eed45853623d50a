"""Which nodes are not needed. Pure: nothing is read or changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.cloud.controllers.autoscaling.placement import (
    GPU,
    Json,
    Machine,
    Room,
    matches_labels,
    used,
)

SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
SCALE_DOWN_DISABLED = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
MIRROR = "kubernetes.io/config.mirror"


@dataclass(frozen=True)
class ShrinkRules:
    """When a node counts as not needed."""

    threshold: float = 0.5
    """The share of its cores and memory that may be asked for on a node that goes."""
    gpu_threshold: float = 0.5
    """The same on a node with GPUs, for its GPUs too."""
    keep_for_system_pods: bool = False
    keep_for_local_storage: bool = False
    fewest_replicas: int = 0


@dataclass(frozen=True)
class Candidate:
    """A node of a pool that may shrink."""

    node: Json
    machine: Machine
    pool: str


@dataclass
class Shrinking:
    """The nodes that could go now, with the pods to move, and why others stay."""

    unneeded: dict[str, list[Json]] = field(default_factory=dict)
    needed: dict[str, str] = field(default_factory=dict)


def decide_shrinking(
    candidates: Sequence[Candidate],
    others: Sequence[Machine],
    pods: Sequence[Json],
    budgets: Sequence[Json],
    spare: Mapping[str, int],
    rules: ShrinkRules,
) -> Shrinking:
    """Which candidates could go together.

    Args:
        candidates: nodes that may go, those to go first first.
        others: nodes that stay; pods of a node that goes must fit there (or on candidates that stay).
        pods: all pods of the cluster.
        budgets: its PodDisruptionBudgets.
        spare: how many nodes each pool may lose.
        rules: when a node counts as not needed.
    """
    shrinking = Shrinking()
    running: dict[str, list[Json]] = defaultdict(list)
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if node and not is_finished(pod):
            running[node].append(pod)
    machines = [*others, *(candidate.machine for candidate in candidates)]
    rooms = {machine.name: Room(machine) for machine in machines}
    for name, room in rooms.items():
        for pod in running[name]:
            room.take(pod)
    allowed = {_key(budget): int((budget.get("status") or {}).get("disruptionsAllowed", 0)) for budget in budgets}
    replicas = Counter(owner for pod in pods if not is_finished(pod) and (owner := controller_of(pod)))
    left = dict(spare)
    receivers: set[str] = set()
    for candidate in sorted(candidates, key=lambda item: len(to_move(running[item.machine.name]))):
        name = candidate.machine.name
        moving = to_move(running[name])
        reason = _why_needed(candidate, running[name], rules)
        reason = reason or _why_stuck(moving, budgets, allowed, replicas, rules)
        if not reason and left.get(candidate.pool, 0) < 1:
            reason = "its pool has the fewest nodes that it may have"
        if not reason and name in receivers:
            reason = "pods of another node that goes come here"
        if not reason:
            targets = _targets(moving, [room for key, room in rooms.items() if key != name])
            if targets is None:
                reason = "its pods fit on no other node"
            else:
                receivers |= targets
        if reason:
            shrinking.needed[name] = reason
            continue
        del rooms[name]
        left[candidate.pool] -= 1
        for pod in moving:
            for budget in budgets_of(pod, budgets):
                allowed[_key(budget)] -= 1
        shrinking.unneeded[name] = moving
    return shrinking


def to_move(pods: Sequence[Json]) -> list[Json]:
    """Those of a node's pods that must find another place: not the node's own (DaemonSets', static), nor ended."""
    return [pod for pod in pods if not is_of_the_node(pod) and not is_finished(pod)]


def is_of_the_node(pod: Json) -> bool:
    """Whether a pod comes and goes with its node."""
    metadata = pod["metadata"]
    owners = metadata.get("ownerReferences") or []
    return MIRROR in (metadata.get("annotations") or {}) or any(
        owner.get("controller") and owner.get("kind") == "DaemonSet" for owner in owners
    )


def is_finished(pod: Json) -> bool:
    """Whether a pod has ended."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def controller_of(pod: Json) -> str:
    """The identifier of what makes the pod again when it goes; empty when nothing does."""
    owners = pod["metadata"].get("ownerReferences") or []
    return next((str(owner["uid"]) for owner in owners if owner.get("controller")), "")


def budgets_of(pod: Json, budgets: Sequence[Json]) -> list[Json]:
    """The PodDisruptionBudgets that count a pod."""
    metadata = pod["metadata"]
    return [
        budget
        for budget in budgets
        if budget["metadata"]["namespace"] == metadata["namespace"]
        and matches_labels((budget.get("spec") or {}).get("selector"), metadata.get("labels") or {})
    ]


def _why_needed(candidate: Candidate, pods: Sequence[Json], rules: ShrinkRules) -> str:
    """What a node itself says against its going: its mark, or how much is asked for on it."""
    annotations = candidate.node["metadata"].get("annotations") or {}
    if annotations.get(SCALE_DOWN_DISABLED) == "true":
        return f"annotation {SCALE_DOWN_DISABLED}"
    asked, whole = used(pods), candidate.machine.allocatable
    has_gpus = whole.get(GPU, 0) > 0
    threshold = rules.gpu_threshold if has_gpus else rules.threshold
    for resource in ("cpu", "memory", *([GPU] if has_gpus else [])):
        share = asked.get(resource, 0) / whole[resource] if whole.get(resource) else 0.0
        if share >= threshold:
            return f"{share:.0%} of its {resource} is asked for, threshold {threshold:.0%}"
    return ""


def _why_stuck(
    moving: Sequence[Json],
    budgets: Sequence[Json],
    allowed: Mapping[str, int],
    replicas: Mapping[str, int],
    rules: ShrinkRules,
) -> str:
    """What a node's pods say against their being evicted."""
    evicted: Counter[str] = Counter()
    for pod in moving:
        metadata = pod["metadata"]
        name = f"{metadata['namespace']}/{metadata['name']}"
        counted = budgets_of(pod, budgets)
        evicted.update(_key(budget) for budget in counted)
        safe = (metadata.get("annotations") or {}).get(SAFE_TO_EVICT)
        if safe == "true":
            continue
        owner = controller_of(pod)
        if safe == "false":
            return f"pod {name} has {SAFE_TO_EVICT}: false"
        if not owner:
            return f"pod {name} would not come again: nothing controls it"
        if replicas.get(owner, 0) < rules.fewest_replicas:
            return f"pod {name} is one of {replicas.get(owner, 0)} replicas, fewer than {rules.fewest_replicas}"
        if rules.keep_for_system_pods and metadata["namespace"] == "kube-system" and not counted:
            return f"pod {name} is of kube-system and has no PodDisruptionBudget"
        if rules.keep_for_local_storage and has_local_storage(pod):
            return f"pod {name} has local storage"
    for key, count in evicted.items():
        if count > allowed[key]:
            return f"PodDisruptionBudget {key} allows {allowed[key]} disruptions, {count} are wanted"
    return ""


def has_local_storage(pod: Json) -> bool:
    """Whether what a pod wrote would be lost with the node."""
    return any(
        "hostPath" in volume or ("emptyDir" in volume and (volume["emptyDir"] or {}).get("medium") != "Memory")
        for volume in pod["spec"].get("volumes") or []
    )


def _targets(moving: Sequence[Json], rooms: Sequence[Room]) -> set[str] | None:
    """Where the pods would go, which is counted there; None (and nothing counted) when one fits nowhere."""
    taken: dict[str, Room] = {}
    for pod in moving:
        for room in rooms:
            name = room.machine.name
            tried = taken.get(name) or Room(room.machine, dict(room.free))
            if not tried.why_not(pod):
                tried.take(pod)
                taken[name] = tried
                break
        else:
            return None
    for room in rooms:
        if room.machine.name in taken:
            room.free = taken[room.machine.name].free
    return set(taken)


def _key(budget: Json) -> str:
    return f"{budget['metadata']['namespace']}/{budget['metadata']['name']}"

"""Which pools must grow for pods that no node has room for. Pure: nothing is read or changed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.cloud.controllers.autoscaling.placement import Json, Machine, Room, requests

FULL = "max node group size reached"
Chooser = Callable[[Sequence[str]], str]


@dataclass
class PoolState:
    """A pool that may grow, its next node, and how many nodes it has or is to have."""

    identifier: str
    group: str
    """What ACK calls it in events: the scaling group."""
    size: int
    maximum: int
    template: Machine
    overhead: tuple[Json, ...] = ()
    """Pods of DaemonSets, which each node has."""
    priority: int = 0
    refusal: str = ""
    """Why it may not grow now; empty when it may."""


@dataclass
class Growth:
    """What is to come, and what each pending pod is told."""

    added: Counter[str] = field(default_factory=Counter)
    """Nodes by pool."""
    triggered: dict[str, str] = field(default_factory=dict)
    """The pool that grows for a pod, by the pod's identifier."""
    refused: dict[str, dict[str, int]] = field(default_factory=dict)
    """Why no pool grows for a pod, counted by pools."""


@dataclass
class _Option:
    pool: PoolState
    nodes: int
    pods: list[Json]
    waste: float


def decide_growth(
    pending: Sequence[Json],
    rooms: Sequence[Room],
    pools: Sequence[PoolState],
    expander: str = "least-waste",
    nodes_left: int | None = None,
    choose: Chooser = random.choice,
) -> Growth:
    """What to add.

    Args:
        pending: pods that the scheduler found no node for.
        rooms: nodes that there are or that are on their way, with what is free; changed by what is placed on them.
        pools: those that may grow.
        expander: which of several pools grows: "least-waste", "random" or "priority" (the highest).
        nodes_left: how many more nodes the region can have; None without a limit.
        choose: picks a pool for the expander "random".
    """
    growth = Growth()
    order = sorted(pending, key=_size, reverse=True)
    waiting = [pod for pod in order if not _place(pod, rooms)]
    while waiting:
        left = None if nodes_left is None else nodes_left - growth.added.total()
        options = [option for pool in pools if (option := _option(pool, waiting, growth, left)) is not None]
        if not options:
            break
        best = _best(options, expander, choose)
        growth.added[best.pool.identifier] += best.nodes
        growth.triggered |= {pod["metadata"]["uid"]: best.pool.identifier for pod in best.pods}
        waiting = [pod for pod in waiting if pod["metadata"]["uid"] not in growth.triggered]
    for pod in waiting:
        growth.refused[pod["metadata"]["uid"]] = _reasons(pod, pools, growth, nodes_left)
    return growth


def describe_growth(pool: PoolState, added: int) -> str:
    """The message of the event TriggeredScaleUp."""
    return f"pod triggered scale-up: [{{{pool.group} {pool.size}->{pool.size + added} (max: {pool.maximum})}}]"


def describe_refusal(reasons: Mapping[str, int]) -> str:
    """The message of the event NotTriggerScaleUp."""
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f"pod didn't trigger scale-up: {told}" if told else "pod didn't trigger scale-up: no pool scales by itself"


def _place(pod: Json, rooms: Sequence[Room]) -> bool:
    for room in rooms:
        if not room.why_not(pod):
            room.take(pod)
            return True
    return False


def _option(pool: PoolState, waiting: Sequence[Json], growth: Growth, left: int | None) -> _Option | None:
    """How a pool would serve the pods: as many nodes as they fill, first fit, within its limits."""
    most = pool.maximum - pool.size - growth.added[pool.identifier]
    most = most if left is None else min(most, left)
    if pool.refusal or most < 1:
        return None
    opened: list[Room] = []
    served = []
    for pod in waiting:
        if _place(pod, opened):
            served.append(pod)
        elif len(opened) < most and not (room := fresh_room(pool)).why_not(pod):
            room.take(pod)
            opened.append(room)
            served.append(pod)
    return _Option(pool, len(opened), served, _waste(opened)) if served else None


def fresh_room(pool: PoolState) -> Room:
    """A new node of a pool, with its DaemonSets' pods."""
    room = Room(pool.template)
    for pod in pool.overhead:
        if not room.why_not(pod):
            room.take(pod)
    return room


def _best(options: Sequence[_Option], expander: str, choose: Chooser) -> _Option:
    if expander == "random":
        chosen = choose([option.pool.identifier for option in options])
        return next(option for option in options if option.pool.identifier == chosen)
    if expander == "priority":
        return max(options, key=lambda option: (option.pool.priority, len(option.pods), -option.waste))
    return min(options, key=lambda option: (option.waste, -len(option.pods)))


def _waste(rooms: Sequence[Room]) -> float:
    """The share of cores and memory that stays free, added, as the expander least-waste compares it."""
    wasted = 0.0
    for name in ("cpu", "memory"):
        whole = sum(room.machine.allocatable.get(name, 0) for room in rooms)
        wasted += sum(room.free.get(name, 0) for room in rooms) / whole if whole else 0.0
    return wasted


def _reasons(pod: Json, pools: Sequence[PoolState], growth: Growth, nodes_left: int | None) -> dict[str, int]:
    reasons: Counter[str] = Counter()
    for pool in pools:
        found = fresh_room(pool).why_not(pod)
        if not found and pool.refusal:
            found = [pool.refusal]
        elif not found and pool.size + growth.added[pool.identifier] >= pool.maximum:
            found = [FULL]
        elif not found and nodes_left is not None:
            found = ["region's limit of nodes reached"]
        reasons.update(found)
    return dict(reasons)


def _size(pod: Json) -> tuple[int, int, int]:
    asked = requests(pod)
    return sum(amount for name, amount in asked.items() if "/" in name), asked.get("cpu", 0), asked.get("memory", 0)

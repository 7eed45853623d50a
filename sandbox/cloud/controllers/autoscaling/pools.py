"""The pools as the autoscaler sees them: their limits, nodes, and what their next node would be."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.cloud.controllers.autoscaling.growth import PoolState
from sandbox.cloud.controllers.autoscaling.placement import GPU, Json, Machine, mismatches
from sandbox.cloud.cs.model import Clusters, NodePool
from sandbox.cloud.cs.nodes import NodePlanner
from sandbox.cloud.cs.validation import limits
from sandbox.region.specification import NodeSpec

MEBIBYTE = 1024 * 1024
PODS_A_NODE = 110
DISK = 2**50
"""Free bytes that a new node is taken to have: nodes share the machine's disk, no pod is kept waiting for it."""


@dataclass
class SurveyedPool:
    """A pool with its nodes."""

    state: PoolState
    region: str
    scales: bool
    ready_nodes: tuple[str, ...]
    upcoming: int
    """Nodes that it is to have and that are not there yet."""
    spare: int
    """How many nodes it may lose."""
    newest: datetime.datetime | None
    """When its last node was ordered."""


def survey(
    clusters: Clusters, planner: NodePlanner, cluster_id: str, daemon_sets: Sequence[Json]
) -> list[SurveyedPool]:
    """A cluster's pools, without those that go."""
    return [
        _survey(clusters, planner, pool, daemon_sets)
        for pool in clusters.pools_of(cluster_id)
        if pool.state != "deleting"
    ]


def _survey(clusters: Clusters, planner: NodePlanner, pool: NodePool, daemon_sets: Sequence[Json]) -> SurveyedPool:
    nodes = clusters.nodes_of(pool.identifier)
    ready = tuple(node.name for node in nodes if node.ready)
    lowest, highest = limits(pool.auto_scaling) if pool.scales else (pool.size, pool.size)
    template = machine_of_specification(planner.specification(pool, planner.plan(pool, 1)[0]))
    daemons = [_pod_of(item) for item in daemon_sets]
    return SurveyedPool(
        state=PoolState(
            identifier=pool.identifier,
            group=str(pool.scaling_group.get("scaling_group_id") or pool.identifier),
            size=pool.size,
            maximum=highest,
            template=template,
            overhead=tuple(pod for pod in daemons if not mismatches(pod, template)),
        ),
        region=pool.region,
        scales=pool.scales,
        ready_nodes=ready,
        upcoming=max(0, pool.size - len(ready)),
        spare=max(0, pool.size - lowest),
        newest=max((node.created for node in nodes), default=None) if pool.scales else None,
    )


def machine_of_specification(spec: NodeSpec) -> Machine:
    """What a node will be once it is there."""
    allocatable = {
        "cpu": spec.cpu_cores * 1000,
        "memory": spec.memory_mebibytes * MEBIBYTE * 1000,
        "pods": PODS_A_NODE * 1000,
        "ephemeral-storage": DISK * 1000,
        **({GPU: spec.gpus * 1000} if spec.gpus else {}),
    }
    labels = {
        "kubernetes.io/hostname": spec.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        **spec.labels,
    }
    return Machine(spec.name, labels, tuple(spec.taints), allocatable)


def _pod_of(daemon_set: Json) -> Json:
    template = daemon_set["spec"]["template"]
    return {"metadata": daemon_set["metadata"], "spec": template["spec"]}

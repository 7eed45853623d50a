"""Who hears nothing of a node: its Lease, and the job's master of the workers on it. Pure."""

from __future__ import annotations

from controllers.config import DetectionSettings
from controllers.monitor.model import Role
from controllers.monitor.world import World


def is_witnessed(world: World, node: str, limits: DetectionSettings, now: float) -> bool:
    """Whether the master, on another node and heard itself, has not heard any of the node's workers for a while."""
    beat, master = world.master, world.master_pod
    if beat is None or master is None or beat.uid != master.uid or master.node == node:
        return False
    age = now - beat.at
    known = beat.progress.workers
    there = [known[pod.index] for pod in world.of(Role.WORKER) if pod.node == node and pod.index in known]
    elsewhere = [known[pod.index] for pod in world.of(Role.WORKER) if pod.node != node and pod.index in known]
    working = [entry for entry in there if not entry.standby and entry.batches]
    return (
        bool(working)
        and age < limits.node_worker_seconds
        and all(entry.quiet + age >= limits.node_worker_seconds for entry in working)
        and (not elsewhere or any(entry.quiet + age < limits.node_worker_seconds for entry in elsewhere))
    )


def silence(world: World, node: str, now: float) -> float:
    """For how long a node's kubelet has not been heard."""
    beat = world.beats.get(node)
    return now - beat[1] if beat is not None and beat[0] else 0.0

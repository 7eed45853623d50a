"""Who misses whom on a node: its Lease, the job's master its workers, the monitor that master. Pure."""

from __future__ import annotations

from controllers.config.monitor import DetectionSettings
from controllers.monitor.model import Role
from controllers.monitor.world import MasterBeat, World


def is_witnessed(world: World, node: str, limits: DetectionSettings, now: float) -> bool:
    """Whether someone else misses who is on the node: the job's master its workers, or the monitor that master."""
    beat, master = world.master, world.master_pod
    if beat is None or master is None or beat.uid != master.uid:
        return False
    age = now - beat.at
    if master.node == node:
        return age >= limits.node_master_seconds
    return _misses_workers(world, node, beat, age, limits)


def _misses_workers(world: World, node: str, beat: MasterBeat, age: float, limits: DetectionSettings) -> bool:
    """Whether the master, which is heard itself, has not heard any of the node's workers for a while."""
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

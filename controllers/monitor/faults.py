"""What can go wrong, by what it shows, and who repairs it. Pure: a world and a time in, symptoms out.

One owner a repair. ElasticDL's master makes every worker and parameter server; the launcher makes the master;
Kubernetes makes the pods of deployments. The monitor never makes a pod: what it does is to delete one that its owner
would otherwise keep, and the owner's answer to a deletion is a replacement. So no repair is done twice.
"""

from __future__ import annotations

import bisect
import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from controllers.config.monitor import DetectionSettings, MonitorSettings
from controllers.monitor.model import Pod, Progress, Role
from controllers.monitor.silence import is_witnessed, silence
from controllers.monitor.world import World

KILLED = 137
IMAGE_WAITS = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull")
OUT_OF_MEMORY = "OOMKilled"
EARLY_SECONDS = 6.0
"""Two heartbeats: workers end a little before the master says that all is done."""
TASKS_TO_JUDGE = 2
"""The first task of a worker holds its compilation, so one says little."""
MASTER = "elasticdl's master"
LAUNCHER = "the launcher"
MONITOR = "the monitor"
NOBODY = "a person"


class Fault(enum.Enum):
    """Each with who repairs it."""

    WORKER_KILLED = ("worker-killed", MASTER)
    WORKER_DELETED = ("worker-deleted", MASTER)
    WORKER_PREEMPTED = ("worker-preempted", MASTER)
    WORKER_DRAINED = ("worker-drained", MASTER)
    WORKER_CRASHED = ("worker-crashed", MONITOR)
    WORKER_OUT_OF_MEMORY = ("worker-out-of-memory", MONITOR)
    WORKER_ENDED_EARLY = ("worker-ended-early", MONITOR)
    WORKER_EVICTED = ("worker-evicted", MONITOR)
    WORKER_HUNG = ("worker-hung", MONITOR)
    WORKER_SLOW = ("worker-slow", MONITOR)
    WORKER_NOT_STARTING = ("worker-not-starting", MONITOR)
    IMAGE_PULL = ("image-pull", MONITOR)
    UNSCHEDULABLE = ("unschedulable", NOBODY)
    PARAMETER_SERVER_LOST = ("parameter-server-lost", MONITOR)
    MASTER_LOST = ("master-lost", LAUNCHER)
    MASTER_HUNG = ("master-hung", MONITOR)
    NODE_AWAY = ("node-away", MONITOR)
    NODE_GONE = ("node-gone", MONITOR)
    API_SERVER_AWAY = ("api-server-away", NOBODY)
    BUCKET_AWAY = ("bucket-away", NOBODY)

    def __init__(self, label: str, owner: str) -> None:
        self.label = label
        self.owner = owner

    @classmethod
    def of(cls, label: str) -> Fault:
        return next(fault for fault in cls if fault.label == label)


@dataclass(frozen=True, slots=True)
class Symptom:
    """A fault that shows, and on what. `uid` is a pod's; a node's and a service's is its name."""

    fault: Fault
    target: str
    uid: str
    role: Role = Role.OTHER
    node: str = ""
    message: str = ""
    created: float = 0.0
    index: int = 0

    @property
    def key(self) -> str:
        return f"{self.fault.label}:{self.uid}"


def find(world: World, settings: MonitorSettings, now: float, own_node: str = "") -> list[Symptom]:
    """All that shows now. While the API server is away only that shows: all else is hearsay."""
    found = list(_services(world))
    if world.api_away_since is not None:
        return found
    away = set(_nodes_away(world, settings.detection, now, own_node))
    found += away
    nodes = {symptom.target for symptom in away}
    found += [symptom for symptom in _master(world, settings, now) if symptom.node not in nodes]
    if is_running(world.master_pod):
        for pod in (*world.roles[Role.PARAMETER_SERVER].values(), *world.roles[Role.WORKER].values()):
            if (pod.phase != "Running" or pod.deleting) and not pod.removal and pod.node not in nodes:
                symptom = _of_pod(world, pod, settings.detection, now)
                if symptom is not None:
                    found.append(symptom)
        found += [symptom for symptom in _of_workers(world, settings.detection) if symptom.node not in nodes]
    return found


def of_lost(pod: Pod, world: World) -> Symptom | None:
    """What the disappearance of a pod shows; `world` is what is left."""
    if pod.role is Role.MASTER:
        if pod.finished or pod.removal or pod.phase == "Succeeded":
            return None
        return _symptom(Fault.MASTER_LOST, pod, "its pod was deleted")
    master = world.master_pod
    if master is None or not is_running(master) or (pod.phase in ("Failed", "Succeeded") and not pod.deleting):
        return None
    if pod.created < master.created:  # an earlier master's, which went with it
        return None
    if pod.removal:  # a worker that the master let go
        return None
    if pod.role is Role.PARAMETER_SERVER:
        return _symptom(Fault.PARAMETER_SERVER_LOST, pod, "its pod was deleted")
    return _taken_away(pod, world) if pod.role is Role.WORKER else None


def _taken_away(pod: Pod, world: World) -> Symptom:
    node = world.nodes.get(pod.node)
    if pod.disruption == "PreemptionByScheduler":
        return _symptom(Fault.WORKER_PREEMPTED, pod, pod.message or "a pod of higher priority took its place")
    if node is not None and node.cordoned:
        return _symptom(Fault.WORKER_DRAINED, pod, f"node {pod.node} is being drained")
    return _symptom(Fault.WORKER_DELETED, pod, f"its pod was deleted {pod.disruption}".rstrip())


def is_running(master: Pod | None) -> bool:
    """Whether the job is under way, so that a missing worker is missed."""
    return (
        master is not None and master.phase == "Running" and not (master.deleting or master.finished or master.removal)
    )


def _symptom(fault: Fault, pod: Pod, message: str) -> Symptom:
    return Symptom(
        fault, pod.name, pod.uid, pod.role, pod.node, " ".join(message.split())[:300], pod.created, pod.index
    )


def _services(world: World) -> Iterator[Symptom]:
    if world.api_away_since is not None:
        yield Symptom(Fault.API_SERVER_AWAY, "API server", "api-server", message="no watch is connected")
    if world.bucket_away_since is not None:
        yield Symptom(Fault.BUCKET_AWAY, "bucket", "bucket", message=world.bucket_reason[:300])


def _nodes_away(world: World, limits: DetectionSettings, now: float, own_node: str) -> Iterator[Symptom]:
    """Nodes that are gone, or whose kubelet is silent. When the monitor's own node is silent too, the silence lies
    elsewhere: this node is evidently alive."""
    silent = {name for name in world.nodes if silence(world, name, now) >= limits.node_witnessed_seconds}
    if own_node in silent:
        silent = set()
    for name in sorted(silent):
        quiet = silence(world, name, now)
        alone = limits.node_heartbeat_seconds + limits.node_away_seconds
        if quiet >= alone or is_witnessed(world, name, limits, now):
            message = f"its kubelet has not been heard for {quiet:.0f} s"
            yield Symptom(Fault.NODE_AWAY, name, name, node=name, message=message)
    for name, node in sorted(world.nodes.items()):
        lasting = now - world.node_since.get(name, now) >= limits.node_away_seconds
        if name not in silent and not node.ready and lasting:
            yield Symptom(Fault.NODE_AWAY, name, name, node=name, message="its Ready condition is not true")
    for name in sorted(world.gone_nodes):
        if any(pod.node == name for pod in world.pods.values()):
            yield Symptom(Fault.NODE_GONE, name, name, node=name, message="the node was deleted")


def _master(world: World, settings: MonitorSettings, now: float) -> Iterator[Symptom]:
    master = world.master_pod
    if master is None or master.finished or master.removal:
        return
    if master.phase == "Failed":
        yield _symptom(Fault.MASTER_LOST, master, _end(master))
    elif master.phase == "Running" and not master.deleting:
        beat = world.master
        silent = now - (beat.at if beat and beat.uid == master.uid else world.since.get(master.uid, now))
        if silent >= settings.detection.master_seconds:
            yield _symptom(Fault.MASTER_HUNG, master, f"it has noted no progress for {silent:.0f} s")
    elif master.phase == "Pending":
        symptom = _waiting(world, master, settings.detection, now)
        if symptom is not None:
            yield symptom


def _of_pod(world: World, pod: Pod, limits: DetectionSettings, now: float) -> Symptom | None:
    """What a pod's own status shows."""
    if pod.deleting:
        return _taken_away(pod, world) if pod.role is Role.WORKER else None
    if pod.phase == "Pending":
        return _waiting(world, pod, limits, now)
    if pod.phase not in ("Failed", "Succeeded"):
        return None
    if pod.role is Role.PARAMETER_SERVER:
        return _symptom(Fault.PARAMETER_SERVER_LOST, pod, _end(pod))
    if pod.phase == "Succeeded":
        beat = world.master
        later = beat is not None and beat.at - world.since.get(pod.uid, now) >= EARLY_SECONDS
        left = beat.progress.left if beat is not None and later else 0
        return _symptom(Fault.WORKER_ENDED_EARLY, pod, f"it ended while {left} tasks were left") if left else None
    if pod.reason == "Evicted":
        return _symptom(Fault.WORKER_EVICTED, pod, pod.message or "its node had to make room")
    if pod.end_reason == OUT_OF_MEMORY:
        return _symptom(Fault.WORKER_OUT_OF_MEMORY, pod, f"it needed more than {pod.memory_mebibytes} MiB")
    if pod.exit_code == KILLED:
        return _symptom(Fault.WORKER_KILLED, pod, "its process was killed from outside")
    return _symptom(Fault.WORKER_CRASHED, pod, _end(pod))


def _waiting(world: World, pod: Pod, limits: DetectionSettings, now: float) -> Symptom | None:
    lasting = now - world.since.get(pod.uid, now)
    if pod.waiting in IMAGE_WAITS and lasting >= limits.image_seconds:
        return _symptom(Fault.IMAGE_PULL, pod, f"{pod.waiting}: {pod.message}")
    if pod.unschedulable and lasting >= limits.unschedulable_seconds:
        return _symptom(Fault.UNSCHEDULABLE, pod, pod.message)
    if not pod.unschedulable and pod.waiting not in IMAGE_WAITS and lasting >= limits.starting_seconds:
        reason = world.warnings.get(pod.uid) or pod.message or f"waiting for {lasting:.0f} s"
        fault = Fault.WORKER_NOT_STARTING if pod.role is Role.WORKER else None
        return _symptom(fault, pod, reason) if fault else None
    return None


def _end(pod: Pod) -> str:
    code = "" if pod.exit_code is None else f"exit code {pod.exit_code}"
    return ", ".join(part for part in (pod.reason, pod.end_reason, code, pod.message) if part) or "it failed"


def _of_workers(world: World, limits: DetectionSettings) -> Iterator[Symptom]:
    """What the master's heartbeat shows of running workers: who is silent, who is slow, who never asked. While the
    bucket is away they wait for it, at their start and for each task's text, and so they do for a while after."""
    beat, master = world.master, world.master_pod
    if beat is None or master is None or beat.uid != master.uid or world.bucket_away_since is not None:
        return
    back_for = beat.at - world.bucket_back_at
    known = beat.progress.workers
    for pod in world.roles[Role.WORKER].values():
        if pod.phase != "Running" or pod.deleting or pod.removal:
            continue
        entry = known.get(pod.index)
        if entry is None:
            if min(beat.at - world.since.get(pod.uid, beat.at), back_for) >= limits.starting_seconds:
                yield _symptom(Fault.WORKER_NOT_STARTING, pod, "it runs but has not asked the master for a task")
            continue
        if entry.standby:
            continue
        if min(entry.quiet, back_for) >= limits.hung_seconds and beat.progress.left:
            yield _symptom(Fault.WORKER_HUNG, pod, f"the master has not heard it for {entry.quiet:.0f} s")
        elif pod.uid in world.slow and beat.at - world.slow[pod.uid] >= limits.slow_seconds:
            seconds, median = entry.seconds, median_of_others(sorted(_paces(beat.progress).values()), entry.seconds)
            yield _symptom(Fault.WORKER_SLOW, pod, f"a task takes it {seconds:.1f} s, the others {median:.1f} s")


def slow_workers(world: World, limits: DetectionSettings) -> set[str]:
    """Uids of the workers that need much longer for a task than the others do, by the last heartbeat."""
    beat = world.master
    if beat is None:
        return set()
    paces = _paces(beat.progress)
    ordered = sorted(paces.values())
    found = set()
    for pod in world.roles[Role.WORKER].values():
        seconds = paces.get(pod.index)
        median = median_of_others(ordered, seconds) if seconds is not None else 0.0
        if seconds is not None and median > 0 and seconds >= limits.slow_ratio * median:
            found.add(pod.uid)
    return found


def _paces(progress: Progress) -> dict[int, float]:
    """Seconds a task, of the workers that have done enough to judge by."""
    return {
        index: entry.seconds
        for index, entry in progress.workers.items()
        if not entry.standby and entry.tasks >= TASKS_TO_JUDGE
    }


def median_of_others(ordered: Sequence[float], one: float) -> float:
    """The median of a sorted list without one of its values; 0 when nothing is left."""
    count = len(ordered) - 1
    if count < 1:
        return 0.0
    left_out = bisect.bisect_left(ordered, one)

    def at(position: int) -> float:
        return ordered[position if position < left_out else position + 1]

    return (at((count - 1) // 2) + at(count // 2)) / 2

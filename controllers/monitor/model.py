"""What the monitor sees, and what it decides: values only."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

PROGRESS_ANNOTATION = "language-models/progress"
"""On the master's pod, by the master: trainer/elasticdl/heartbeat.py."""
WORKER_MEMORY_ANNOTATION = "language-models/worker-memory-mebibytes"
"""On the master's pod, by the monitor: trainer/elasticdl/instances.py."""
AVOIDED_NODES_ANNOTATION = "language-models/avoided-nodes"
"""On the master's pod, by the monitor: trainer/elasticdl/instances.py."""
REMOVAL_ANNOTATION = "language-models/removal"
"""On a pod that is removed on purpose: on the master's by the launcher before it removes a job, on a worker's by the
master when it has too many: trainer/elasticdl/cluster.py."""


class Role(enum.Enum):
    """What a pod of the namespace is to the job."""

    MASTER = "master"
    WORKER = "worker"
    PARAMETER_SERVER = "parameter-server"
    LAUNCHER = "launcher"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod, as far as faults show in it. `version` is Kubernetes' resource version, which only grows."""

    name: str
    uid: str
    version: int
    role: Role
    index: int = 0
    phase: str = "Pending"
    node: str = ""
    reason: str = ""
    """Of the pod's status: `Evicted`, `NodeLost`, ..."""
    exit_code: int | None = None
    end_reason: str = ""
    """Of its container's end: `OOMKilled`, `Error`, ..."""
    waiting: str = ""
    """Why its container does not run yet: `ImagePullBackOff`, ..."""
    message: str = ""
    """In Kubernetes' words: why it waits, can't be scheduled, or ended."""
    unschedulable: bool = False
    disruption: str = ""
    """Who took it away, by Kubernetes' own word: `PreemptionByScheduler`, `EvictionByEvictionAPI`, ..."""
    deleting: bool = False
    grace_seconds: float = 0.0
    ready: bool = False
    """By the kubelet, whose node may be away by now."""
    controlled: bool = False
    """Somebody will make another when it is deleted: a ReplicaSet, or the job's master."""
    memory_mebibytes: int = 0
    created: float = 0.0
    """When, by the API server's clock: seconds since 1970."""
    progress: Progress | None = None
    """Of a master."""
    given_mebibytes: int = 0
    """Of a master: what the monitor had it give its workers."""
    avoided: tuple[str, ...] = ()
    """Of a master: the nodes that it puts no new pod on."""
    removal: bool = False
    """Of a master: the launcher removes the job on purpose. Of a worker: its master lets it go."""
    finished: bool = False
    """Of a master: all tasks are done."""


@dataclass(frozen=True, slots=True)
class WorkerProgress:
    """What the master knows of a worker. Seconds; `quiet` since it was last heard, `seconds` a task, lately."""

    quiet: float
    tasks: int = 0
    batches: int = 0
    """How many it has begun; with two it has finished one, so it is at work."""
    seconds: float = 0.0
    standby: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """The master's heartbeat."""

    step: int = 0
    done: int = 0
    left: int = 0
    given_again: int = 0
    trained: int = 0
    """Tasks of training that are done."""
    epoch: int = 0
    wanted: int = 0
    """Workers that the master wants at work, standbys not counted; 0 from a master that does not say."""
    workers: dict[int, WorkerProgress] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Any) -> Progress | None:
        """From the annotation's JSON; None if it is not one."""
        try:
            workers = {
                int(index): WorkerProgress(
                    float(entry["quiet"]),
                    int(entry["tasks"]),
                    int(entry["batches"]),
                    float(entry["seconds"]),
                    bool(entry["standby"]),
                )
                for index, entry in value["workers"].items()
            }
            counts = {key: int(value[key]) for key in ("step", "done", "left", "given_again")}
            counts |= {key: int(value.get(key, 0)) for key in ("trained", "epoch", "wanted")}
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
        return cls(**counts, workers=workers)


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the business."""

    name: str
    version: int
    ready: bool = True
    """Its Ready condition; what is unknown is not ready."""
    cordoned: bool = False
    memory_mebibytes: int = 0
    """What pods may use of it."""


# ---- events


@dataclass(frozen=True, slots=True)
class PodSeen:
    pod: Pod


@dataclass(frozen=True, slots=True)
class PodGone:
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class NodeSeen:
    node: Node


@dataclass(frozen=True, slots=True)
class NodeGone:
    name: str


@dataclass(frozen=True, slots=True)
class HeartbeatSeen:
    """A kubelet's Lease; `renewed` is its text, of which only a change matters."""

    node: str
    renewed: str


@dataclass(frozen=True, slots=True)
class Listed:
    """All that there is of a kind: what is not in it is gone, though no event said so."""

    kind: str
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class QuotaSeen:
    """Memory that the namespace may still request."""

    free_mebibytes: int | None


@dataclass(frozen=True, slots=True)
class ApiAway:
    """No watch is connected."""


@dataclass(frozen=True, slots=True)
class ApiBack:
    pass


@dataclass(frozen=True, slots=True)
class BucketSeen:
    """Whether the bucket answered."""

    answers: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WarningSeen:
    """A Warning among Kubernetes' Events about an object."""

    uid: str
    text: str


Event = (
    PodSeen | PodGone | NodeSeen | NodeGone | HeartbeatSeen | Listed | QuotaSeen | ApiAway | ApiBack | BucketSeen
    | WarningSeen
)  # fmt: skip


# ---- decisions


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Delete exactly this pod (by its uid). `force`: do not wait for its node to confirm."""

    incident: str
    name: str
    uid: str
    force: bool = False


@dataclass(frozen=True, slots=True)
class GiveMemory:
    """Have the master give its workers this memory from now on."""

    incident: str
    master: str
    uid: str
    mebibytes: int


@dataclass(frozen=True, slots=True)
class AvoidNodes:
    """Have the master put no new pod on these nodes; any may be named that was given up, and none again later."""

    incident: str
    master: str
    uid: str
    nodes: tuple[str, ...]


Action = DeletePod | GiveMemory | AvoidNodes

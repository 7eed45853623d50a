"""What is known of the cluster. Events may come twice, late, in another order, or not at all until the next list."""

from __future__ import annotations

from dataclasses import dataclass, field

from controllers.monitor.model import (
    ApiAway,
    ApiBack,
    BucketSeen,
    Event,
    HeartbeatSeen,
    Listed,
    Node,
    NodeGone,
    NodeSeen,
    Pod,
    PodGone,
    PodSeen,
    Progress,
    QuotaSeen,
    Role,
    WarningSeen,
)

REMEMBERED_UIDS = 4096
"""Pods known to be gone: a late event must not bring one back."""
REMEMBERED_WARNINGS = 512
LOST_SECONDS = 60.0
"""How long a standing-by replica keeps what disappeared; longer than it takes to begin to lead."""


@dataclass(slots=True)
class MasterBeat:
    """The last heartbeat of a master, when it came, and how far the job was at best."""

    uid: str
    at: float
    progress: Progress


@dataclass
class World:
    """Pods and nodes by name, and since when each is in the condition that it is in. Times are the monitor's own."""

    pods: dict[str, Pod] = field(default_factory=dict)
    roles: dict[Role, dict[str, Pod]] = field(default_factory=lambda: {role: {} for role in Role})
    """The same pods by role and name: of thousands in a namespace, a few hundred are the job's."""
    since: dict[str, float] = field(default_factory=dict)
    """By a pod's uid: when its condition last changed."""
    nodes: dict[str, Node] = field(default_factory=dict)
    node_since: dict[str, float] = field(default_factory=dict)
    beats: dict[str, tuple[str, float]] = field(default_factory=dict)
    """By node: its Lease's text and when that was first seen."""
    gone: dict[str, None] = field(default_factory=dict)
    master: MasterBeat | None = None
    free_mebibytes: int | None = None
    api_away_since: float | None = None
    api_back_at: float | None = None
    bucket_away_since: float | None = None
    bucket_reason: str = ""
    bucket_back_at: float = float("-inf")
    """When it answered again the last time."""
    warnings: dict[str, str] = field(default_factory=dict)
    gone_nodes: set[str] = field(default_factory=set)
    slow: dict[str, float] = field(default_factory=dict)
    """By a worker's uid: since when it has been slower than the others."""
    lost: list[tuple[Pod, float]] = field(default_factory=list)
    """Pods that disappeared, as they were last seen, and when; whoever decides takes them out."""

    def see(self, event: Event, now: float) -> None:
        """Take an event over."""
        match event:
            case PodSeen(pod):
                self._see_pod(pod, now)
            case PodGone(name, uid):
                self._lose_pod(name, uid, now)
            case NodeSeen(node):
                self._see_node(node, now)
            case NodeGone(name):
                self._lose_node(name, now)
            case HeartbeatSeen(node_name, renewed):
                if self.beats.get(node_name, ("", 0.0))[0] != renewed:
                    self.beats[node_name] = (renewed, now)
            case Listed("pods", keys):
                for pod in [pod for name, pod in self.pods.items() if name not in keys]:
                    self._lose_pod(pod.name, pod.uid, now)
            case Listed("nodes", keys):
                for name in [name for name in self.nodes if name not in keys]:
                    self._lose_node(name, now)
            case Listed():
                pass
            case QuotaSeen(free):
                self.free_mebibytes = free
            case ApiAway():
                self.api_away_since = self.api_away_since if self.api_away_since is not None else now
            case ApiBack():
                self._api_back(now)
            case BucketSeen(answers, reason):
                if answers and self.bucket_away_since is not None:
                    self.bucket_back_at = now
                self.bucket_away_since = None if answers else (self.bucket_away_since or now)
                self.bucket_reason = reason
            case WarningSeen(uid, text):
                self.warnings.pop(uid, None)
                self.warnings[uid] = text
                if len(self.warnings) > REMEMBERED_WARNINGS:
                    del self.warnings[next(iter(self.warnings))]

    def forget_lost(self, now: float) -> None:
        """While another replica decides: only what it may not have decided any more is kept."""
        self.lost = [(pod, at) for pod, at in self.lost if now - at < LOST_SECONDS]

    def note_slow(self, uids: set[str], now: float) -> None:
        """These workers are slow by the last heartbeat, and no others."""
        self.slow = {uid: self.slow.get(uid, now) for uid in uids}

    def of(self, role: Role) -> list[Pod]:
        """The pods of a role, by index."""
        return sorted(self.roles[role].values(), key=lambda pod: pod.index)

    @property
    def master_pod(self) -> Pod | None:
        return next(iter(self.roles[Role.MASTER].values()), None)

    def _see_pod(self, pod: Pod, now: float) -> None:
        known = self.pods.get(pod.name)
        if pod.uid in self.gone or (known is not None and known.uid == pod.uid and pod.version <= known.version):
            return
        if known is not None and known.uid != pod.uid:
            if pod.version < known.version:  # a late word about one that another has replaced
                return
            self._lose_pod(known.name, known.uid, now)
        if known is None or known.uid != pod.uid or _condition(known) != _condition(pod):
            self.since[pod.uid] = now
        self.pods[pod.name] = pod
        self.roles[pod.role][pod.name] = pod
        if pod.progress is not None and (known is None or known.uid != pod.uid or known.progress != pod.progress):
            self.master = MasterBeat(pod.uid, now, pod.progress)

    def _lose_pod(self, name: str, uid: str, now: float) -> None:
        known = self.pods.get(name)
        if known is not None and known.uid == uid:
            del self.pods[name]
            del self.roles[known.role][name]
            self.lost.append((known, now))
        self.since.pop(uid, None)
        self.gone[uid] = None
        if len(self.gone) > REMEMBERED_UIDS:
            del self.gone[next(iter(self.gone))]

    def _see_node(self, node: Node, now: float) -> None:
        known = self.nodes.get(node.name)
        if known is not None and node.version <= known.version:
            return
        if known is None or known.ready != node.ready:
            self.node_since[node.name] = now
        if known is None:
            # A new node of an old name has not missed the heartbeats of the time when it was not there.
            self.beats[node.name] = (self.beats.get(node.name, ("", now))[0], now)
        self.nodes[node.name] = node
        self.gone_nodes.discard(node.name)

    def _lose_node(self, name: str, now: float) -> None:
        if self.nodes.pop(name, None) is not None:
            self.gone_nodes.add(name)
            self.node_since[name] = now

    def _api_back(self, now: float) -> None:
        """Silence while nobody could be heard is nobody's fault: every clock of silence begins anew."""
        if self.api_away_since is None:
            return
        self.api_away_since = None
        self.api_back_at = now
        self.beats = {name: (renewed, now) for name, (renewed, _) in self.beats.items()}
        if self.master is not None:
            self.master.at = now


def _condition(pod: Pod) -> tuple[object, ...]:
    """What a pod's clock runs on; its heartbeat and its marks are no part of it."""
    return (pod.phase, pod.node, pod.waiting, pod.unschedulable, pod.deleting, pod.reason, pod.exit_code)

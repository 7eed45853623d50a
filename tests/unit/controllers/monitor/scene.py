"""A small job on three nodes, with a clock that the test moves."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

from controllers.config.monitor import MonitorSettings
from controllers.monitor.core import Core, Plan
from controllers.monitor.incidents import Incident, Memory
from controllers.monitor.model import (
    Action,
    DeletePod,
    Event,
    HeartbeatSeen,
    Listed,
    Node,
    NodeSeen,
    Pod,
    PodGone,
    PodSeen,
    Progress,
    Role,
    WorkerProgress,
)

START = 1_800_000_000.0
NAMES = {Role.WORKER: "worker", Role.PARAMETER_SERVER: "ps", Role.MASTER: "master"}


class Scene:
    """Drives a core as the cluster would; `act` collects what it decided."""

    def __init__(self, settings: MonitorSettings | None = None, memory: Memory | None = None, **limits: Any) -> None:
        self.settings = settings or MonitorSettings(business="qa", namespace="qa", region="r", bucket="b", **limits)
        self.core = Core(self.settings, memory, own_node="node-3")
        self.now = START
        self.actions: list[Action] = []
        self._versions = itertools.count(1)
        self._uids = itertools.count(1)
        self.pods: dict[str, Pod] = {}
        self.done = 0
        self.given_again = 0
        self.step = 0
        self.lost: set[int] = set()
        self.silent: set[str] = set()
        self.late: dict[int, dict[str, float]] = {}
        for node in ("node-1", "node-2", "node-3"):
            self.see(NodeSeen(Node(node, next(self._versions), memory_mebibytes=14_000)))

    # ---- what happens

    def running_job(self) -> Scene:
        """A master, a parameter server and two workers, at work."""
        self.pod(Role.MASTER, 0, "node-1")
        self.pod(Role.PARAMETER_SERVER, 0, "node-1")
        self.pod(Role.WORKER, 0, "node-1")
        self.pod(Role.WORKER, 1, "node-2")
        self.beat()
        self.wait(6)
        return self

    def pod(self, role: Role, index: int, node: str = "node-1", **more: Any) -> Pod:
        """A pod appears, running unless said otherwise."""
        name = f"elasticdl-language-model-{NAMES[role]}" + ("" if role is Role.MASTER else f"-{index}")
        fields = {"phase": "Running", "controlled": True, "memory_mebibytes": 4096, "created": self.now, **more}
        made = Pod(name, f"uid-{next(self._uids)}", next(self._versions), role, index, node=node, **fields)
        return self.show(made)

    def show(self, pod: Pod) -> Pod:
        self.pods[pod.name] = pod
        self.see(PodSeen(pod))
        return pod

    def change(self, name: str, **fields: Any) -> Pod:
        """A pod's status changes."""
        pod = dataclasses.replace(self.pods[self.full(name)], version=next(self._versions), **fields)
        if pod.role is Role.WORKER and pod.phase in ("Failed", "Succeeded"):
            self.lost.add(pod.index)
        return self.show(pod)

    def remove(self, name: str) -> None:
        """A pod goes."""
        pod = self.pods.pop(self.full(name))
        self.lost.add(pod.index) if pod.role is Role.WORKER else None
        self.see(PodGone(pod.name, pod.uid))

    def full(self, name: str) -> str:
        return f"elasticdl-language-model-{name}"

    def beat(self, **fields: Any) -> None:
        """The master notes its progress."""
        self.done += 1
        self.step += 10
        master = self.pods[self.full("master")]
        workers = {
            pod.index: WorkerProgress(
                **{"quiet": 0.5, "tasks": 9, "batches": 90, "seconds": 2.0, **self.late.get(pod.index, {})}
            )
            for pod in self.pods.values()
            if pod.role is Role.WORKER and pod.phase == "Running" and pod.index not in self.lost
        }
        found = {
            "step": self.step,
            "done": self.done,
            "left": 40,
            "given_again": self.given_again,
            "workers": workers,
            **fields,
        }
        self.show(dataclasses.replace(master, version=next(self._versions), progress=Progress(**found)))

    def see(self, event: Event) -> None:
        self.core.see(event, self.now)

    def listed(self) -> None:
        """A list of all pods, as after a lost connection."""
        for pod in list(self.pods.values()):
            self.see(PodSeen(pod))
        self.see(Listed("pods", frozenset(self.pods)))

    # ---- what the monitor does

    def decide(self) -> Plan:
        plan = self.core.decide(self.now)
        self.actions += plan.actions
        return plan

    def wait(self, seconds: float, *, beat: bool = True) -> None:
        """Time passes; kubelets and the master give their signs of life."""
        for _ in range(round(seconds)):
            self.now += 1.0
            for node in ("node-1", "node-2", "node-3"):
                if node not in self.silent:
                    self.see(HeartbeatSeen(node, str(self.now)))
            master = self.pods.get(self.full("master"))
            if beat and master is not None and master.phase == "Running" and not master.deleting:
                self.beat()
            self.decide()

    def incident(self, fault: str) -> Incident:
        found = [incident for incident in self.core.memory.incidents if incident.fault == fault]
        assert len(found) == 1, [incident.fault for incident in self.core.memory.incidents]
        return found[0]

    @property
    def faults(self) -> list[str]:
        return [incident.fault for incident in self.core.memory.incidents]


def forced(scene: Scene) -> dict[str, bool]:
    """The pods that were deleted, and whether without waiting for their nodes."""
    return {action.name: action.force for action in scene.actions if isinstance(action, DeletePod)}


def deletions(scene: Scene) -> list[str]:
    return [action.name.removeprefix(scene.full("")) for action in scene.actions if isinstance(action, DeletePod)]

"""Puts the parts together: watches feed the core, its decisions are written down, then done, then told."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Event as KubernetesEvent
from lightkube.resources.core_v1 import Node, ResourceQuota
from lightkube.resources.core_v1 import Pod as KubernetesPod
from pydantic import ValidationError

from controllers.config.monitor import MONITOR_HEARTBEAT_NAMESPACE, MonitorSettings
from controllers.errors import ClusterError, ConflictError, SettingsError
from controllers.monitor import cluster
from controllers.monitor.core import Core, Plan
from controllers.monitor.election import Election
from controllers.monitor.informer import Informer
from controllers.monitor.kubernetes import FAILURES, Kubernetes, refusal
from controllers.monitor.metrics import Metrics
from controllers.monitor.model import (
    AVOIDED_NODES_ANNOTATION,
    WORKER_MEMORY_ANNOTATION,
    Action,
    ApiAway,
    ApiBack,
    AvoidNodes,
    DeletePod,
    Event,
    GiveMemory,
    HeartbeatSeen,
    Listed,
    NodeGone,
    NodeSeen,
    PodGone,
    PodSeen,
    QuotaSeen,
    WarningSeen,
)
from controllers.monitor.record import Archive, Recorder
from controllers.monitor.server import serve
from controllers.monitor.store import MemoryStore

LOG = logging.getLogger("controllers.monitor")
TICK_SECONDS = 1.0
"""How often time alone may make something a fault."""
BATCH_SECONDS = 0.02
"""Events that come together are decided on together."""
API_AWAY_SECONDS = 5.0
HEARTBEAT_SILENCE_SECONDS = 15.0
"""Kubelets renew their Leases every 10 s: when none is heard for longer, the connection is dead, not the nodes."""
STUCK_SECONDS = 30.0
ESSENTIAL = ("pods", "nodes")
"""Without the others it knows less: a dead node shows by its condition, later; memory is given within nodes only."""
GRACE_SECONDS = 1
"""Enough for a training process, which has nothing to save: its tasks are given out again."""


def read_settings(path: str) -> MonitorSettings:
    """The settings file. Raises SettingsError naming key, value and limit."""
    try:
        return MonitorSettings.model_validate_json(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, entry['loc'])) or 'document'}: {entry['msg']} (given: {str(entry['input'])[:60]!r})"
            for entry in error.errors()
        )
        raise SettingsError(f"{path}: {reasons}") from error


def steady_clock() -> Callable[[], float]:
    """Seconds since 1970, but never back and never in leaps: a corrected clock must not look like a dead node."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


@dataclass
class _Arrived:
    event: Event
    at: float


class Monitor:
    """One replica."""

    def __init__(self, settings: MonitorSettings, client: Kubernetes) -> None:
        self.settings = settings
        self.clock = steady_clock()
        self.metrics = Metrics()
        self.core = Core(settings)
        self._client = client
        self._queue: asyncio.Queue[_Arrived] = asyncio.Queue()
        self._store = MemoryStore(client, settings)
        self._recorder = Recorder(client, settings, self.metrics)
        self._archive = Archive(settings, self._see, self.clock)
        self._loaded = False
        self._ticked_at = self.clock()
        self._disconnected_at: float | None = self.clock()
        self._quotas: dict[str, Any] = {}
        self._informers = self._make_informers()
        self._host = socket.gethostname()  # in a pod, the pod's name
        identity = f"{self._host}-{os.getpid()}"
        self.election = Election(
            client, settings.leader_election, settings.namespace, identity, self.clock, self._on_leading
        )

    # ---- life

    async def run(self) -> None:
        """Until SIGTERM or SIGINT, which give the Lease up."""
        server = serve(self.settings.port, self.metrics.registry, self._alive, self._ready)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        jobs = [
            *(informer.run() for informer in self._informers.values()),
            self.election.run(),
            self._decide_for_ever(),
        ]
        jobs.append(self._archive.run(lambda: self.core.memory if self._loaded else None))
        tasks = [asyncio.create_task(job) for job in jobs]
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        try:
            await asyncio.wait_for(self.election.release(), 2.0)
        except FAILURES as error:
            LOG.warning("lease not given up: %s", refusal(error))
        server.shutdown()
        await self._client.close()
        for task in tasks:
            if task in done:
                task.result()  # a part that ended has failed: say why, and let Kubernetes start us again

    def _alive(self) -> str:
        quiet = self.clock() - self._ticked_at
        return f"nothing was decided for {quiet:.0f} s" if quiet > STUCK_SECONDS else ""

    def _ready(self) -> str:
        missing = [kind for kind in ESSENTIAL if not self._informers[kind].synchronized]
        return f"not listed yet: {', '.join(missing)}" if missing else self._alive()

    # ---- seeing

    def _make_informers(self) -> dict[str, Informer]:
        own = self.settings.namespace
        selector = dict(self.settings.node_selector) or None
        made: dict[str, Informer] = {}

        def add(kind: str, resource: Any, on_object: Callable[[str, Any], None], **options: Any) -> None:
            def listed(names: frozenset[str]) -> None:
                self._see(Listed(kind, names))

            made[kind] = Informer(
                self._client, resource, on_object, listed, lambda up: self._on_connection(kind, up), **options
            )

        add("pods", KubernetesPod, self._on_pod, namespace=own)
        add("nodes", Node, self._on_node, labels=selector)
        add(
            "heartbeats",
            Lease,
            self._on_heartbeat,
            namespace=MONITOR_HEARTBEAT_NAMESPACE,
            silence_seconds=HEARTBEAT_SILENCE_SECONDS,
        )
        add("quotas", ResourceQuota, self._on_quota, namespace=own)
        add("events", KubernetesEvent, self._on_event, namespace=own)
        return made

    def _see(self, event: Event) -> None:
        self._queue.put_nowait(_Arrived(event, self.clock()))

    def _on_pod(self, kind: str, found: Any) -> None:
        if kind == "DELETED":
            self._see(PodSeen(cluster.pod_of(found, self.settings)))  # its last state says why it went
            self._see(PodGone(found.metadata.name, found.metadata.uid))
        else:
            self._see(PodSeen(cluster.pod_of(found, self.settings)))

    def _on_node(self, kind: str, found: Any) -> None:
        name = found.metadata.name
        self._see(NodeGone(name) if kind == "DELETED" else NodeSeen(cluster.node_of(found)))

    def _on_heartbeat(self, kind: str, found: Any) -> None:
        if kind != "DELETED" and found.spec is not None:
            self._see(HeartbeatSeen(found.metadata.name, str(found.spec.renewTime)))

    def _on_quota(self, kind: str, found: Any) -> None:
        if kind == "DELETED":
            self._quotas.pop(found.metadata.name, None)
        else:
            self._quotas[found.metadata.name] = found
        self._see(QuotaSeen(cluster.free_memory(list(self._quotas.values()))))

    def _on_event(self, kind: str, found: Any) -> None:
        if kind != "DELETED" and found.type == "Warning" and found.involvedObject.uid:
            self._see(WarningSeen(found.involvedObject.uid, f"{found.reason}: {found.message}"[:300]))

    def _on_connection(self, kind: str, connected: bool) -> None:
        self.metrics.connected.labels(kind).set(connected)
        if kind != "pods":
            return
        if connected:
            self._disconnected_at = None
            self._see(ApiBack())
        elif self._disconnected_at is None:
            self._disconnected_at = self.clock()

    # ---- deciding

    def _on_leading(self, leading: bool) -> None:
        self.metrics.leading.set(leading)
        if not leading:
            self._loaded = False

    async def _decide_for_ever(self) -> None:
        while True:
            arrived = await self._next_events()
            now = self.clock()
            self._ticked_at = now
            if self._disconnected_at is not None and now - self._disconnected_at >= API_AWAY_SECONDS:
                self.core.see(ApiAway(), now)
            for item in arrived:
                self.core.see(item.event, item.at)
            if not await self._may_decide():
                self.core.world.forget_lost(now)
                continue
            own = self.core.world.pods.get(self._host)
            self.core.own_node = own.node if own else ""
            plan = self.core.decide(now)
            for item in arrived:
                self.metrics.decision.observe(self.clock() - item.at)
            await self._carry_out(plan)
            self.metrics.show(self.core)

    async def _next_events(self) -> list[_Arrived]:
        try:
            first = await asyncio.wait_for(self._queue.get(), TICK_SECONDS)
        except TimeoutError:
            return []
        await asyncio.sleep(BATCH_SECONDS)
        found = [first]
        while not self._queue.empty():
            found.append(self._queue.get_nowait())
        return found

    async def _may_decide(self) -> bool:
        """Whether this replica leads, has read what an earlier leader knew, and has seen all that there is."""
        if not self.election.leading or self._ready():
            return False
        if not self._loaded:
            try:
                self.core.memory = await self._store.load()
            except ClusterError as error:
                LOG.warning("memory not read: %s", error)
                return False
            self._loaded = True
        return True

    async def _carry_out(self, plan: Plan) -> None:
        """Written down first: whoever comes after a kill at any point knows what was begun."""
        memory = self.core.memory
        for incident in plan.changed:
            if incident.id not in memory.unsaved:
                memory.unsaved.append(incident.id)
        if plan.changed:
            try:
                await self._store.save(memory)
            except ConflictError as error:
                LOG.warning("another replica leads: %s", error)
                self._loaded = False
                return
            except ClusterError as error:
                LOG.warning("memory not written, so nothing is done yet: %s", error)
                self._loaded = False  # what is in memory only must not count: read again, decide again
                return
        for action in plan.actions:
            if not self.election.leading:
                return
            try:
                await self._act(action)
            except ClusterError as error:
                LOG.warning("%s: %s", action, error)
                self.core.failed(action, str(error))
                self.metrics.refused.labels(action.incident.rpartition("-")[0]).inc()
        for incident in plan.changed:
            await self._recorder.tell(incident)

    async def _act(self, action: Action) -> None:
        match action:
            case DeletePod(name=name, uid=uid, force=force):
                grace = 0 if force else GRACE_SECONDS
                there = await self._client.delete_exactly(KubernetesPod, name, uid, grace)
                LOG.info("deleted %s (%s)%s", name, uid, "" if there else ": it was gone already")
            case GiveMemory(master=master, uid=uid, mebibytes=mebibytes):
                await self._annotate(master, uid, {WORKER_MEMORY_ANNOTATION: str(mebibytes)})
                LOG.info("%s gives its workers %d MiB from now on", master, mebibytes)
            case AvoidNodes(master=master, uid=uid, nodes=nodes):
                await self._annotate(master, uid, {AVOIDED_NODES_ANNOTATION: ",".join(nodes)})
                LOG.info("%s avoids %s from now on", master, ", ".join(nodes) or "no node")

    async def _annotate(self, pod: str, uid: str, annotations: dict[str, str]) -> None:
        try:
            await self._client.patch(KubernetesPod, pod, {"metadata": {"uid": uid, "annotations": annotations}})
        except FAILURES as error:
            raise refusal(error) from error


def run(path: str) -> None:
    """The command `monitor`: in a pod, or with a person's kubeconfig."""
    settings = read_settings(path)
    LOG.info("settings: %s", json.dumps(settings.model_dump(mode="json")))

    async def start() -> None:
        try:
            client = Kubernetes(settings.namespace)
        except Exception as error:  # lightkube raises whatever the file's reader does
            raise ClusterError(f"no way to the Kubernetes API: {' '.join(str(error).split())[:300]}") from error
        await Monitor(settings, client).run()

    asyncio.run(start())

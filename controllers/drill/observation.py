"""What a drill sees of the job from outside: its pods, the master's heartbeat, and what the monitor wrote down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import ConfigMap
from lightkube.resources.core_v1 import Pod as KubernetesPod

from controllers.config.monitor import MONITOR_NAME, MonitorSettings
from controllers.errors import DrillError
from controllers.monitor import cluster, recovery
from controllers.monitor.incidents import Incident, Memory
from controllers.monitor.informer import Informer
from controllers.monitor.kubernetes import FAILURES, Kubernetes, refusal
from controllers.monitor.model import Listed, Pod, PodGone, PodSeen, Role
from controllers.monitor.store import KEY, name_of
from controllers.monitor.world import World

POLL_SECONDS = 0.1
RECENT_SECONDS = 10.0
"""Of a heartbeat, which comes every three."""


class Observer:
    """Follows the namespace's pods while used as a context."""

    def __init__(self, client: Kubernetes, settings: MonitorSettings) -> None:
        self.client = client
        self.settings = settings
        self.world = World()
        self.broken_at: float | None = None
        """When the first thing was broken: right after the command that did it."""
        self.mended_at: float | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Observer:
        informer = Informer(
            self.client,
            KubernetesPod,
            self._on_pod,
            lambda names: self.world.see(Listed("pods", names), time.time()),
            namespace=self.settings.namespace,
        )
        self._task = asyncio.create_task(informer.run())
        await self.until("a list of the pods", lambda: informer.synchronized, 30)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()

    def _on_pod(self, kind: str, found: Any) -> None:
        now = time.time()
        self.world.see(PodSeen(cluster.pod_of(found, self.settings)), now)
        if kind == "DELETED":
            self.world.see(PodGone(found.metadata.name, found.metadata.uid), now)

    def note_mended(self) -> None:
        """What a drill held up is let go: the time to recover counts from now."""
        self.mended_at = time.time()

    def note_broken(self) -> None:
        """What a drill is to break is broken now."""
        self.broken_at = self.broken_at or time.time()

    async def until(self, what: str, condition: Callable[[], bool], seconds: float) -> float:
        """Wait; when it was. Raises DrillError after so long."""
        deadline = time.time() + seconds
        while not condition():
            if time.time() > deadline:
                raise DrillError(f"no {what} within {seconds:.0f} s; {self.describe()}")
            await asyncio.sleep(POLL_SECONDS)
        return time.time()

    async def until_async(self, what: str, condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """As `until`, for what must be asked for. Raises DrillError after so long."""
        deadline = time.time() + seconds
        while True:
            try:
                if await condition():
                    return
            except FAILURES as error:
                if time.time() > deadline:
                    raise refusal(error) from error
            if time.time() > deadline:
                raise DrillError(f"no {what} within {seconds:.0f} s")
            await asyncio.sleep(POLL_SECONDS * 5)

    def at_work(self, after: float, without: list[int]) -> bool:
        """Whether the job is at work as it should be, by a heartbeat that came after `after`."""
        return recovery.at_work(self.world, self.settings, after, without)

    def running(self, role: Role) -> list[Pod]:
        """Raises DrillError if none of this role runs."""
        found = [pod for pod in self.world.of(role) if pod.phase == "Running" and not pod.deleting]
        if not found:
            raise DrillError(f"no {role.value} runs; {self.describe()}")
        return found

    def working(self) -> list[Pod]:
        """Workers that have tasks: standbys are left out, and those that start. Raises DrillError if there is none."""
        beat = self.world.master
        entries = beat.progress.workers if beat else {}
        found = [pod for pod in self.running(Role.WORKER) if pod.index in entries and not entries[pod.index].standby]
        if not found:
            raise DrillError(f"no worker has a task by the master's last heartbeat; {self.describe()}")
        return found

    def steady(self) -> bool:
        """Whether the job is at work, and whoever stands by is ready to: what a drill begins with."""
        if not self.at_work(time.time() - RECENT_SECONDS, []) or (beat := self.world.master) is None:
            return False
        there = [pod.index for pod in self.world.of(Role.WORKER) if pod.phase in ("Running", "Pending")]
        return all(index in beat.progress.workers for index in there)

    def describe(self) -> str:
        """The job's pods in a line."""
        pods = [f"{pod.name} {pod.phase}" for pod in self.world.pods.values() if pod.role is not Role.OTHER]
        return "there are: " + (", ".join(sorted(pods)) or "no pods")

    async def leader(self) -> str:
        """Who holds the monitor's Lease."""
        try:
            lease = await self.client.get(Lease, self.settings.leader_election.lease)
        except FAILURES:
            return ""
        return (lease.spec.holderIdentity if lease.spec else "") or ""

    async def monitors(self) -> list[str]:
        """Names of the monitor's pods."""
        return [name for name in self.world.pods if name.startswith(f"{MONITOR_NAME}-")]

    async def incidents(self) -> list[Incident]:
        """What the monitor remembers; nothing if there is no monitor."""
        try:
            found = await self.client.get(ConfigMap, name_of(self.settings))
        except FAILURES:
            return []
        return Memory.from_json((found.data or {}).get(KEY, "{}")).incidents

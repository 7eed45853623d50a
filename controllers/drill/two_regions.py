"""What befalls whole regions: one loses its power, two are cut apart, two are told to train the same job."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from lightkube import AsyncClient, KubeConfig
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod
from lightkube.resources.networking_v1 import NetworkPolicy

from controllers.config.monitor import MonitorSettings
from controllers.config.traffic import TRAFFIC_NAME
from controllers.drill import region
from controllers.drill.faults import Drill, Ground, run_command
from controllers.drill.site import Region, Users
from controllers.errors import DrillError
from controllers.monitor.kubernetes import FAILURES

SERVING_NAME = "serving"
RESOLVERS = 10
"""A line, whose caches run out at times that are spread over a TTL."""
CUT_SECONDS = 45.0
POLICY = f"allow-{TRAFFIC_NAME}"
LOOK_SECONDS = 1.0
TAKEN_OVER_SECONDS = 300.0
"""The lease runs out, a node comes for each worker, and they start."""
MASTER = {"elasticdl-replica-type": "master"}


async def _lost_region(ground: Ground) -> list[str]:
    """The nodes that serve lose their power, and the region's traffic controller with them. Counted until the last user
    was not answered, behind whatever resolver."""
    users, regions = _places(ground)
    first = regions[0]
    names = (f"{SERVING_NAME}-", f"{TRAFFIC_NAME}-")
    nodes = sorted({pod.node for pod in ground.observer.world.pods.values() if pod.node and pod.name.startswith(names)})
    if not nodes:
        raise DrillError(f"no pod of {' or '.join(names)} has a node; {ground.observer.describe()}")
    resolve, ask = _ways(ground, users)
    drill = region.Drill(list(users.lines), RESOLVERS, resolve, ask)
    await asyncio.to_thread(drill.prepare)
    for node in nodes:
        ground.undo.append(lambda node=node: run_command(ground, "node_start", node))  # type: ignore[misc]
    loop = asyncio.get_running_loop()

    async def stop() -> None:
        await asyncio.gather(*(run_command(ground, "node_stop", node) for node in nodes))

    outcome = await asyncio.to_thread(
        drill.watch, first.entry, lambda: asyncio.run_coroutine_threadsafe(stop(), loop).result()
    )
    ground.detected, ground.at_work = outcome.left_after, outcome.answered_after
    ground.note = (
        f"DNS led elsewhere after {outcome.left_after:.1f} s; {outcome.failed:,} of {outcome.requests:,} requests of "
        f"{len(drill.users)} resolvers' users failed, {outcome.failed_elsewhere:,} of them where they were led to"
    )
    return [f"{first.name}: {', '.join(nodes)}"]


async def _cut_apart(ground: Ground) -> list[str]:
    """Neither region's controller reaches the other's entry, and users reach both: nothing may be switched."""
    users, regions = _places(ground)
    resolve, ask = _ways(ground, users)
    before = {line: (await asyncio.to_thread(resolve, line))[0] for line in users.lines}
    for one, other in ((regions[0], regions[1]), (regions[1], regions[0])):
        client = client_of(one, ground.site.namespace)
        await _cut(client, [f"{other.entry}/32"])
        ground.undo.append(_healer(client))
    ground.observer.note_broken()
    requests = failed = 0
    asked: set[str] = set()
    deadline = time.monotonic() + CUT_SECONDS
    while time.monotonic() < deadline:
        notes = {place.name: await asyncio.to_thread(region.note, users, place.name) for place in regions}
        asked |= {name for name, note in notes.items() if any(f"ask={other}:" in note for other in notes)}
        for line in users.lines:
            addresses = (await asyncio.to_thread(resolve, line))[0]
            if addresses != before[line]:
                raise DrillError(f"users of {line} were led from {before[line]} to {addresses}")
            requests += 1
            failed += not await asyncio.to_thread(ask, addresses[0])
        await asyncio.sleep(LOOK_SECONDS / 2)
    ground.note = (
        f"both asked after each other and heard that all is well: no record was switched in {CUT_SECONDS:.0f} s; "
        f"{requests} requests over DNS, {failed} failed"
    )
    if silent := {place.name for place in regions} - asked:
        raise DrillError(f"{', '.join(sorted(silent))} asked after nobody: nothing was cut there")
    if failed:
        raise DrillError(f"{failed} of {requests} requests over DNS failed")
    ground.observer.note_mended()
    return [f"{regions[0].name} from {regions[1].name}"]


async def _two_trainings(ground: Ground) -> list[str]:
    """The training's region is cut off from the lease, and the other one is told to train. The first must have ended
    before the second begins, though nobody can tell it to; then the cut is healed, and the first trains again."""
    _, regions = _places(ground)
    clients = [client_of(place, ground.site.namespace) for place in regions[:2]]
    watched = Masters(clients)
    looking = asyncio.create_task(watched.look())
    try:
        await run_command(ground, "cut")
        ground.undo.append(lambda: run_command(ground, "heal"))
        await _scale(clients[1], 1)
        ground.undo.append(lambda: _scale(clients[1], 0))
        cut_at = time.monotonic()
        await watched.until("training in the second region", lambda: watched.runs == [False, True])
        begun = time.monotonic() - cut_at
        for undo in (ground.undo.pop(), ground.undo.pop()):
            await undo()
        ground.observer.note_mended()
        await watched.until("training in the first region again", lambda: watched.runs == [True, False])
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        for client in clients:
            await client.close()
    ended = watched.ended_at - cut_at if watched.ended_at is not None else 0.0
    ground.note = (
        f"the first region's job ended by itself {ended:.0f} s after the cut, the second's began after {begun:.0f} s; "
        f"of {watched.looks} looks at both, {watched.both} saw two masters"
    )
    if watched.both:
        raise DrillError(ground.note)
    return [regions[0].name]


class Masters:
    """Looks at a job's masters in several clusters, again and again."""

    def __init__(self, clients: list[Any]) -> None:
        self._clients = clients
        self.runs = [False] * len(clients)
        """Whether there is one that runs, in each."""
        self.looks = self.both = 0
        """How often all were seen, and how often more than one ran then."""
        self.ended_at: float | None = None
        """When the first cluster's was gone, the first time."""

    async def look(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(*FAILURES):  # an API server that is busy is asked again
                self.saw([await self._runs(client) for client in self._clients], time.monotonic())
            await asyncio.sleep(LOOK_SECONDS)

    def saw(self, runs: list[bool], now: float) -> None:
        """One look."""
        if self.runs[0] and not runs[0] and self.ended_at is None:
            self.ended_at = now
        self.runs = runs
        self.looks += 1
        self.both += sum(runs) > 1

    async def until(self, what: str, condition: Callable[[], bool]) -> None:
        """Raises DrillError after `TAKEN_OVER_SECONDS`."""
        deadline = time.monotonic() + TAKEN_OVER_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise DrillError(f"no {what} within {TAKEN_OVER_SECONDS:.0f} s")
            await asyncio.sleep(LOOK_SECONDS / 2)

    @staticmethod
    async def _runs(client: Any) -> bool:
        pods = [pod async for pod in client.list(Pod, labels=MASTER)]
        return any(pod.status is not None and pod.status.phase == "Running" for pod in pods)


def _places(ground: Ground) -> tuple[Users, tuple[Region, ...]]:
    users, regions = ground.site.users, ground.site.regions
    if users is None or len(regions) < 2:
        raise DrillError("this drill needs `users` and two `regions` in the site's file")
    return users, regions


def _ways(ground: Ground, users: Users) -> tuple[region.Resolve, region.Ask]:
    resolve = region.resolver(*users.place, users.name, users.lines)
    return resolve, region.asker(users.name, 80, ground.site.path)


def client_of(place: Region, namespace: str) -> AsyncClient:
    """A client of a region's cluster."""
    return AsyncClient(config=KubeConfig.from_file(Path(place.kubeconfig).expanduser()), namespace=namespace)


def _healer(client: Any) -> Callable[[], Awaitable[None]]:
    async def heal() -> None:
        await _cut(client, [])
        await client.close()

    return heal


async def _cut(client: Any, addresses: list[str]) -> None:
    """Except these addresses from what a region's traffic controller may reach, or none of them any more."""
    found = await client.get(NetworkPolicy, POLICY)
    for peer in found.spec.egress[0].to:
        kept = [block for block in peer.ipBlock.except_ or [] if not block.endswith("/32")]
        peer.ipBlock.except_ = kept + addresses
    await client.replace(found)


async def _scale(client: Any, replicas: int) -> None:
    """The launchers of a region, as `pulumi up` does after `training.region` was changed."""
    await client.patch(Deployment, MonitorSettings.model_fields["deployment"].default, {"spec": {"replicas": replicas}})


REGION_DRILLS = (
    Drill("cut", "the two regions are cut apart", "region", _cut_apart, noticed=False, job=False),
    Drill("lease", "two regions are to train, and one is cut off", "lease", _two_trainings, noticed=False),
    Drill("region", "a region's servers lose their power", "region", _lost_region, noticed=False, job=False),
)

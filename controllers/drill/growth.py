"""`python -m controllers.drill growth`: does a training's number of workers follow its queue of tasks?

It looks at a training with `training.maximum_workers` until that is over. Once it has grown, a pod of serving's
priority takes a worker's place for a while. Then it must grow back, become smaller as its queue ends, and lose no task.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from controllers.drill.command_line import add_outputs, leave, log_to_the_screen, within
from controllers.drill.growth_plot import plot
from controllers.drill.growth_result import GrowthResult, Preemption, Sample, table
from controllers.drill.nodes import TRAINING_POOL, ready_nodes
from controllers.drill.run import Watch, watching
from controllers.drill.site import Site, read_site
from controllers.drill.tally import Tally
from controllers.drill.urgent import NAME, Urgent
from controllers.errors import ClusterError, ControllerError, DrillError
from controllers.monitor import recovery
from controllers.monitor.faults import is_running
from controllers.monitor.model import Role

LOG = logging.getLogger("controllers.drill")
EVERY_SECONDS = 0.5
JOB_SECONDS = 600.0
"""How long the command waits for a job: a node may have to come for it."""
PLACEMENT_SECONDS = 120.0
"""How long the urgent pod may wait for a place."""
GONE_SECONDS = 60.0
"""Without a pod of the job, until it is taken for over: a launcher that lost its master starts another one sooner."""
AWAY_SECONDS = 30.0
"""How long the API server may leave every question unanswered."""
REMOVALS, REMOVAL_SECONDS = 5, 2.0
"""Attempts to remove the urgent pod at the end, and the wait between two."""
PREEMPTED = "PreemptionByScheduler"


@dataclass(frozen=True)
class Seen:
    """What a look shows."""

    wanted: int
    workers: int
    standbys: int
    pending: int
    nodes: int
    left: int
    trained: int
    running: tuple[str, ...]
    """Workers' pods that run, the least number first."""
    lost: frozenset[str]
    """Workers' pods that are gone, or going, without their master having let them go."""
    preempted: frozenset[str]
    """Those of them that Kubernetes' scheduler took away."""
    urgent: str
    """The urgent pod's phase; nothing where there is none."""
    job: bool
    """Whether a pod of the job is there that has not ended."""
    finished: bool
    """Whether the master's last word is that all tasks are done."""

    @property
    def over(self) -> bool:
        """Whether the job is, and no worker is left."""
        return self.finished and not (self.running or self.pending)


class Place(Protocol):
    """What takes a worker's place."""

    async def create(self, worker: str) -> None:
        """Raises ControllerError."""

    async def remove(self) -> None:
        """Raises ClusterError."""


@dataclass
class Growth:
    """Looks until the job is over, and takes a worker's place once. Time is an argument so that a test can make it."""

    result: GrowthResult
    look: Callable[[], Awaitable[Seen]]
    urgent: Place
    settle: float = 5.0
    hold: float = 20.0
    longest: float = 1200.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
    _known: frozenset[str] = field(default=frozenset())
    """Workers that were lost before the urgent pod came."""
    _places: int = 0
    """Workers on a node at the last look, standbys not counted: those that had not begun yet, too."""

    async def carry_out(self) -> None:
        """Raises ClusterError. The urgent pod is removed in any case."""
        started = answered = there = self.clock()
        try:
            if self.result.preemption is not None:
                await self.urgent.remove()  # left over from a run that was killed
            while (now := self.clock()) < started + self.longest and not self.result.ended:
                try:
                    seen = await self.look()
                    answered = self.clock()
                    there = answered if seen.job else there
                    await self._note(seen, answered - started)
                    self.result.ended = seen.over or answered - there >= GONE_SECONDS
                except ClusterError as error:
                    if self.clock() - answered >= AWAY_SECONDS:
                        raise
                    LOG.warning("%s; looking again", error)
                await self.sleep(max(0.0, EVERY_SECONDS - (self.clock() - now)))
        finally:
            if self.result.preemption is not None and self.result.preemption.asked_at is not None:
                await self._remove_at_last()

    async def _note(self, seen: Seen, at: float) -> None:
        events = [] if self.result.preemption is None else await self._preempt(self.result.preemption, seen, at)
        figures = (seen.wanted, seen.workers, seen.standbys, seen.pending, seen.nodes, seen.left, seen.trained)
        self.result.samples.append(Sample(round(at, 1), *figures, "; ".join(events)))
        self._places = len(seen.running) - seen.standbys
        for event in events:
            LOG.info("%s", event)

    async def _preempt(self, preemption: Preemption, seen: Seen, at: float) -> list[str]:
        """The next step, if it is time for it; what happened."""
        if preemption.asked_at is None:
            grown = self.result.grew_at
            ready = grown is not None and at - grown >= self.settle and seen.workers > self.result.workers
            return await self._ask(preemption, seen, at) if ready else []
        events = []
        new = seen.lost - self._known
        if preemption.lost_at is None and new and preemption.gone_at is None and not preemption.problem:
            preemption.worker = min(new & seen.preempted or new)
            preemption.lost_at, preemption.before = at, self._places
            events.append(f"{preemption.worker} loses its place")
        if preemption.ran_at is None and not preemption.problem:
            if seen.urgent == "Running":
                preemption.ran_at = at
                events.append(f"{NAME} runs")
            elif seen.urgent in ("Failed", "Succeeded") or at - preemption.asked_at >= PLACEMENT_SECONDS:
                await self.urgent.remove()
                preemption.problem = (
                    f"{NAME} found no place within {PLACEMENT_SECONDS:.0f} s ({seen.urgent or 'it is gone'}): does the "
                    "quota of the stack file have room for one worker more, gpu too? `kubectl get events` says more"
                )
        elif preemption.ran_at is not None and preemption.gone_at is None and at - preemption.ran_at >= self.hold:
            await self.urgent.remove()
            preemption.gone_at = at
            events.append(f"{NAME} goes")
        if preemption.lost_at is not None and preemption.back_at is None and seen.workers >= preemption.before:
            preemption.back_at = at
            events.append("as many at work as before")
        return events

    async def _ask(self, preemption: Preemption, seen: Seen, at: float) -> list[str]:
        preemption.asked_at, self._known = at, seen.lost
        try:
            await self.urgent.create(seen.running[0])
        except ControllerError as error:
            preemption.problem = str(error)
            return []
        return [f"{NAME} comes"]

    async def _remove_at_last(self) -> None:
        for attempt in range(REMOVALS):
            try:
                await self.urgent.remove()
                return
            except ClusterError as error:
                LOG.warning("%s can't be removed: %s", NAME, error)
                if attempt == REMOVALS - 1:
                    raise
                await self.sleep(REMOVAL_SECONDS)


async def look(watch: Watch) -> Seen:
    """The job, the nodes and the urgent pod now. Raises ClusterError where the API server does not say."""
    world = watch.observer.world
    nodes = await ready_nodes(watch.observer.client, watch.site.namespace)
    beat, master = world.master, world.master_pod
    gone = [pod for pod, _ in world.lost]
    workers = world.of(Role.WORKER)
    running = [pod for pod in workers if pod.phase == "Running" and not pod.deleting]
    pending = [pod for pod in workers if pod.phase == "Pending" and not pod.deleting]
    entries = beat.progress.workers if beat else {}
    lost = [pod for pod in workers if pod.deleting] + [pod for pod in gone if pod.role is Role.WORKER]
    masters = [pod for pod in [*world.of(Role.MASTER), *gone] if beat is not None and pod.uid == beat.uid]
    urgent = world.pods.get(NAME)
    return Seen(
        beat.progress.wanted if beat and is_running(master) else 0,
        recovery.workers_at_work(world),
        sum(pod.index in entries and entries[pod.index].standby for pod in running),
        len(pending),
        nodes[TRAINING_POOL],
        beat.progress.left if beat else 0,
        beat.progress.trained if beat else 0,
        tuple(pod.name for pod in running),
        frozenset(pod.name for pod in lost if not pod.removal),
        frozenset(pod.name for pod in lost if pod.disruption == PREEMPTED),
        urgent.phase if urgent else "",
        bool(running or pending or is_running(master)),
        any(pod.finished or pod.phase == "Succeeded" for pod in masters),
    )


async def run(site: Site, options: argparse.Namespace) -> GrowthResult:
    """The whole of it. Raises ControllerError."""
    async with watching(site) as watch:
        observer = watch.observer

        def has_tasks() -> bool:
            beat = observer.world.master
            return is_running(observer.world.master_pod) and beat is not None and beat.progress.left > 0

        await observer.until("training job with tasks", has_tasks, JOB_SECONDS)
        before = watch.others.counts()
        tally = Tally()

        async def looking() -> Seen:
            tally.see(observer, EVERY_SECONDS)
            return await look(watch)

        result = GrowthResult(site.workers, preemption=None if options.without_preemption else Preemption())
        urgent = Urgent(observer.client, options.hold + PLACEMENT_SECONDS)
        await Growth(result, looking, urgent, options.settle, options.hold, options.minutes * 60.0).carry_out()
        result.others = watch.others.counts() - before
        result.tasks_missing = tally.missing
        return result


def parser() -> argparse.ArgumentParser:
    """All options."""
    made = argparse.ArgumentParser(
        prog="python -m controllers.drill growth",
        description=__doc__,
        epilog="The cluster is that of $KUBECONFIG. Exit codes: 0 the training grew beyond the site's `workers`, had\n"
        "a preempted worker's place taken again, became smaller as its queue ended, and lost no task, and no request\n"
        "to another business failed; 4 not so; 1 or 2 other.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--site", required=True, metavar="FILE", help="where (YAML), as of the drills")
    made.add_argument("--minutes", type=within(range(1, 601)), default=20, help="to look, at the longest (20)")
    made.add_argument(
        "--settle", type=within(range(301)), default=5, help="seconds from growth until a worker loses its place (5)"
    )
    made.add_argument("--hold", type=within(range(1, 601)), default=20, help="seconds that another has it (20)")
    made.add_argument("--without-preemption", action="store_true", help="take no worker's place")
    add_outputs(made)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Look at the job; the exit code."""
    options = parser().parse_args(arguments)
    log_to_the_screen()
    try:
        site = read_site(options.site)
        if options.plot:  # can it be drawn?
            plot(GrowthResult(site.workers))
        result = asyncio.run(run(site, options))
        leave(options, table(result), result.to_json(), lambda: plot(result))
    except ControllerError as error:
        print(f"growth: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return DrillError.exit_code if result.problems() else 0

"""Runs drills one after another, each on a job that is at work, and measures."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from controllers.config.drills import DrillObjectives
from controllers.config.monitor import MonitorSettings
from controllers.drill.faults import JOB_DRILLS, Drill, Ground
from controllers.drill.neighbourhood import LAST_DRILLS, NEIGHBOURHOOD_DRILLS
from controllers.drill.observation import Observer
from controllers.drill.probing import Counts, Probes
from controllers.drill.report import Moment, Result
from controllers.drill.site import Site
from controllers.drill.storage import STORAGE_DRILLS
from controllers.drill.two_regions import REGION_DRILLS, SERVING_NAME
from controllers.errors import ControllerError
from controllers.monitor import recovery
from controllers.monitor.faults import Fault
from controllers.monitor.incidents import Incident
from controllers.monitor.kubernetes import FAILURES, Kubernetes
from controllers.monitor.model import Role

LOG = logging.getLogger("controllers.drill")
READY_SECONDS = 300.0
LONGEST_SECONDS = 400.0
RECORD_SECONDS = 60.0
"""How long the monitor may take to write down a recovery that the drill has seen: it is no part of the recovery."""
LOOK_SECONDS = 0.5
AFTER_SECONDS = 3.0
BATCHES = 4
"""That the job must have begun since its parameter server was replaced: more than each worker may have had in hand."""
OTHER_FAULTS = (Fault.API_SERVER_AWAY.label,)
"""Not what a drill breaks: it may be there at the same time."""
ORDERED = (*JOB_DRILLS, *NEIGHBOURHOOD_DRILLS, *STORAGE_DRILLS, *REGION_DRILLS, *LAST_DRILLS)
DRILLS = {drill.name: drill for drill in ORDERED}
"""In the order in which `all` does them: what takes the whole namespace comes late."""


@dataclass(frozen=True)
class Watch:
    """A business that is watched while things break: its job, its users, and those of others."""

    site: Site
    observer: Observer
    own: Probes
    others: Probes

    def all_answered(self) -> bool:
        """Whether every entry answered when it was asked last."""
        return not (self.own.unwell() or self.others.unwell())


@contextlib.asynccontextmanager
async def watching(site: Site) -> AsyncIterator[Watch]:
    """Watch a business. Raises ControllerError where its cluster can't be reached."""
    settings = MonitorSettings(
        business=site.namespace,
        namespace=site.namespace,
        region=site.regions[0].name if site.regions else "",
        bucket="",
        job_name=site.job,
        workers=site.workers,
    )
    client = Kubernetes(settings.namespace)
    entries = {region.name: f"http://{region.entry}{site.path}" for region in site.regions}
    try:
        async with Observer(client, settings) as observer:
            with Probes(entries) as own, Probes(site.others) as others:
                yield Watch(site, observer, own, others)
    finally:
        await client.close()


async def run(
    site: Site, objectives: DrillObjectives, names: Sequence[str], seed: int, done: Callable[[Result], None]
) -> list[Result]:
    """All of them, in order; one that fails does not keep the next from running. `done` is told of each at once."""
    results = []
    async with watching(site) as watch:
        for number, name in enumerate(names):
            draw = random.Random(f"{seed}:{number}:{name}")  # noqa: S311 - chosen to be repeatable
            results.append(await one(watch, DRILLS[name], objectives, draw))
            LOG.info("%s", results[-1])
            done(results[-1])
    return results


async def one(watch: Watch, drill: Drill, objectives: DrillObjectives, draw: random.Random) -> Result:
    """Wait until the job is at work, break it, wait until it is so again, and put right what stays broken."""
    observer = watch.observer
    ground = Ground(observer, watch.site, objectives, draw)
    result = Result(drill.name, drill.meaning, [], float(getattr(objectives, drill.objective)))
    before = (Counts(), Counts())
    seen: list[Moment] = []
    try:
        await observer.until("job at work", observer.steady, READY_SECONDS)
        await observer.until(
            "answer to all users", lambda: not (watch.own.unwell() or watch.others.unwell()), READY_SECONDS
        )
        before = (watch.own.counts(), watch.others.counts())
        observer.broken_at = observer.mended_at = None
        looking = asyncio.create_task(_look(watch, before[0], seen))
        try:
            await _break_and_wait(ground, drill, result)
            await asyncio.sleep(AFTER_SECONDS)  # so that the picture shows that it stays so
        finally:
            looking.cancel()
    except (ControllerError, *FAILURES) as error:
        result.problem = " ".join(str(error).split())
    finally:
        for undo in reversed(ground.undo):
            try:
                await undo()
            except (ControllerError, *FAILURES) as error:
                result.problem = result.problem or f"not put right: {error}"
    result.lost, result.note = ground.lost, ground.note
    began = observer.broken_at or time.time()
    result.timeline = tuple(moment._replace(at=round(moment.at - began, 2)) for moment in seen)
    result.failed, result.others = watch.own.counts() - before[0], watch.others.counts() - before[1]
    return result


async def _look(watch: Watch, before: Counts, seen: list[Moment]) -> None:
    """Note what there is, twice a second, until cancelled; what is as before is left out, but for the last look."""
    world, settings = watch.observer.world, watch.observer.settings
    while True:
        share = recovery.share_at_work(world, settings)
        servers = sum(pod.name.startswith(f"{SERVING_NAME}-") and pod.ready for pod in world.pods.values())
        counts = watch.own.counts() - before
        moment = Moment(time.time(), round(share * settings.workers), servers, counts.requests, counts.failed)
        if len(seen) > 1 and all(earlier[1:3] + earlier[4:] == moment[1:3] + moment[4:] for earlier in seen[-2:]):
            seen.pop()
        seen.append(moment)
        await asyncio.sleep(LOOK_SECONDS)


async def _break_and_wait(ground: Ground, drill: Drill, result: Result) -> None:
    observer = ground.observer
    before = observer.world.master
    known = {incident.id for incident in await observer.incidents()}
    running = {pod.uid for pod in observer.world.pods.values()}
    indexes = {pod.name: pod.index for pod in observer.world.of(Role.WORKER)}
    nodes = {pod.name: pod.node for pod in observer.world.of(Role.WORKER)}
    servers = {pod.name for pod in observer.world.of(Role.PARAMETER_SERVER)}
    result.targets = await drill.break_it(ground)
    started = observer.broken_at or time.time()
    counted_from = observer.mended_at or started
    if not drill.job:
        result.detected = ground.detected
        result.at_work = time.time() - counted_from if ground.at_work is None else ground.at_work
        return
    lost = [index for name, index in indexes.items() if name in result.targets or nodes[name] in result.targets]
    server_lost = bool(servers & set(result.targets))
    steps: list[int] = []

    def recovered() -> bool:
        new = [pod for pod in observer.world.pods.values() if pod.uid not in running and pod.phase == "Running"]
        if new and result.replaced is None:
            result.replaced = time.time() - started
        beat = observer.world.master
        if server_lost:
            # Workers wait for their server with a batch begun: only the next ones show that it answers again.
            if result.replaced is not None and beat is not None:
                steps.append(beat.progress.step)
            if not steps or steps[-1] < steps[0] + BATCHES:
                return False
        same = beat is not None and before is not None and beat.uid == before.uid
        return observer.at_work(counted_from, lost if same else [])

    result.at_work = await observer.until("job at work again", recovered, LONGEST_SECONDS) - counted_from
    _note_record(result, await _recorded(observer, known, wait=drill.noticed), started)
    if drill.noticed and not result.incidents:
        result.problem = "the monitor wrote nothing down"


async def _recorded(observer: Observer, known: set[str], *, wait: bool) -> list[Incident]:
    """The monitor's new incidents, once they are closed."""
    deadline = time.time() + RECORD_SECONDS
    while True:
        new = [incident for incident in await observer.incidents() if incident.id not in known]
        found = [incident for incident in new if incident.fault not in OTHER_FAULTS]
        closed = bool(found) and not any(incident.is_open for incident in found)
        if closed or not wait or time.time() > deadline:
            return found
        await asyncio.sleep(LOOK_SECONDS)


def _note_record(result: Result, found: list[Incident], started: float) -> None:
    tasks = [incident.tasks_redone for incident in found if incident.tasks_redone is not None]
    steps = [incident.steps_redone for incident in found if incident.steps_redone is not None]
    # What is broken shows at once, and the command that breaks it takes a moment to return.
    result.detected = max(0.0, min(incident.detected_at for incident in found) - started) if found else None
    result.tasks_redone = max(tasks) if tasks else None
    result.steps_redone = max(steps) if steps else None
    result.incidents = tuple(incident.fault for incident in found)

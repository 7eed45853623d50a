"""The command `campaign`: faults one after another, seeded, on a job that trains. Is a task lost, or what was
acknowledged, and how much of the time did the training get on?

No task is lost while, at every heartbeat of a master, the tasks that were trained and those that are left are as many
as its epochs have made: one that was forgotten would be missing from both for good. Acknowledged are the training's
text and the checkpoints: at the end each object has its checksum, and the last checkpoint is of no earlier step.
Goodput is the share of the workers at work, over time, less the time that it takes to do again what a restart from a
checkpoint undid, and the time that workers, which count as being at work, waited for a lost parameter server.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from lightkube.resources.core_v1 import Pod as KubernetesPod

from controllers.config.drills import DrillObjectives
from controllers.drill.acknowledged import check
from controllers.drill.faults import INTERRUPT, Ground, kill
from controllers.drill.observation import Observer
from controllers.drill.run import DRILLS, Watch, one, watching
from controllers.drill.site import Site, read_objectives, read_site
from controllers.drill.tally import Tally, read_tally
from controllers.errors import ControllerError, DrillError
from controllers.monitor.kubernetes import FAILURES
from controllers.monitor.model import Pod, Role

LOG = logging.getLogger("controllers.drill")
CHOICES = {"worker": 6, "worker-crash": 4, "worker-deleted": 4, "workers": 2, "parameter-server": 2, "master": 1}
"""How often each fault comes, of this many: single workers most, as it is in clusters."""
RESTLESS = {
    "worker-deleted": 6,
    "worker-interrupted": 4,
    "worker-killed": 3,
    "workers-deleted": 2,
    "parameter-server-deleted": 3,
    "master": 1,
}
"""The same where nobody waits for the job to be at work again: quickly done, to whoever runs just then."""
SAMPLE_SECONDS = 0.5
RECOVERY_SECONDS = 400.0


async def run(
    site: Site,
    objectives: DrillObjectives,
    tally: Tally,
    faults: int,
    seconds: float,
    break_one: Breaker,
    hits: set[asyncio.Task[None]],
    keep: Keeper,
) -> None:
    """Until there were so many faults in all, or for so long; then until the job is at work again."""
    async with watching(site) as watch:
        await watch.observer.until("job at work", watch.observer.steady, RECOVERY_SECONDS)
        await check(site, tally)
        sampling = asyncio.create_task(_sample(watch, tally))
        started = time.monotonic()
        try:
            while tally.faults.total() < faults and (left := started + seconds - time.monotonic()) > 0:
                draw = random.Random(f"{tally.seed}:{tally.number}")  # noqa: S311 - chosen to be repeatable
                tally.number += 1
                await break_one(watch, objectives, tally, draw, left)
                keep(tally)
            await asyncio.gather(*hits)
            after = time.time()
            await watch.observer.until(
                "job at work at the end", lambda: watch.observer.at_work(after, []), RECOVERY_SECONDS
            )
        except DrillError as error:
            tally.problems = [*tally.problems, str(error)]
        finally:
            sampling.cancel()
        await check(site, tally)
        keep(tally)


Breaker = Callable[[Watch, DrillObjectives, Tally, random.Random, float], Awaitable[None]]
Keeper = Callable[[Tally], None]


def patient(every: float) -> Breaker:
    """Break one thing, wait until the job is at work again, and then until `every` seconds are over."""

    async def break_one(
        watch: Watch, objectives: DrillObjectives, tally: Tally, draw: random.Random, left: float
    ) -> None:
        began = time.monotonic()
        (name,) = draw.choices(list(CHOICES), weights=list(CHOICES.values()))
        result = await one(watch, DRILLS[name], objectives, draw)
        hit = sum(target.startswith("elasticdl-") for target in result.targets)
        tally.faults[name] += max(1, hit)
        if result.at_work is None:
            tally.problems = [*tally.problems, f"{name}: {result.problem}"]
        elif result.at_work > result.objective:
            tally.late = [*tally.late, f"{name} {result.at_work:.0f} s"]
        if name == "parameter-server":
            tally.seconds_waited += result.at_work or 0.0
        tally.steps_redone += result.steps_redone or 0
        tally.seconds_redone += _seconds_of(result.steps_redone or 0, watch.observer)
        LOG.info("%d: %s", tally.faults.total(), result)
        await asyncio.sleep(max(0.0, min(every, left) - (time.monotonic() - began)))

    return break_one


def restless(every: float, hits: set[asyncio.Task[None]]) -> Breaker:
    """Break one thing every so many seconds, whether the job is at work again or not. `hits`: what is being done."""

    async def break_one(
        watch: Watch, objectives: DrillObjectives, tally: Tally, draw: random.Random, left: float
    ) -> None:
        began = time.monotonic()
        (name,) = draw.choices(list(RESTLESS), weights=list(RESTLESS.values()))
        role = Role.WORKER if name.startswith("worker") else Role(name.removesuffix("-deleted"))
        pods = [pod for pod in watch.observer.world.of(role) if pod.phase == "Running" and not pod.deleting]
        ground = Ground(watch.observer, watch.site, objectives, draw)
        for pod in pods if name.startswith("workers-") else draw.sample(pods, min(1, len(pods))):
            task = asyncio.create_task(_counted(ground, name, pod, tally))
            hits.add(task)
            task.add_done_callback(hits.discard)
        await asyncio.sleep(max(0.0, min(every, left) - (time.monotonic() - began)))

    return break_one


async def _counted(ground: Ground, name: str, pod: Pod, tally: Tally) -> None:
    try:
        await _hit(ground, name, pod)
        tally.faults[name] += 1
        LOG.info("%d: %s %s", tally.faults.total(), name, pod.name)
    except (ControllerError, *FAILURES) as error:  # it went by itself meanwhile: not counted
        LOG.info("%s %s: %s", name, pod.name, error)


async def _hit(ground: Ground, name: str, pod: Pod) -> None:
    client = ground.observer.client
    if name.endswith("-deleted"):
        await client.delete_exactly(KubernetesPod, pod.name, pod.uid, 0)
    elif name.endswith("-interrupted"):
        await client.exec(pod.name, namespace=ground.site.namespace, command=["bash", "-c", INTERRUPT])
    else:
        await kill(ground, pod)


async def _sample(watch: Watch, tally: Tally) -> None:
    last = time.monotonic()
    before = (tally.requests, tally.requests_failed)
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        now = time.monotonic()
        tally.see(watch.observer, now - last)
        counts = (watch.own.counts(), watch.others.counts())
        tally.requests = before[0] + sum(count.requests for count in counts)
        tally.requests_failed = before[1] + sum(count.failed for count in counts)
        last = now


def _seconds_of(steps: int, observer: Observer) -> float:
    """How long the job takes for so many steps, at the pace of its workers lately."""
    beat = observer.world.master
    paces = [entry.seconds / 8 for entry in beat.progress.workers.values() if entry.seconds] if beat else []
    return steps * (sum(paces) / len(paces)) / len(paces) if paces else 0.0


def parser() -> argparse.ArgumentParser:
    """All options."""
    made = argparse.ArgumentParser(
        prog="python -m controllers.drill campaign",
        description="Break a running training again and again: is a task lost, or an acknowledged object?",
        epilog="Exit codes: 0 nothing lost and no fault without recovery, 4 otherwise, 2 wrong arguments, 1 other.",
    )
    made.add_argument("--site", required=True, metavar="FILE", help="where, and by which commands (YAML)")
    made.add_argument("--stack", metavar="FILE", help="the business's stack file, whose `drills` are the objectives")
    made.add_argument("--seed", type=int, default=1, help="the same seed, the same faults (1)")
    made.add_argument("--faults", type=int, default=200, help="how many in all; a pod that is broken is one (200)")
    made.add_argument("--minutes", type=float, default=600.0, help="at most so long, this time (600)")
    made.add_argument("--every", type=float, default=0.0, metavar="SECONDS", help="from one fault to the next (0)")
    made.add_argument("--restless", action="store_true", help="don't wait until the job is at work again")
    made.add_argument("--state", metavar="FILE", help="go on from what an earlier run left there, and leave it again")
    made.add_argument("--goodput", action="store_true", help="fail below the objective `goodput`")
    return made


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit code."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    LOG.setLevel(logging.INFO)
    state = Path(options.state) if options.state else None
    hits: set[asyncio.Task[None]] = set()
    breaker = restless(options.every, hits) if options.restless else patient(options.every)
    try:
        site, objectives = (
            read_site(options.site),
            read_objectives(options.stack) if options.stack else DrillObjectives(),
        )
        tally = read_tally(state, options.seed)
        keep: Keeper = (lambda found: found.write(state)) if state is not None else (lambda _: None)
        asyncio.run(run(site, objectives, tally, options.faults, options.minutes * 60, breaker, hits, keep))
    except ControllerError as error:
        print(f"drill: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    print(tally.text())
    low = options.goodput and tally.goodput < objectives.goodput
    return DrillError.exit_code if low or not tally.kept_all else 0

"""The command `campaign`: faults one after another, seeded, on a job that trains. Is any task lost, and how much of the
time did the training get on?

No task is lost while, at every heartbeat of a master, the tasks that were trained and those that are left are as many
as its epochs have made: one that was forgotten would be missing from both for good. Goodput is the share of the workers
at work, over time, less the time that it takes to do again what a restart from a checkpoint undid.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from controllers.config import DrillObjectives
from controllers.drill.observation import Observer
from controllers.drill.run import DRILLS, one, watching
from controllers.drill.site import Site, read_objectives, read_site
from controllers.errors import ControllerError, DrillError
from controllers.monitor import recovery

LOG = logging.getLogger("controllers.drill")
CHOICES = {"worker": 6, "worker-crash": 4, "worker-deleted": 4, "workers": 2, "parameter-server": 2, "master": 1}
"""How often each fault comes, of this many: single workers most, as it is in clusters."""
SAMPLE_SECONDS = 0.5


@dataclass
class Tally:
    """What the heartbeats showed, all the while."""

    missing: int = 0
    """Tasks that were neither done nor left, at the worst heartbeat."""
    worked: float = 0.0
    """Seconds, times the share of the workers that were at work."""
    watched: float = 0.0
    trained: dict[str, int] = field(default_factory=dict)
    """Tasks done, by the master's uid."""
    _made: dict[str, int] = field(default_factory=dict)

    def see(self, observer: Observer, seconds: float) -> None:
        """A look at the job, which stood for so long."""
        beat = observer.world.master
        self.watched += seconds
        self.worked += seconds * recovery.share_at_work(observer.world, observer.settings)
        if beat is None:
            return
        progress = beat.progress
        known = progress.trained + progress.left
        an_epoch = self._made.setdefault(beat.uid, known // (progress.epoch + 1))
        self.missing = max(self.missing, (progress.epoch + 1) * an_epoch - known)
        self.trained[beat.uid] = max(self.trained.get(beat.uid, 0), progress.trained)


@dataclass(frozen=True)
class Outcome:
    """A campaign's figures."""

    faults: Counter[str]
    late: tuple[str, ...]
    problems: tuple[str, ...]
    missing: int
    tasks: int
    goodput: float
    seconds: float
    steps_redone: int

    def text(self) -> str:
        """Markdown."""
        kinds = ", ".join(f"{count} {name}" for name, count in self.faults.most_common())
        late = ", ".join(self.late) or "none"
        return (
            f"| faults | tasks lost | tasks done | steps redone | goodput | over their objective | minutes |\n"
            f"|---|---|---|---|---|---|---|\n"
            f"| {self.faults.total()} ({kinds}) | {self.missing or 'none'} | {self.tasks:,} | {self.steps_redone:,} | "
            f"{self.goodput:.1%} | {late} | {self.seconds / 60:.1f} |"
        ) + "".join(f"\n- {problem}" for problem in self.problems)


async def run(site: Site, objectives: DrillObjectives, faults: int, seconds: float, every: float, seed: int) -> Outcome:
    """Until there were so many faults, or so long; `every`: seconds from one fault to the next, at least."""
    draw = random.Random(seed)  # noqa: S311 - chosen to be repeatable
    tally, done, late, problems = Tally(), Counter[str](), [], []
    redone_steps, redone_seconds = 0, 0.0
    started = time.monotonic()
    async with watching(site) as watch:
        sampling = asyncio.create_task(_sample(watch.observer, tally))
        try:
            while done.total() < faults and time.monotonic() - started < seconds:
                began = time.monotonic()
                (name,) = draw.choices(list(CHOICES), weights=list(CHOICES.values()))
                result = await one(watch, DRILLS[name], objectives, draw)
                hit = sum(target.startswith("elasticdl-") for target in result.targets)
                done[name] += max(1, hit)
                if result.at_work is None:
                    problems.append(f"{name}: {result.problem}")
                elif result.at_work > result.objective:
                    late.append(f"{name} {result.at_work:.0f} s")
                redone_steps += result.steps_redone or 0
                redone_seconds += _seconds_of(result.steps_redone or 0, watch.observer)
                LOG.info("%d: %s", done.total(), result)
                left = min(every - (time.monotonic() - began), seconds - (time.monotonic() - started))
                await asyncio.sleep(max(0.0, left))
        finally:
            sampling.cancel()
    goodput = max(0.0, tally.worked - redone_seconds) / max(tally.watched, 1e-9)
    return Outcome(
        done,
        tuple(late),
        tuple(problems),
        tally.missing,
        sum(tally.trained.values()),
        goodput,
        time.monotonic() - started,
        redone_steps,
    )


async def _sample(observer: Observer, tally: Tally) -> None:
    last = time.monotonic()
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        now = time.monotonic()
        tally.see(observer, now - last)
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
        description="Break a running training again and again, and see whether a task is lost.",
        epilog="Exit codes: 0 no task lost and no fault without recovery, 4 otherwise, 2 wrong arguments, 1 other.",
    )
    made.add_argument("--site", required=True, metavar="FILE", help="where, and by which commands (YAML)")
    made.add_argument("--stack", metavar="FILE", help="the business's stack file, whose `drills` are the objectives")
    made.add_argument("--seed", type=int, default=1, help="the same seed, the same faults (1)")
    made.add_argument("--faults", type=int, default=200, help="how many; a pod that is broken is one (200)")
    made.add_argument("--minutes", type=float, default=600.0, help="at most so long (600)")
    made.add_argument("--every", type=float, default=0.0, metavar="SECONDS", help="from one fault to the next (0)")
    made.add_argument("--goodput", action="store_true", help="fail below the objective `goodput`")
    return made


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit code."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    LOG.setLevel(logging.INFO)
    try:
        objectives = read_objectives(options.stack) if options.stack else DrillObjectives()
        found = asyncio.run(
            run(read_site(options.site), objectives, options.faults, options.minutes * 60, options.every, options.seed)
        )
    except ControllerError as error:
        print(f"drill: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    print(found.text())
    low = options.goodput and found.goodput < objectives.goodput
    return DrillError.exit_code if found.missing or found.problems or low else 0

"""Runs drills one after another, each on a job that is at work, and measures."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from controllers.config import MonitorSettings
from controllers.drill.faults import DRILLS, Commands, Drill
from controllers.drill.observation import Observer
from controllers.errors import ControllerError
from controllers.monitor.faults import Fault
from controllers.monitor.incidents import Incident
from controllers.monitor.kubernetes import FAILURES, Kubernetes
from controllers.monitor.model import Role

LOG = logging.getLogger("controllers.drill")
READY_SECONDS = 300.0
LONGEST_SECONDS = 400.0
RECORD_SECONDS = 15.0
"""How long the monitor may take to write down a recovery that the drill has seen."""
LOOK_SECONDS = 0.5
OTHER_FAULTS = (Fault.API_SERVER_AWAY.label, Fault.BUCKET_AWAY.label)
"""Not what a drill breaks: they may be there at the same time."""


@dataclass(frozen=True)
class Result:
    """What one drill showed; seconds from the moment of breaking. None: it did not come to it."""

    drill: str
    meaning: str
    targets: list[str]
    objective: float
    detected: float | None = None
    replaced: float | None = None
    at_work: float | None = None
    tasks_redone: int | None = None
    steps_redone: int | None = None
    incidents: tuple[str, ...] = ()
    problem: str = ""

    @property
    def passed(self) -> bool:
        return not self.problem and self.at_work is not None and self.at_work <= self.objective


async def run(settings: MonitorSettings, names: Sequence[str], seed: int, commands: Commands) -> list[Result]:
    """All of them, in order; one that fails does not keep the next from running."""
    client = Kubernetes(settings.namespace)
    results = []
    try:
        async with Observer(client, settings) as observer:
            for number, name in enumerate(names):
                draw = random.Random(f"{seed}:{number}:{name}")  # noqa: S311 - chosen to be repeatable
                results.append(await _one(observer, DRILLS[name], draw, commands))
                LOG.info("%s", results[-1])
    finally:
        await client.close()
    return results


async def _one(observer: Observer, drill: Drill, draw: random.Random, commands: Commands) -> Result:
    targets: list[str] = []
    try:
        await observer.until("job at work", lambda: observer.at_work(time.time() - 10, []), READY_SECONDS)
        before = observer.world.master
        known = {incident.id for incident in await observer.incidents()}
        running = {pod.uid for pod in observer.world.pods.values()}
        indexes = {pod.name: pod.index for pod in observer.world.of(Role.WORKER)}
        nodes = {pod.name: pod.node for pod in observer.world.of(Role.WORKER)}
        observer.broken_at = None
        targets = await drill.break_it(observer, draw, commands)
        started = observer.broken_at or time.time()
        lost = [index for name, index in indexes.items() if name in targets or nodes[name] in targets]
        replaced: list[float] = []

        def recovered() -> bool:
            new = [pod for pod in observer.world.pods.values() if pod.uid not in running and pod.phase == "Running"]
            if new and not replaced:
                replaced.append(time.time())
            beat = observer.world.master
            same = beat is not None and before is not None and beat.uid == before.uid
            return observer.at_work(started, lost if same else [])

        at_work = await observer.until("job at work again", recovered, LONGEST_SECONDS)
        found = await _recorded(observer, known)
        return _result(drill, targets, started, replaced, at_work, found)
    except (ControllerError, *FAILURES) as error:
        return Result(drill.name, drill.meaning, targets, drill.objective_seconds, problem=str(error))


async def _recorded(observer: Observer, known: set[str]) -> list[Incident]:
    """The monitor's new incidents, once they are closed."""
    deadline = time.time() + RECORD_SECONDS
    while True:
        new = [incident for incident in await observer.incidents() if incident.id not in known]
        found = [incident for incident in new if incident.fault not in OTHER_FAULTS]
        if (found and not any(incident.is_open for incident in found)) or time.time() > deadline:
            return found
        await asyncio.sleep(LOOK_SECONDS)


def _result(
    drill: Drill, targets: list[str], started: float, replaced: list[float], at_work: float, found: list[Incident]
) -> Result:
    tasks = [incident.tasks_redone for incident in found if incident.tasks_redone is not None]
    steps = [incident.steps_redone for incident in found if incident.steps_redone is not None]
    return Result(
        drill.name,
        drill.meaning,
        targets,
        drill.objective_seconds,
        # What is broken shows at once, and the command that breaks it takes a moment to return.
        detected=max(0.0, min(incident.detected_at for incident in found) - started) if found else None,
        replaced=replaced[0] - started if replaced else None,
        at_work=at_work - started,
        tasks_redone=max(tasks) if tasks else None,
        steps_redone=max(steps) if steps else None,
        incidents=tuple(incident.fault for incident in found),
        problem="" if found else "the monitor wrote nothing down",
    )


def table(results: Sequence[Result]) -> str:
    """Markdown."""
    lines = [
        "| drill | what | detected | replaced | at work | objective | redone | the monitor's record | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        redone = [
            f"{count} {what}"
            for count, what in ((result.tasks_redone, "tasks"), (result.steps_redone, "steps"))
            if count
        ]
        cells = [
            result.drill,
            f"{result.meaning}: {', '.join(result.targets)}",
            _seconds(result.detected),
            _seconds(result.replaced),
            _seconds(result.at_work),
            f"{result.objective:.0f} s",
            ", ".join(redone) or "-",
            ", ".join(result.incidents) or "-",
            "met" if result.passed else f"missed {result.problem}".strip(),
        ]
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    return "\n".join(lines)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"

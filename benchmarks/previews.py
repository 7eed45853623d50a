"""How long a business's `pulumi up` and previews take, beside a flat program: `python -m benchmarks.previews`.

Runs in a sandbox of its own (index 2), on two cores, with toolchain and images in the cache. The platform and all
five businesses are brought up in two regions. Then, in one run:

* `pulumi up` of the first business, from nothing, on the platform that stands: nodes, buckets, workloads;
* its preview without a change, in turns with a flat program's that declares the same resources with the same providers
  (`benchmarks/flat_program.py`): what components, settings and checks cost. The fastest of each counts; the processor
  time of engine and program is shown beside, as other work on the machine disturbs these least;
* the previews of all five businesses at once.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks import flat_program
from benchmarks.pulumi_command import NO_CHANGE, pulumi, timed
from sandbox import deployment, lifecycle
from sandbox.engine import Engine
from sandbox.paths import REPOSITORY
from sandbox.progress import Progress
from sandbox.settings import SandboxSettings

BUSINESS = "qa"
CORES = 2
UPDATES_AT_ONCE = 2
UP_GOAL_SECONDS, PREVIEW_GOAL_RATIO, FIVE_GOAL_SECONDS = 120.0, 1.3, 90.0


class Cost(NamedTuple):
    """What a command took, in seconds: by the clock, and of the processors."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Figures:
    """What was seen, in seconds."""

    up: float
    resources: int
    ours: list[Cost]
    flat: list[Cost]
    all_at_once: float


def measure(settings: SandboxSettings, progress: Progress, previews: int) -> Figures:
    """Bring everything up and preview it. Raises CalledProcessError when a preview finds a change."""
    businesses = deployment.chosen_businesses(deployment.ALL)
    lifecycle.start(settings, progress)
    engine = Engine(settings)
    engine.prepare()
    engine.up(deployment.PLATFORM)
    engine.ensure_stack(BUSINESS)
    up = timed(lambda: engine.up(BUSINESS))
    with ThreadPoolExecutor(UPDATES_AT_ONCE) as updates:
        list(updates.map(engine.up, (name for name in businesses if name != BUSINESS)))
    flat, folder = flat_stack(settings)

    def preview(stack: str = BUSINESS, project: Path = REPOSITORY) -> None:
        pulumi(settings, "preview", "--stack", stack, NO_CHANGE, project=project)

    def preview_flat() -> None:
        preview(flat_program.STACK, folder)

    ours, theirs = in_turns(preview, preview_flat, previews)

    def preview_all() -> None:
        with ThreadPoolExecutor(len(businesses)) as callers:
            list(callers.map(preview, businesses))

    return Figures(up, flat.resources, ours, theirs, timed(preview_all))


def in_turns(one: Callable[[], None], other: Callable[[], None], times: int) -> tuple[list[Cost], list[Cost]]:
    """What two commands take, run in turn, after a first time that fills what the system caches."""
    one()
    other()
    pairs = [(cost(one), cost(other)) for _ in range(times)]
    return [first for first, _ in pairs], [second for _, second in pairs]


def cost(action: Callable[[], None]) -> Cost:
    """What one call takes, its child processes included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = timed(action)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def flat_stack(settings: SandboxSettings) -> tuple[flat_program.FlatProgram, Path]:
    """Write the business's flat program and give it the business's state; returns the folder of its project."""
    folder = settings.state / flat_program.PROJECT
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    flat = flat_program.flatten(json.loads(pulumi(settings, "stack", "export", "--stack", BUSINESS)))
    project = {
        "name": flat_program.PROJECT,
        "runtime": {"name": "python", "options": {"toolchain": "pip", "virtualenv": sys.prefix}},
        "config": {"pulumi:disable-default-providers": {"value": ["*"]}},
    }
    (folder / "Pulumi.yaml").write_text(json.dumps(project))
    (folder / "__main__.py").write_text(flat.text)
    state = folder / "state.json"
    state.write_text(json.dumps(flat.deployment))
    pulumi(settings, "stack", "init", flat_program.STACK, project=folder)
    pulumi(settings, "stack", "import", "--stack", flat_program.STACK, "--file", str(state), project=folder)
    return flat, folder


def show(figures: Figures) -> bool:
    """Print the table; whether every goal is met."""
    wall, flat_wall = (min(seen.wall for seen in costs) for costs in (figures.ours, figures.flat))
    cpu, flat_cpu = (statistics.median(seen.cpu for seen in costs) for costs in (figures.ours, figures.flat))
    rows = [
        ("pulumi up of a business from nothing, platform up", figures.up, UP_GOAL_SECONDS, "goal"),
        ("pulumi preview of all five businesses at once", figures.all_at_once, FIVE_GOAL_SECONDS, "goal"),
        (f"pulumi preview, no change, {figures.resources} resources, fastest", wall, flat_wall, "flat"),
        ("  processor time of it, median", cpu, flat_cpu, "flat"),
    ]
    print(f"{f'seconds, {CORES} cores':<54} {'ours':>7} {'beside':>12} {'ratio':>7}")
    for name, seconds, reference, what in rows:
        print(f"{name:<54} {seconds:>7.1f} {f'{what} {reference:.1f}':>12} {seconds / reference:>7.2f}")
    for name, costs in (("ours", figures.ours), ("flat", figures.flat)):
        print(f"  {name}, wall (processor): {', '.join(f'{seen.wall:.2f} ({seen.cpu:.2f})' for seen in costs)}")
    print(f"goals: up {UP_GOAL_SECONDS:g} s, five previews {FIVE_GOAL_SECONDS:g} s, ratio {PREVIEW_GOAL_RATIO:g}")
    times_met = figures.up <= UP_GOAL_SECONDS and figures.all_at_once <= FIVE_GOAL_SECONDS
    return times_met and wall / flat_wall <= PREVIEW_GOAL_RATIO


def main(arguments: Sequence[str]) -> int:
    """Measure, print the table, remove the sandbox; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.previews", description=__doc__)
    parser.add_argument("--previews", type=int, default=5, help="how often each of the two is previewed (default 5)")
    options = parser.parse_args(arguments)
    os.environ["SANDBOX_NAME"], os.environ["SANDBOX_INDEX"] = "benchmark", "2"
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    settings, progress = SandboxSettings.from_environment(), Progress()
    lifecycle.prepare(settings, progress)
    lifecycle.stop(settings, progress, purge=True)
    try:
        figures = measure(settings, progress, options.previews)
    finally:
        lifecycle.stop(settings, progress, purge=True)
    return 0 if show(figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m controllers.drill burst`: a burst of users through DNS, and what the cluster makes of it.

Some users ask all the time; then many more come at once, and go again. All the while servers, training workers, nodes
and latencies are looked at once a second. Nothing is broken on purpose.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler

from controllers.drill.burst_plot import plot
from controllers.drill.command_line import add_outputs, leave, log_to_the_screen, within
from controllers.drill.crowd import Answer, Crowd, scorer
from controllers.drill.elasticity import (
    AFTER,
    BURST,
    CALM,
    LATENCY_SECONDS,
    SHRINKING,
    BurstResult,
    Sample,
    Scaling,
    latencies,
    percentile,
    table,
)
from controllers.drill.nodes import SERVING_POOL, TRAINING_POOL, ready_nodes
from controllers.drill.region import resolver
from controllers.drill.run import READY_SECONDS, Watch, watching
from controllers.drill.site import Site, read_site
from controllers.drill.tally import Tally
from controllers.drill.two_regions import SERVING_NAME
from controllers.errors import ControllerError, DrillError, SettingsError
from controllers.monitor import recovery
from controllers.monitor.kubernetes import FAILURES, refusal

LOG = logging.getLogger("controllers.drill")
EVERY_SECONDS = 1.0
BACK_SECONDS = 60.0
"""How long, after the last phase, the training's workers may take to be all at work."""
USERS, SECONDS = range(1, 201), range(5, 1801)


@dataclass(frozen=True)
class Seen:
    """What a look shows."""

    ready: int
    desired: int
    utilization: int | None
    workers: int
    serving_nodes: int
    training_nodes: int


@dataclass
class Plan:
    """The phases: (name, users, seconds), and how long to wait for servers to become fewer (0: not at all)."""

    phases: tuple[tuple[str, int, float], ...]
    shrink_seconds: float = 0.0


@dataclass
class Burst:
    """Carries a plan out. Time is an argument so that a test can make it by hand."""

    plan: Plan
    crowd: Crowd
    look: Callable[[], Awaitable[Seen]]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
    samples: list[Sample] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    """Seconds count from the burst's begin, as the samples' do."""
    _zero: float = 0.0

    async def carry_out(self) -> None:
        """All phases; then, with the first phase's users, until the autoscaler wants fewer servers."""
        started = self.clock()
        calm = 0.0
        for name, _, seconds in self.plan.phases:
            if name == BURST:
                break
            calm += seconds
        self._zero, end = started + calm, started
        for name, users, seconds in self.plan.phases:
            self.crowd.become(users)
            end += seconds
            while self.clock() < end:
                await self._sample(name, users)
            LOG.info("%s is over: %d servers ready", name, self.samples[-1].ready)
        end = self.clock() + self.plan.shrink_seconds
        users, most = self.plan.phases[0][1], max(sample.desired for sample in self.samples)
        while self.clock() < end and self.samples[-1].desired >= most:
            await self._sample(SHRINKING, users)

    async def _sample(self, phase: str, users: int) -> None:
        """Look, and note what came since the look before; a second in all."""
        began = self.clock()
        seen = await self.look()
        at = self.clock() - self._zero
        new = [Answer(one.at - self._zero, one.seconds, one.outcome, one.reason) for one in self.crowd.take()]
        self.answers += new
        recent = latencies(self.answers[-5000:], at - LATENCY_SECONDS, at)
        ended = [sum(one.outcome == outcome for one in new) for outcome in ("answered", "refused", "failed")]
        self.samples.append(
            Sample(
                round(at, 2), phase, users, seen.ready, seen.desired, seen.utilization, seen.workers,
                seen.serving_nodes, seen.training_nodes, percentile(recent, 0.5), percentile(recent, 0.99), *ended,
            )
        )  # fmt: skip
        await self.sleep(max(0.0, EVERY_SECONDS - (self.clock() - began)))


async def look(watch: Watch) -> Seen:
    """Servers, workers and nodes now. Raises ClusterError where the API server does not say."""
    observer = watch.observer
    try:
        autoscaler = await observer.client.get(HorizontalPodAutoscaler, SERVING_NAME)
    except FAILURES as error:
        raise refusal(error) from error
    nodes = await ready_nodes(observer.client, watch.site.namespace)
    status = autoscaler.status
    measured = (status.currentMetrics if status else None) or []
    metrics = [metric.resource.current.averageUtilization for metric in measured if metric.resource]
    return Seen(
        sum(pod.name.startswith(f"{SERVING_NAME}-") and pod.ready for pod in observer.world.pods.values()),
        status.desiredReplicas if status else 0,
        metrics[0] if metrics else None,
        round(recovery.share_at_work(observer.world, observer.settings) * observer.settings.workers),
        nodes[SERVING_POOL],
        nodes[TRAINING_POOL],
    )


async def scaling_of(watch: Watch) -> Scaling:
    """What the cluster's autoscaler is told. Raises ClusterError, also where it can't measure the servers."""
    try:
        found = await watch.observer.client.get(HorizontalPodAutoscaler, SERVING_NAME)
    except FAILURES as error:
        raise refusal(error) from error
    down = found.spec.behavior.scaleDown if found.spec.behavior else None
    pods = next((policy for policy in (down.policies if down else None) or [] if policy.type == "Pods"), None)
    quiet = 300 if down is None or down.stabilizationWindowSeconds is None else down.stabilizationWindowSeconds
    return Scaling(
        found.spec.minReplicas or 1,
        found.spec.maxReplicas,
        quiet,
        pods.value if pods else None,
        pods.periodSeconds if pods else 0,
    )


async def run(site: Site, options: argparse.Namespace) -> BurstResult:
    """The whole of it. Raises ControllerError."""
    async with watching(site) as watch:
        observer = watch.observer
        if not options.without_training:
            await observer.until("job at work", observer.steady, READY_SECONDS)
        await observer.until("answer to all users", watch.all_answered, READY_SECONDS)
        scaling = await scaling_of(watch)
        tally, known = Tally(), {incident.id for incident in await observer.incidents()}
        result = BurstResult(
            scaling,
            [],
            training=not options.without_training,
            workers=0 if options.without_training else site.workers,
            waited_for_shrinking=options.shrink > 0,
        )
        before = watch.others.counts()
        beat = observer.world.master
        trained = beat.progress.trained if beat else 0
        async with _counting(watch, tally):
            with crowd(site, options) as users:
                burst = Burst(plan(options), users, lambda: look(watch))
                await burst.carry_out()
            result.samples, result.answers = burst.samples, burst.answers
            if result.training and result.samples[-1].workers < site.workers:
                with contextlib.suppress(DrillError):  # it is told as a problem, with all the rest
                    await observer.until("job at work", observer.steady, BACK_SECONDS)
                    result.samples[-1] = result.samples[-1]._replace(workers=site.workers)
        result.others = watch.others.counts() - before
        result.tasks_missing = tally.missing
        result.incidents = tuple(one.fault for one in await observer.incidents() if one.id not in known)
        result.tasks_done = max(0, sum(tally.trained.values()) - trained)
        return result


@contextlib.asynccontextmanager
async def _counting(watch: Watch, tally: Tally) -> AsyncIterator[None]:
    """The training's tasks, by each heartbeat."""

    async def count() -> None:
        while True:
            tally.see(watch.observer, EVERY_SECONDS)
            await asyncio.sleep(EVERY_SECONDS)

    counting = asyncio.create_task(count())
    try:
        yield
    finally:
        counting.cancel()


def crowd(site: Site, options: argparse.Namespace) -> Crowd:
    """Users of the site's first line. Raises SettingsError where the site names none, DrillError where they are led
    to another region than the one that is looked at."""
    if site.users is None or not site.regions:
        raise SettingsError("the site file names no `users` or no `regions`: a burst goes through DNS to the first one")
    line = next(iter(site.users.lines), "default")
    resolve = resolver(*site.users.place, site.users.name, site.users.lines)
    entry = site.regions[0].entry
    if entry not in (found := resolve(line)[0]):
        raise DrillError(f"users of line {line} are led to {', '.join(found) or 'nothing'}, not to {entry}")
    return Crowd(resolve, scorer(site.users.name, options.port, options.sentences), line, options.pause)


def plan(options: argparse.Namespace) -> Plan:
    """By the command line."""
    calm = (options.calm_users, float(options.calm))
    phases = ((CALM, *calm), (BURST, options.users, float(options.seconds)), (AFTER, *calm))
    return Plan(phases, options.shrink)


def parser() -> argparse.ArgumentParser:
    """All options; the defaults are for a sandbox on two cores."""
    made = argparse.ArgumentParser(
        prog="python -m controllers.drill burst",
        description=__doc__,
        epilog="The cluster is that of $KUBECONFIG. Exit codes: 0 servers grew with the load and became fewer\n"
        "after it, no request failed here or at other businesses (a refusal with Retry-After is counted apart), and\n"
        "no worker or task of the training was lost; 4 not so; 1 or 2 other.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--site", required=True, metavar="FILE", help="where (YAML), as of the drills")
    made.add_argument("--users", type=within(USERS), default=24, help="in the burst, 1 to 200 (24)")
    made.add_argument("--seconds", type=within(SECONDS), default=75, help="that the burst lasts, 5 to 1800 (75)")
    made.add_argument("--calm-users", type=within(USERS), default=1, help="before and after it (1)")
    made.add_argument("--calm", type=within(SECONDS), default=20, help="seconds, before and after it (20)")
    made.add_argument(
        "--pause", type=float, default=0.25, help="seconds from an answer to the user's next request (0.25)"
    )
    made.add_argument("--sentences", type=within(range(1, 65)), default=1, help="of twenty words, in a request (1)")
    made.add_argument(
        "--shrink",
        type=within(range(3601)),
        default=420,
        help="seconds to wait for the autoscaler to want fewer servers; it waits five minutes itself; 0: don't (420)",
    )
    made.add_argument("--port", type=within(range(1, 65_536)), default=80, help="of the entry (80)")
    made.add_argument("--without-training", action="store_true", help="no job needs to be at work")
    add_outputs(made)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Send the burst; the exit code."""
    options = parser().parse_args(arguments)
    log_to_the_screen()
    try:
        site = read_site(options.site)
        if options.plot:  # can it be drawn?
            plot(BurstResult(Scaling(1, 1, 0, None, 0), []))
        result = asyncio.run(run(site, options))
        leave(options, table(result), result.to_json(), lambda: plot(result))
    except ControllerError as error:
        print(f"burst: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return DrillError.exit_code if result.problems() else 0

"""What a burst showed: a sample a second, a table of its phases (Markdown), and whether the cluster kept its
word. Pure."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

from controllers.drill.crowd import Answer, Outcome
from controllers.drill.probing import Counts
from controllers.drill.report import NONE

CALM, BURST, AFTER, SHRINKING = "calm", "burst", "after", "shrinking"
LATENCY_SECONDS = 5.0
"""A sample's latencies are those of the requests that ended in the seconds before it."""
REASONS = 3


class Sample(NamedTuple):
    """What was seen at some moment."""

    at: float
    """Seconds after the burst began; before it, less than 0."""
    phase: str
    users: int
    ready: int
    """Servers that are ready."""
    desired: int
    """Servers that the autoscaler wants."""
    utilization: int | None
    """Of a server's processor request, in percent, in the mean of all servers, as the autoscaler sees it."""
    workers: int
    """Training workers at work."""
    serving_nodes: int
    training_nodes: int
    """Ready nodes of the business's two pools."""
    p50: float | None
    p99: float | None
    """Seconds until the answer; None where nothing was answered."""
    answered: int
    refused: int
    failed: int
    """Requests that ended since the sample before."""


@dataclass(frozen=True)
class Scaling:
    """What the autoscaler is told, as the cluster has it."""

    minimum: int
    maximum: int
    quiet_seconds: int
    """How long it must want fewer servers before it takes any away: the stabilisation window."""
    shrink_pods: int | None
    """How many it takes away in each `shrink_period`; None where that is not limited by number."""
    shrink_period: int

    def seconds_to_shrink(self, servers: int) -> float:
        """From the end of a load until so many servers are the fewest again, without what measuring takes."""
        periods = math.ceil((servers - self.minimum) / self.shrink_pods) - 1 if self.shrink_pods else 0
        return float(self.quiet_seconds + max(0, periods) * self.shrink_period)


@dataclass
class BurstResult:
    """A burst from beginning to end."""

    scaling: Scaling
    samples: list[Sample]
    answers: list[Answer] = field(default_factory=list)
    """Their `at` counts as the samples' does."""
    others: Counts = NONE
    """Of other businesses' entries, all the while."""
    training: bool = True
    """Whether one was under way, and had to stay so."""
    workers: int = 0
    """That the job should have."""
    tasks_done: int = 0
    tasks_missing: int = 0
    """Neither done nor left, at the worst heartbeat."""
    incidents: tuple[str, ...] = ()
    """What the status monitor wrote down meanwhile."""
    waited_for_shrinking: bool = True

    def first(self, condition: Callable[[Sample], bool]) -> float | None:
        """When a sample from the burst on first was so."""
        return next((sample.at for sample in self.samples if sample.at >= 0 and condition(sample)), None)

    @property
    def before(self) -> int:
        """Servers ready when the burst began."""
        return next((sample.ready for sample in reversed(self.samples) if sample.phase == CALM), 0)

    @property
    def most(self) -> int:
        """Servers ready at once, at most, from the burst on."""
        return max((sample.ready for sample in self.samples if sample.at >= 0), default=0)

    @property
    def burst_ended(self) -> float:
        return max((sample.at for sample in self.samples if sample.phase == BURST), default=0.0)

    @property
    def shrank_at(self) -> float | None:
        """Seconds after the burst's end, when the autoscaler wanted fewer servers than at the most."""
        wanted = max((sample.desired for sample in self.samples), default=0)
        later = (s.at for s in self.samples if s.phase in (AFTER, SHRINKING) and s.desired < wanted)
        found = next(later, None)
        return None if found is None else found - self.burst_ended

    def count(self, outcome: Outcome) -> int:
        return sum(answer.outcome is outcome for answer in self.answers)

    def problems(self) -> list[str]:
        """What the cluster did not keep; none: it did."""
        found = []
        if self.most <= self.before:
            found.append(f"servers did not grow with the load: {self.before} before it, {self.most} at the most")
        if failed := self.count(Outcome.FAILED):
            found.append(f"{failed} of {len(self.answers):,} requests failed")
        if self.others.failed:
            found.append(f"{self.others} requests to other businesses failed")
        if self.training and self.samples and self.samples[-1].workers < self.workers:
            found.append(f"{self.samples[-1].workers} of {self.workers} workers are at work at the end")
        if self.training and self.tasks_missing:
            found.append(f"{self.tasks_missing} tasks of the training were lost")
        if self.waited_for_shrinking and self.most > self.before and self.shrank_at is None:
            waited = self.samples[-1].at - self.burst_ended
            found.append(f"servers did not become fewer in {waited:.0f} s after the burst")
        return found

    def to_json(self) -> str:
        """The samples and figures, for another picture; without the single requests."""
        value = asdict(self) | {"samples": [sample._asdict() for sample in self.samples]}
        value["answers"] = Counter(answer.outcome.value for answer in self.answers)
        return json.dumps(value)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that so large a share does not exceed (nearest rank); None of nothing."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else None


def latencies(answers: Sequence[Answer], since: float, until: float) -> list[float]:
    """Of those that were answered after `since`, until `until`."""
    return [one.seconds for one in answers if since < one.at <= until and one.outcome is Outcome.ANSWERED]


def table(result: BurstResult) -> str:
    """A row a phase, and what it comes to."""
    heads = (
        "phase", "seconds", "users", "answered", "a second", "p50", "p99", "refused", "failed", "servers ready",
        "nodes", "workers at work",
    )  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    previous = result.samples[0].at - 1.0 if result.samples else 0.0
    for phase in (CALM, BURST, AFTER, SHRINKING):
        own = [sample for sample in result.samples if sample.phase == phase]
        if not own:
            continue
        lines.append("| " + " | ".join(_cells(phase, own, result.answers, previous)) + " |")
        previous = own[-1].at
    return "\n".join([*lines, "", *(f"- {line}" for line in _lines(result))])


def _cells(phase: str, own: Sequence[Sample], answers: Sequence[Answer], since: float) -> list[str]:
    until = own[-1].at
    ended = Counter(one.outcome for one in answers if since < one.at <= until)
    seconds = latencies(answers, since, until)
    nodes = [sample.serving_nodes + sample.training_nodes for sample in own]
    return [
        phase,
        f"{until - since:.0f}",
        str(max(sample.users for sample in own)),
        f"{ended[Outcome.ANSWERED]:,}",
        f"{ended[Outcome.ANSWERED] / max(until - since, 1e-9):.1f}",
        _milliseconds(percentile(seconds, 0.5)),
        _milliseconds(percentile(seconds, 0.99)),
        f"{ended[Outcome.REFUSED]:,}",
        f"{ended[Outcome.FAILED]:,}",
        _range([sample.ready for sample in own]),
        _range(nodes),
        _range([sample.workers for sample in own]),
    ]


def _lines(result: BurstResult) -> list[str]:
    scaling, most = result.scaling, result.most
    asked = result.first(lambda sample: sample.desired > result.before)
    more = result.first(lambda sample: sample.ready > result.before)
    all_of_them = result.first(lambda sample: sample.ready == most)
    found = [
        f"growing: the autoscaler wanted more servers {_after(asked)}; one more was ready {_after(more)}, "
        f"all {most} {_after(all_of_them)}"
        if most > result.before
        else f"growing: none, though the autoscaler wanted up to {max(s.desired for s in result.samples)}",
        f"shrinking: only after {scaling.quiet_seconds} s without need ({_pace(scaling)}), so from {most} to "
        f"{scaling.minimum} at the earliest {scaling.seconds_to_shrink(most):.0f} s after the load; " + _shrunk(result),
    ]
    if result.training:
        found.append(
            f"training: {result.tasks_done} tasks done meanwhile, {result.tasks_missing or 'none'} lost; "
            f"the status monitor's record: {', '.join(result.incidents) or 'no fault'}"
        )
    found.append(f"other businesses: {result.others} requests failed")
    reasons = Counter(answer.reason for answer in result.answers if answer.reason)
    found += [f"{count} times: {reason}" for reason, count in reasons.most_common(REASONS)]
    return [*found, *(f"**missed**: {problem}" for problem in result.problems())]


def _shrunk(result: BurstResult) -> str:
    if result.shrank_at is not None:
        return f"it began {result.shrank_at:.0f} s after the burst's end"
    return "not seen" if result.waited_for_shrinking else "not waited for"


def _pace(scaling: Scaling) -> str:
    if scaling.shrink_pods is None:
        return "then as many as it likes"
    return f"then {scaling.shrink_pods} in {scaling.shrink_period} s"


def _after(seconds: float | None) -> str:
    return "never" if seconds is None else f"after {seconds:.0f} s"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:,.0f} ms"


def _range(values: Sequence[int]) -> str:
    least, most = min(values), max(values)
    return str(least) if least == most else f"{least} to {most}"

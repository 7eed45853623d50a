"""What a training whose workers follow its queue showed: samples, their changes as a table (Markdown), and whether it
kept its word. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import NamedTuple

from controllers.drill.probing import Counts
from controllers.drill.report import NONE

BACK_SECONDS = 120.0
"""How long a preempted worker's place may stay empty once there is room again."""


class Sample(NamedTuple):
    """What was seen at some moment."""

    at: float
    """Seconds after the job was seen first."""
    wanted: int
    """Workers that the master wants; 0 where no master says so."""
    workers: int
    """At work."""
    standbys: int
    pending: int
    """Pods of workers that do not run yet."""
    nodes: int
    """Ready nodes of the business's training pool."""
    left: int
    """Tasks of this epoch that are not done."""
    trained: int
    """Tasks that are."""
    event: str = ""
    """What began or ended here."""


@dataclass
class Preemption:
    """A pod of serving's priority that takes a worker's place. Seconds as the samples'; None: it did not come to it."""

    asked_at: float | None = None
    ran_at: float | None = None
    worker: str = ""
    """Whose place it took."""
    lost_at: float | None = None
    before: int = 0
    """Workers on a node just before, standbys not counted: all of them must be at work again."""
    gone_at: float | None = None
    """When the urgent pod was deleted."""
    back_at: float | None = None
    """When as many workers were at work."""
    problem: str = ""


@dataclass
class GrowthResult:
    """A training from the moment when it was seen first to its end."""

    workers: int
    """The least: the site's `workers`."""
    samples: list[Sample] = field(default_factory=list)
    preemption: Preemption | None = None
    """None: not asked for."""
    ended: bool = False
    """Whether the job's end was seen."""
    tasks_missing: int = 0
    """Neither done nor left, at the worst heartbeat."""
    others: Counts = NONE
    """Of other businesses' entries, all the while."""

    @property
    def grew_at(self) -> float | None:
        """When more than the least were at work."""
        return self.first(lambda sample: sample.workers > self.workers)

    @property
    def most(self) -> int:
        """At work at once."""
        return max((sample.workers for sample in self.samples), default=0)

    @property
    def most_wanted(self) -> int:
        return max((sample.wanted for sample in self.samples), default=0)

    @property
    def shrank_at(self) -> float | None:
        """When fewer were wanted because fewer tasks were left than workers. (A pod that finds no node lowers the
        number, too.)"""
        known = [sample for sample in self.samples if sample.wanted]
        for before, sample in pairwise(known):
            if sample.wanted < before.wanted and sample.left < before.wanted:
                return sample.at
        return None

    def first(self, condition: Callable[[Sample], bool]) -> float | None:
        """When a sample was so."""
        return next((sample.at for sample in self.samples if condition(sample)), None)

    def problems(self) -> list[str]:
        """What the cluster did not keep; none: it did."""
        found = []
        if self.grew_at is None:
            found.append(
                f"never more than {self.workers} at work (the site's workers), though up to {self.most_wanted} were "
                "wanted: raise training.maximum_workers, training_nodes.autoscaling.maximum or quota in the stack file"
            )
        elif self.preemption is not None:
            found += self._of_preemption(self.preemption)
        if self.ended and self.grew_at is not None and self.shrank_at is None:
            found.append(f"{self.most_wanted} workers were wanted to the end, though fewer tasks were left")
        if self.tasks_missing:
            found.append(f"{self.tasks_missing} tasks of the training were lost")
        if self.others.failed:
            found.append(f"{self.others} requests to other businesses failed")
        return found

    def _of_preemption(self, seen: Preemption) -> list[str]:
        if seen.problem:
            return [seen.problem]
        if seen.asked_at is None or seen.ran_at is None:
            return ["the job was over before a pod could be given a worker's place: lower --settle, or train longer"]
        if seen.lost_at is None:
            return ["the urgent pod took no worker's place: a node had room for it; run this again when none has"]
        if seen.gone_at is None:
            return []
        limit = seen.gone_at + BACK_SECONDS
        late = seen.back_at > limit if seen.back_at is not None else self.samples[-1].at >= limit
        queue_ended = self.shrank_at is not None and self.shrank_at <= limit
        if late and not queue_ended:
            return [f"{seen.worker}'s place was not taken again within {BACK_SECONDS:.0f} s after there was room"]
        return []

    def to_json(self) -> str:
        """All samples, and what was made of them."""
        value = asdict(self) | {"samples": [sample._asdict() for sample in self.samples]}
        return json.dumps(value | {"problems": self.problems()})


HEADS = ("second", "wanted", "at work", "standby", "pending", "training nodes", "tasks left", "tasks done", "")


def table(result: GrowthResult) -> str:
    """A row for each change, and what it comes to."""
    lines = ["| " + " | ".join(HEADS) + " |", "|---" * len(HEADS) + "|"]
    last: tuple[int, ...] = ()
    for sample in result.samples:
        if sample[1:6] != last or sample.event:
            cells = (f"{sample.at:.0f}", *map(str, sample[1:]))
            lines.append("| " + " | ".join(cells) + " |")
        last = sample[1:6]
    return "\n".join([*lines, "", *(f"- {line}" for line in _lines(result))])


def _lines(result: GrowthResult) -> list[str]:
    wanted = result.first(lambda sample: sample.wanted > result.workers)
    at_most = result.first(lambda sample: sample.workers == result.most)
    grew = f"growth: more than {result.workers} wanted {_at(wanted)}, at work {_at(result.grew_at)}"
    found = [grew + (f"; {result.most} {_at(at_most)}" if result.grew_at is not None else "")]
    if result.preemption is not None:
        found.append(f"preemption: {_preempted(result.preemption)}")
    end = f"the job's end {_at(result.samples[-1].at)}" if result.ended else "the job's end was not waited for"
    found.append(f"shrinking: fewer wanted as the queue ended {_at(result.shrank_at)}; {end}")
    trained = max((sample.trained for sample in result.samples), default=0)
    found.append(f"tasks: {trained:,} done, {result.tasks_missing or 'none'} lost")
    found.append(f"other businesses: {result.others} requests failed")
    return [*found, *(f"**missed**: {problem}" for problem in result.problems())]


def _preempted(seen: Preemption) -> str:
    if seen.asked_at is None:
        return "not come to"
    said = f"a pod of serving's priority came {_at(seen.asked_at)}"
    if seen.ran_at is not None:
        said += f" and ran {seen.ran_at - seen.asked_at:.1f} s later"
    if seen.lost_at is not None:
        said += f" in place of {seen.worker}"
    if seen.gone_at is not None:
        said += f"; it went {_at(seen.gone_at)}"
    if seen.lost_at is None:
        return said
    if seen.back_at is None:
        return f"{said}; there were not as many workers as before again"
    return f"{said}; {seen.before} were at work again {_at(seen.back_at)}"


def _at(seconds: float | None) -> str:
    return "never" if seconds is None else f"at {seconds:.0f} s"

"""What a run has done so far, read from the logs of ElasticDL's master and workers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_TASK = re.compile(r"Task:(\d+) completed, (\d+) remaining tasks")
_EPOCH = re.compile(r"Starting epoch (\d+)")
_LOSS = re.compile(r"Loss = ([-\d.einfa]+), steps = (\d+)")
_EVALUATION = re.compile(r"Evaluation metrics\[v=(\d+)\]: \{(.*)\}")
_METRIC = re.compile(r"'(\w+)': ([-\d.einfa]+)")


@dataclass
class Progress:
    """Counts and curves; `losses` and `evaluations` are by step."""

    epoch: int = 0
    tasks_done: set[tuple[int, int]] = field(default_factory=set)
    """(which master, its number of the task): every master counts from 1."""
    tasks_remaining: int | None = None
    losses: dict[int, float] = field(default_factory=dict)
    evaluations: dict[int, dict[str, float]] = field(default_factory=dict)
    workers_seen: set[str] = field(default_factory=set)
    masters: int = 0

    @property
    def step(self) -> int:
        return max([0, *self.losses, *self.evaluations])

    @property
    def loss(self) -> float | None:
        return self.losses[max(self.losses)] if self.losses else None

    def restart(self, step: int) -> None:
        """Another master goes on from this step; what was reached after it is lost."""
        self.masters += 1
        self.epoch, self.tasks_remaining = 0, None
        self.losses = {at: loss for at, loss in self.losses.items() if at <= step}
        self.evaluations = {at: metrics for at, metrics in self.evaluations.items() if at <= step}

    def read_master(self, text: str) -> None:
        """Take over what the master's lines say. Lines may come again."""
        for match in _EPOCH.finditer(text):
            self.epoch = max(self.epoch, int(match[1]))
        for match in _TASK.finditer(text):
            self.tasks_done.add((self.masters, int(match[1])))
            self.tasks_remaining = int(match[2])
        for match in _EVALUATION.finditer(text):
            self.evaluations[int(match[1])] = {name: float(value) for name, value in _METRIC.findall(match[2])}

    def read_worker(self, name: str, text: str) -> None:
        """Take over what a worker's lines say."""
        self.workers_seen.add(name)
        for match in _LOSS.finditer(text):
            self.losses[int(match[2])] = float(match[1])

    def to_json(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "step": self.step,
            "loss": self.loss,
            "tasks_done": len(self.tasks_done),
            "tasks_remaining": self.tasks_remaining,
            "workers_seen": sorted(self.workers_seen),
            "losses": [[step, round(loss, 4)] for step, loss in sorted(self.losses.items())],
            "evaluations": [
                {"step": step, **{name: round(value, 4) for name, value in metrics.items()}}
                for step, metrics in sorted(self.evaluations.items())
            ],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Progress:
        """What an earlier launcher of the same run had noted; its tasks can't be told apart and are left out."""
        found = cls(epoch=int(value.get("epoch", 0)), workers_seen=set(value.get("workers_seen", [])))
        found.losses = {int(step): float(loss) for step, loss in value.get("losses", [])}
        for entry in value.get("evaluations", []):
            found.evaluations[int(entry["step"])] = {
                key: float(number) for key, number in entry.items() if key != "step"
            }
        return found

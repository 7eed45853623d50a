"""How many workers a job should have: between its least and its most, by the tasks that are left. Pure, by any clock.

It grows while the queue would keep more workers busy for longer than they take to start, and while what it asked for
last found a place. It shrinks when fewer tasks are left than workers. A pod that no node takes says that no GPU is
free: it is withdrawn after a while, so that it neither holds a part of the quota nor has the autoscaler try for ever;
growth is tried again later, and later still each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BUSY_SECONDS = 60.0
"""Work that the queue must hold for each worker, those to come too: a start takes 10 to 60 s."""
TASKS_EACH = 2
"""And so many tasks: with one each, the slowest worker's last task would be waited for by all others."""
SETTLE_SECONDS = 20.0
"""From the moment when all workers are at work until more are asked for: several tasks, so that their pace shows."""
PLACEMENT_SECONDS = 120.0
"""How long a pod beyond the least may wait for a node. An autoscaled pool brings one in one to five minutes, which the
next attempt then finds; well below the 300 s after which the status monitor asks for a person."""
FIRST_BACKOFF_SECONDS, LAST_BACKOFF_SECONDS = 60.0, 900.0
"""Until growth is tried again after it found no place; doubled each time."""


@dataclass(frozen=True)
class Look:
    """What the master sees."""

    waiting: int
    """Tasks that nobody has begun, those of all epochs to come too."""
    begun: int
    """Tasks that somebody is at."""
    task_seconds: float
    """What a worker takes for one, lately; 0 while that is not known."""
    unplaced: Sequence[float] = ()
    """For each pod that no node has taken yet: for how many seconds."""
    starting: int = 0
    """Workers on a node that have not asked for a task yet."""


class Elasticity:
    """Decides; who acts is `trainer.elasticdl.instances`."""

    def __init__(self, minimum: int, maximum: int) -> None:
        self.minimum = minimum
        self.maximum = max(minimum, maximum)
        self.wanted = minimum
        """Workers that should be at work; standbys are not counted."""
        self._growing = False
        self._refusals = 0
        self._not_before = float("-inf")

    def decide(self, look: Look, now: float) -> int:
        """How many workers are wanted from now on. Called every few seconds."""
        settled = not look.unplaced and not look.starting
        late = sum(seconds >= PLACEMENT_SECONDS for seconds in look.unplaced)
        if self._growing and settled:
            self._growing, self._refusals = False, 0
            self._not_before = now + SETTLE_SECONDS
        if late and self.wanted > self.minimum:
            self._withdraw(late, now)
        elif look.waiting + look.begun < self.wanted:
            self.wanted = max(self.minimum, look.waiting + look.begun)
        elif settled and now >= self._not_before:
            self._grow(look)
        return self.wanted

    def _withdraw(self, pods: int, now: float) -> None:
        self.wanted = max(self.minimum, self.wanted - pods)
        self._growing = False
        self._not_before = now + min(LAST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**self._refusals)
        self._refusals += 1

    def _grow(self, look: Look) -> None:
        """By at most half as many as there are, so that a queue that is soon empty has not brought many."""
        enough_for = min(look.waiting / TASKS_EACH, look.waiting * look.task_seconds / BUSY_SECONDS)
        more = min(self.maximum, self.wanted + max(1, self.wanted // 2), int(enough_for))
        if more > self.wanted:
            self.wanted, self._growing = more, True

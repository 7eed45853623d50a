"""A job's workers as its master counts them: who holds a place, whose turn it is to work, who is to leave.

Free of ElasticDL and of Kubernetes. All methods may be called from any thread.
"""

from __future__ import annotations

import enum
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass


class Turn(enum.Enum):
    """The answer to a worker that asks for a task."""

    WORK = "work"
    WAIT = "wait"
    """It stands by, or is taken for dead."""
    LEAVE = "leave"
    """It shall finish what it holds, and end."""


@dataclass
class Member:
    """A worker that holds a place. Times by the clock of `time.monotonic`."""

    since: float
    placed: bool = False
    """A node has taken its pod."""
    heard: bool = False
    """It has asked for a task."""
    at_work: bool = False
    ended: bool = False
    """Its process has; the place is free when its pod is gone."""
    leaves_since: float | None = None

    @property
    def stays(self) -> bool:
        return self.leaves_since is None


class Crew:
    """Workers and standbys.

    `wanted` of them shall work, besides `standbys`, which wait. One that waits takes the place of a lost one, but only
    as far as `minimum` are at work: beyond it a worker is at work only when there is a standby left besides.
    """

    def __init__(self, minimum: int, standbys: int) -> None:
        self._minimum = minimum
        self._standbys = standbys
        self._wanted = minimum
        self._members: dict[int, Member] = {}
        self._lost: set[int] = set()
        self._batches: Counter[int] = Counter()
        self._changed = threading.Condition()

    # ---- places

    @property
    def wanted(self) -> int:
        """How many shall be at work."""
        with self._changed:
            return self._wanted

    def want(self, workers: int) -> None:
        with self._changed:
            self._wanted = workers
            self._changed.notify_all()

    def fill(self, next_worker: Callable[[], int]) -> list[int]:
        """Numbers of the workers to be made so that every place is taken; from now on they hold it."""
        with self._changed:
            new = [next_worker() for _ in range(self._wanted + self._standbys - self._places())]
            self._members.update((worker, Member(time.monotonic())) for worker in new)
            return new

    def surplus(self, busy: set[int]) -> list[int]:
        """Who should leave: first whom no node has taken, then who has not begun, then who has no task, the newest
        first; a standby last."""
        with self._changed:
            count = self._places() - self._wanted - self._standbys

            def order(worker: int) -> tuple[bool, bool, bool, bool, int]:
                member = self._members[worker]
                standby = member.heard and not member.at_work
                return (member.placed, member.heard, standby, worker in busy, -worker)

            stay = [worker for worker, member in self._members.items() if member.stays and not member.ended]
            return sorted(stay, key=order)[: max(0, count)]

    def leave(self, worker: int) -> None:
        """It gives its place up now, and gets no more tasks."""
        with self._changed:
            member = self._members.get(worker)
            if member is not None and member.stays:
                member.leaves_since, member.at_work = time.monotonic(), False
                self._changed.notify_all()

    def leaving(self) -> dict[int, Member]:
        """Who is to leave and is not gone."""
        with self._changed:
            return {worker: member for worker, member in self._members.items() if not member.stays}

    def is_expected(self, worker: int) -> bool:
        """Whether its pod, if it has none, should be made."""
        with self._changed:
            member = self._members.get(worker)
            return member is not None and member.stays

    def _places(self) -> int:
        return sum(member.stays for member in self._members.values())

    # ---- what happens to them

    def place(self, worker: int) -> None:
        """A node has taken its pod."""
        with self._changed:
            if worker in self._members:
                self._members[worker].placed = True

    def end(self, worker: int) -> None:
        """Its process has ended; its place is not free yet."""
        with self._changed:
            self._lost.add(worker)
            member = self._members.get(worker)
            if member is not None:
                member.ended, member.at_work = True, False
            self._changed.notify_all()

    def remove(self, worker: int) -> None:
        """It is gone; its place is free."""
        with self._changed:
            self._lost.add(worker)
            self._members.pop(worker, None)
            self._changed.notify_all()

    # ---- whose turn it is

    def turn(self, worker: int, finished: Callable[[], bool], seconds: float) -> Turn:
        """Whether a worker may have tasks; a standby waits here for its turn, at most so long."""
        deadline = time.monotonic() + seconds
        with self._changed:
            if worker in self._members:
                self._members[worker].heard = self._members[worker].placed = True
            while True:
                member = self._members.get(worker)
                if finished():
                    return Turn.WORK
                if member is None or member.ended:
                    return Turn.WAIT
                if not member.stays:
                    return Turn.LEAVE
                if member.at_work or self._at_work() < self._most_at_work():
                    member.at_work = True
                    return Turn.WORK
                left = deadline - time.monotonic()
                if left <= 0:
                    return Turn.WAIT
                self._changed.wait(min(left, 1.0))

    def _at_work(self) -> int:
        return sum(member.at_work for member in self._members.values())

    def _most_at_work(self) -> int:
        ready = sum(member.heard and member.stays and not member.ended for member in self._members.values())
        return max(self._minimum, min(self._wanted, ready - self._standbys))

    # ---- what is known of them

    def is_standby(self, worker: int) -> bool:
        with self._changed:
            member = self._members.get(worker)
            return member is None or (member.stays and not member.at_work)

    @property
    def lost(self) -> frozenset[int]:
        """Workers that are no more."""
        with self._changed:
            return frozenset(self._lost)

    def unplaced(self, now: float) -> list[float]:
        """For each pod that no node has taken: for how many seconds."""
        with self._changed:
            return [now - member.since for member in self._members.values() if member.stays and not member.placed]

    @property
    def starting(self) -> int:
        """How many are on a node and can have no task: they have not asked for one yet, or have ended there."""
        with self._changed:
            members = self._members.values()
            return sum(member.stays and member.placed and (member.ended or not member.heard) for member in members)

    def begins_batches(self, worker: int, count: int) -> None:
        with self._changed:
            self._batches[worker] += count

    def batches(self, worker: int) -> int:
        """How many batches a worker has begun."""
        with self._changed:
            return self._batches[worker]

    @property
    def all_batches(self) -> int:
        """How many batches all workers have begun, those that are lost too."""
        with self._changed:
            return self._batches.total()

"""What the cloud does at set times, by its own clock: also all that falls into a time that the clock is moved over."""

from __future__ import annotations

import asyncio
import datetime
import heapq
import inspect
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.calls import CallLog
from sandbox.cloud.core.clock import MovableClock
from sandbox.cloud.core.store import Repository, Store

Work = Callable[[], object]
"""What is run in the event loop; where it returns an awaitable (as a coroutine function does), that is awaited."""

LONGEST_ADVANCE = datetime.timedelta(days=3660)
"""Ten years: far past every lifecycle rule and certificate, and still walked through in bounded time."""

LOOK_SECONDS = 1.0
"""How often the running cloud looks whether something is due."""


class DueTime(BaseModel):
    """When a job runs next, as kept in the store, so that a restart neither repeats nor skips it."""

    model_config = ConfigDict(frozen=True)

    due: datetime.datetime


@dataclass(frozen=True)
class Job:
    """Work that comes back after each interval."""

    name: str
    interval: datetime.timedelta
    work: Work


@dataclass(order=True)
class Moment:
    """Work that is run once. Those of the same moment run in the order in which they were asked for."""

    due: datetime.datetime
    number: int
    name: str = field(compare=False)
    work: Work = field(compare=False)


class Schedule:
    """Runs each job when it is due. Its methods belong to one event loop, except `every` and `at`: any thread's."""

    def __init__(self, store: Store, clock: MovableClock, log: CallLog) -> None:
        self._due = Repository(store, "scheduled-job", DueTime)
        self._clock = clock
        self._log = log
        self._jobs: dict[str, Job] = {}
        self._moments: list[Moment] = []
        self._numbers = itertools.count()
        self._changing = threading.Lock()
        self._running = asyncio.Lock()

    def every(self, name: str, interval: datetime.timedelta, work: Work) -> None:
        """Run `work` once an interval, first at once. Raises ValueError for an interval that is not positive."""
        if interval <= datetime.timedelta(0):
            raise ValueError(f"job {name!r} has the interval {interval}; it must be longer than nothing")
        with self._changing:
            self._jobs = {**self._jobs, name: Job(name, interval, work)}
        if self._due.get(name) is None:
            self._due.put(name, DueTime(due=self._clock.now()))

    def at(self, moment: datetime.datetime, work: Work, name: str = "") -> None:
        """Run `work` once, when the clock reaches `moment`; at the next look where that has passed already.

        Work cannot be written down, so a restart forgets it: whoever asks for it asks again at its start, from what it
        keeps in the store. `name` is what the log calls it when it fails (default: the function's own name).
        """
        with self._changing:
            called = name or getattr(work, "__qualname__", repr(work))
            heapq.heappush(self._moments, Moment(moment, next(self._numbers), called, work))

    def due_times(self) -> dict[str, datetime.datetime]:
        """When each job that comes back runs next."""
        return {name: self._next(job) for name, job in self._jobs.items()}

    async def run_due(self) -> int:
        """Run what is due now, earliest first; a job that missed several runs catches up with one. How many ran."""
        async with self._running:
            return await self._run_due()

    async def advance(self, duration: datetime.timedelta) -> int:
        """Move the clock forward, stopping at each due time on the way to run what is due; how many runs there were.

        Raises:
            ValueError: when the duration is negative or longer than `LONGEST_ADVANCE`.
        """
        if not datetime.timedelta(0) <= duration <= LONGEST_ADVANCE:
            raise ValueError(
                f"the clock cannot be moved by {duration}; it goes forward only, at most {LONGEST_ADVANCE.days} days "
                "at a time"
            )
        async with self._running:
            target = self._clock.now() + duration
            runs = await self._run_due()
            while True:
                earliest = self._earliest()
                if earliest is None or earliest > target:
                    break
                self._move_to(earliest)
                runs += await self._run_due()
            self._move_to(target)
            return runs

    async def run_forever(self) -> None:
        """Run jobs as they become due, until cancelled."""
        while True:
            await self.run_due()
            await asyncio.sleep(LOOK_SECONDS)

    async def _run_due(self) -> int:
        """Run all that is due by now, in the order of due times; a job of the same time before a single moment."""
        runs = 0
        now = self._clock.now()
        for job in sorted(self._jobs.values(), key=self._next):
            due = self._next(job)
            if due > now:
                continue
            runs += await self._run_moments(due, including=False)
            await self._run(job.name, job.work)
            following = due + job.interval
            self._due.put(job.name, DueTime(due=following if following > now else now + job.interval))
            runs += 1
        return runs + await self._run_moments(now, including=True)

    async def _run_moments(self, until: datetime.datetime, *, including: bool) -> int:
        """Run the single moments before (or also at) a time; what they ask for meanwhile waits for the next look."""
        due: list[Moment] = []
        with self._changing:
            while self._moments and (self._moments[0].due < until or (including and self._moments[0].due == until)):
                due.append(heapq.heappop(self._moments))
        for moment in due:
            await self._run(moment.name, moment.work)
        return len(due)

    async def _run(self, name: str, work: Work) -> None:
        try:
            result = work()
            if inspect.isawaitable(result):
                await result
        except Exception as error:  # one job's failure must end neither the others nor the cloud
            self._log.event("error", "scheduled work failed", job=name, reason=str(error) or repr(error))

    def _earliest(self) -> datetime.datetime | None:
        with self._changing:
            found = [self._moments[0].due] if self._moments else []
        return min(found + [self._next(job) for job in self._jobs.values()], default=None)

    def _next(self, job: Job) -> datetime.datetime:
        found = self._due.get(job.name)
        return found.due if found is not None else self._clock.now()

    def _move_to(self, moment: datetime.datetime) -> None:
        self._clock.advance(max(moment - self._clock.now(), datetime.timedelta(0)))

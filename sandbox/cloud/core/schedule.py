"""What the cloud does at set times, by its own clock: also all that falls into a time that the clock is moved over."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.calls import CallLog
from sandbox.cloud.core.clock import MovableClock
from sandbox.cloud.core.store import Repository, Store

Work = Callable[[], Awaitable[object]]

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


class Schedule:
    """Runs each job when it is due. All methods belong to one event loop."""

    def __init__(self, store: Store, clock: MovableClock, log: CallLog) -> None:
        self._due = Repository(store, "scheduled-job", DueTime)
        self._clock = clock
        self._log = log
        self._jobs: dict[str, Job] = {}
        self._running = asyncio.Lock()

    def every(self, name: str, interval: datetime.timedelta, work: Work) -> None:
        """Run `work` once an interval, first at once. Raises ValueError for an interval that is not positive."""
        if interval <= datetime.timedelta(0):
            raise ValueError(f"job {name!r} has the interval {interval}; it must be longer than nothing")
        self._jobs[name] = Job(name, interval, work)
        if self._due.get(name) is None:
            self._due.put(name, DueTime(due=self._clock.now()))

    def due_times(self) -> dict[str, datetime.datetime]:
        """When each job runs next."""
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
            while self._jobs:
                earliest = min(self._next(job) for job in self._jobs.values())
                if earliest > target:
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
        runs = 0
        for job in sorted(self._jobs.values(), key=self._next):
            due = self._next(job)
            if due > self._clock.now():
                continue
            try:
                await job.work()
            except Exception as error:  # one job's failure must end neither the others nor the cloud
                self._log.event("error", "scheduled work failed", job=job.name, reason=str(error) or repr(error))
            following = due + job.interval
            now = self._clock.now()
            self._due.put(job.name, DueTime(due=following if following > now else now + job.interval))
            runs += 1
        return runs

    def _next(self, job: Job) -> datetime.datetime:
        found = self._due.get(job.name)
        return found.due if found is not None else self._clock.now()

    def _move_to(self, moment: datetime.datetime) -> None:
        self._clock.advance(max(moment - self._clock.now(), datetime.timedelta(0)))

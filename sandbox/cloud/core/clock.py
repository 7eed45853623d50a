"""The emulated cloud's clock, the one source of "now", so that tests can move it."""

from __future__ import annotations

import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.core.store import Repository, Store

OFFSET_DOCUMENT = "cloud"


class Clock(Protocol):
    """Tells the time, always with the time zone UTC."""

    def now(self) -> datetime.datetime:
        """The current time."""


class MovableClock(Clock, Protocol):
    """A clock that can be moved forward."""

    def advance(self, duration: datetime.timedelta) -> None:
        """Move forward by `duration`."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime.datetime:
        """The current time."""
        return datetime.datetime.now(datetime.UTC)


class ClockOffset(BaseModel):
    """How far the cloud's time is ahead of the machine's, as kept in the store."""

    model_config = ConfigDict(frozen=True)

    ahead: datetime.timedelta


class CloudClock:
    """The machine's clock, ahead of it by all that it was ever moved forward; remembered over restarts.

    It never goes back: what the cloud wrote down under a later time would then lie in the future.
    """

    def __init__(self, store: Store, machine: Clock | None = None) -> None:
        """`machine` is the clock that it runs with (default: the system's)."""
        self._offsets = Repository(store, "clock", ClockOffset)
        self._machine = machine or SystemClock()
        found = self._offsets.get(OFFSET_DOCUMENT)
        self._ahead = found.ahead if found is not None else datetime.timedelta(0)

    def now(self) -> datetime.datetime:
        """The cloud's time."""
        return self._machine.now() + self._ahead

    def advance(self, duration: datetime.timedelta) -> None:
        """Move forward. Raises ValueError for a negative duration."""
        if duration < datetime.timedelta(0):
            raise ValueError(f"the cloud's clock cannot go back (by {-duration}); give a duration of at least 0")
        self._ahead += duration
        self._offsets.put(OFFSET_DOCUMENT, ClockOffset(ahead=self._ahead))


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime.datetime) -> None:
        self._now = now

    def now(self) -> datetime.datetime:
        """The time it was last set to."""
        return self._now

    def advance(self, duration: datetime.timedelta) -> None:
        """Move forward (or back, with a negative duration)."""
        self._now += duration


def iso(moment: datetime.datetime) -> str:
    """The form the cloud writes times in: 2025-01-31T08:15:00Z."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

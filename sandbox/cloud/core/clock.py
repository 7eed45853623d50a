"""The emulated cloud's clock, the one source of "now", so that tests can move it."""

from __future__ import annotations

import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time, always with the time zone UTC."""

    def now(self) -> datetime.datetime:
        """The current time."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime.datetime:
        """The current time."""
        return datetime.datetime.now(datetime.UTC)


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

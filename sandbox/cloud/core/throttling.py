"""How often one caller may call one action: a bucket of calls for each, refilled at a steady rate."""

from __future__ import annotations

import math
import threading

from sandbox.cloud.core.clock import Clock
from sandbox.cloud.core.errors import CloudError

DEFAULT_CALLS_PER_MINUTE = 60_000
"""Far above the cloud's own limits (hundreds a minute for most actions), so that only a client that never pauses
meets it; tests of a client's patience set a lower one."""

MAXIMUM_BUCKETS = 4096
"""Buckets kept; when there are more, those that are full again are dropped, as they say nothing."""


class Throttle:
    """Counts calls. Thread-safe."""

    def __init__(self, clock: Clock, calls_per_minute: int = DEFAULT_CALLS_PER_MINUTE) -> None:
        """A caller that was quiet may use a whole minute's calls at once. Raises ValueError for a limit under 1."""
        if calls_per_minute < 1:
            raise ValueError(f"a caller may make {calls_per_minute} calls a minute; it must be at least 1")
        self._clock = clock
        self._limit = calls_per_minute
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def check(self, caller: str, action: str) -> None:
        """Count a call of `action` (Vpc.DescribeVpcs); raises the cloud's Throttling.User when there are too many."""
        now = self._clock.now().timestamp()
        key = (caller, action)
        with self._lock:
            left, since = self._buckets.get(key, (float(self._limit), now))
            left = self._refilled(left, since, now)
            if left < 1:
                raise self._refusal(action, left)
            self._buckets[key] = (left - 1, now)
            if len(self._buckets) > MAXIMUM_BUCKETS:
                self._drop_full(now)

    def _refilled(self, left: float, since: float, now: float) -> float:
        return min(float(self._limit), left + max(now - since, 0.0) * self._limit / 60)

    def _refusal(self, action: str, left: float) -> CloudError:
        seconds = math.ceil((1 - left) * 60 / self._limit)
        return CloudError(
            "Throttling.User",
            f"Request was denied due to user flow control. More than {self._limit} calls of {action} a minute; "
            f"try again in {seconds} s.",
        )

    def _drop_full(self, now: float) -> None:
        kept = {
            key: (left, since)
            for key, (left, since) in self._buckets.items()
            if self._refilled(left, since, now) < self._limit
        }
        self._buckets = dict(list(kept.items())[-MAXIMUM_BUCKETS:])

"""How many requests are worked on and how many wait: a place is taken, waited for, or refused for now."""

from __future__ import annotations

import asyncio
from types import TracebackType

from trainer.config import RequestLimits
from trainer.serving.metrics import Metrics
from trainer.serving.problems import ProblemError

RETRY_AFTER_SECONDS = 1


class Admission:
    """An asynchronous context that a request holds while it is worked on. Places are given in order of arrival."""

    def __init__(self, limits: RequestLimits, metrics: Metrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._places = asyncio.Semaphore(limits.concurrent_requests)
        self._waiting = 0

    async def __aenter__(self) -> None:
        if self._places.locked():
            if self._waiting >= self._limits.queued_requests:
                self._metrics.refused.labels("queue_full").inc()
                raise ProblemError(
                    429,
                    f"{self._limits.concurrent_requests} requests are worked on and {self._waiting} wait; come again",
                    retry_after_seconds=RETRY_AFTER_SECONDS,
                )
            self._waiting += 1
            self._metrics.queued.set(self._waiting)
            try:
                await self._places.acquire()
            finally:
                self._waiting -= 1
                self._metrics.queued.set(self._waiting)
        else:
            await self._places.acquire()
        self._metrics.in_flight.inc()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._metrics.in_flight.dec()
        self._places.release()

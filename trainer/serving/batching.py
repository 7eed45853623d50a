"""Requests that wait together are computed together: one pass of NumPy, results handed back to each.

Whoever is free takes what waits, up to the limit; nobody waits for company. A request is cut into pieces of at most
that limit, and hands in no more of them at a time than there are threads, so a long request never keeps a short one
waiting for all of it. A batch holds one model's work: during a swap two models are in use. What needs the whole
vocabulary runs in a thread, where NumPy lets go of the interpreter; the rest takes less time than to hand it over, and
runs on the spot.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainer.answers.language_model import LanguageModel
from trainer.config import BatchLimits
from trainer.data.vocabulary import Ids
from trainer.network.scorer import LogProbabilities
from trainer.serving.metrics import Metrics

FULL_COST = 64
"""Positions' worth of a position that needs the whole vocabulary; keeps a batch near 10 ms."""


@dataclass(frozen=True, eq=False)
class _Job:
    model: LanguageModel
    positions: Ids
    exact: bool
    choose: Callable[[LogProbabilities], Any] | None
    done: asyncio.Future[Any] = field(repr=False)

    @property
    def is_full(self) -> bool:
        """Whether it needs the whole vocabulary."""
        return self.exact or self.choose is not None

    @property
    def cost(self) -> int:
        return len(self.positions) * (FULL_COST if self.is_full else 1)


class Batcher:
    """Scores positions and draws next words, for all requests."""

    def __init__(self, limits: BatchLimits, metrics: Metrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._waiting: deque[_Job] = deque()
        self._arrived = asyncio.Event()
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="scoring")
        self._tasks: list[asyncio.Task[None]] = []

    async def score(self, model: LanguageModel, positions: Ids, *, exact: bool) -> LogProbabilities:
        """log P of each position's word (column 0) after the words before it: normalised, or as estimated."""
        size = max(1, self._limits.positions // FULL_COST) if exact else self._limits.positions
        if len(positions) <= size:
            return np.asarray(await self._submit(model, positions, exact, None), dtype=np.float64)
        pieces = [positions[start : start + size] for start in range(0, len(positions), size)]
        found: list[LogProbabilities] = []
        for start in range(0, len(pieces), self._limits.threads):
            several = pieces[start : start + self._limits.threads]
            found += await asyncio.gather(*(self._submit(model, piece, exact, None) for piece in several))
        return np.concatenate(found)

    async def choose(self, model: LanguageModel, window: Ids, choose: Callable[[LogProbabilities], Any]) -> Any:
        """What `choose` makes, in the thread, of the next word's distribution after the window (nearest word first)."""
        position = np.concatenate([np.zeros(1, dtype=np.int32), window])[np.newaxis]
        return await self._submit(model, position, True, choose)

    async def _submit(
        self, model: LanguageModel, positions: Ids, exact: bool, choose: Callable[[LogProbabilities], Any] | None
    ) -> Any:
        job = _Job(model, positions, exact, choose, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._arrived.set()
        return await job.done

    async def __aenter__(self) -> Batcher:
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._limits.threads)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not (batch := self._take()):
                self._arrived.clear()
                await self._arrived.wait()
                continue
            self._metrics.batch_jobs.observe(len(batch))
            self._metrics.batch_positions.observe(sum(len(job.positions) for job in batch))
            try:
                if any(job.is_full for job in batch):
                    results = await loop.run_in_executor(self._pool, compute, batch)
                else:
                    results = compute(batch)
            except Exception as error:  # handed to each request, whose last line of defence notes it
                results = [error] * len(batch)
            for job, result in zip(batch, results, strict=True):
                if job.done.done():
                    continue
                if isinstance(result, Exception):
                    job.done.set_exception(result)
                else:
                    job.done.set_result(result)

    def _take(self) -> list[_Job]:
        """The oldest jobs that fit a batch and are of one model; those nobody waits for any more are dropped."""
        taken: list[_Job] = []
        cost = 0
        while self._waiting:
            job = self._waiting[0]
            if job.done.done():
                self._waiting.popleft()
                continue
            if taken and (job.model is not taken[0].model or cost + job.cost > self._limits.positions):
                break
            taken.append(self._waiting.popleft())
            cost += job.cost
        return taken


def compute(batch: list[_Job]) -> list[Any]:
    """All jobs of a batch; a job whose own choice fails gets its error, the others their results."""
    scorer = batch[0].model.scorer
    positions = np.concatenate([job.positions for job in batch])
    words, contexts = positions[:, 0], scorer.contexts(positions[:, 1:])
    lengths = [len(job.positions) for job in batch]
    starts = np.cumsum([0, *lengths])
    chooses = np.repeat([job.choose is not None for job in batch], lengths)
    is_exact = np.repeat([job.exact and job.choose is None for job in batch], lengths)
    scores = np.empty(len(positions))
    for rows, score in (
        (np.flatnonzero(is_exact), scorer.exact),
        (np.flatnonzero(~(is_exact | chooses)), scorer.estimated),
    ):
        scores[rows] = score(words[rows], contexts[rows])
    choosing = [job.choose for job in batch if job.choose is not None]
    distributions = scorer.distributions(contexts[np.flatnonzero(chooses)])
    chosen = iter([_outcome(choose, found) for choose, found in zip(choosing, distributions, strict=True)])
    return [
        next(chosen) if job.choose is not None else scores[starts[index] : starts[index + 1]]
        for index, job in enumerate(batch)
    ]


def _outcome(choose: Callable[[LogProbabilities], Any], found: LogProbabilities) -> Any:
    try:
        return choose(found)
    except Exception as error:  # this request's alone
        return error

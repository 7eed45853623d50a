"""Which model answers: follows the registry's pointer, loads beside the model in use, and swaps in one assignment."""

from __future__ import annotations

import asyncio
import logging

from trainer import registry
from trainer.config import ServingJob
from trainer.errors import TrainerError
from trainer.object_store import ObjectStore
from trainer.serving.metrics import Metrics

LOG = logging.getLogger("trainer.serving")


class ModelSource:
    """The model in use, and why there is none."""

    def __init__(self, job: ServingJob, store: ObjectStore, metrics: Metrics) -> None:
        self._job = job
        self._store = store
        self._metrics = metrics
        self._reason = "the registry has not been read yet"
        self.draining = False

    @property
    def unready(self) -> str:
        """Why requests can't be answered; empty when they can."""
        if self.draining:
            return "this server was told to end"
        return self._reason

    async def follow(self) -> None:
        """Poll until cancelled; nothing that the registry holds ends it."""
        while True:
            try:
                await asyncio.to_thread(self._look)
            except TrainerError as error:
                self._reason = str(error)
                self._metrics.load_failures.inc()
            await asyncio.sleep(self._job.serving.poll_seconds)

    def _look(self) -> None:
        entry = registry.current(self._store, self._job.model_prefix)
        if entry is None:
            self._reason = f"no model was promoted in {self._store.address}{self._job.model_prefix} yet"

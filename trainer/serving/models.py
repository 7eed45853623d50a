"""Which model answers: follows the registry's pointer, loads beside the model in use, and swaps in one assignment.

A request keeps the model that it began with; the old one is freed when its last request ends. What can't be loaded
(not whole yet, corrupt, of another format, the bucket away) leaves the model in use as it is, and is tried again, at
growing intervals.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from trainer.answers.language_model import LanguageModel
from trainer.config import ServingJob
from trainer.errors import DataError, TrainerError
from trainer.mixture.files import read_served, served_files
from trainer.registry import versions as registry
from trainer.serving.metrics import Metrics
from trainer.storage.object_store import DirectoryStore, ObjectStore

LOG = logging.getLogger("trainer.serving")
LONGEST_WAIT_SECONDS = 300.0
PROBE_TOLERANCE = 1e-4
"""Of a logit, beside what Keras gave at the export: rounding differs between processors by about 1e-6."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Loaded:
    """A model and what the registry says of it."""

    model: LanguageModel
    manifest: dict[str, Any]
    manifest_sha256: str


class ModelSource:
    """The model in use, and why there is none."""

    def __init__(self, job: ServingJob, store: ObjectStore, metrics: Metrics) -> None:
        self._job = job
        self._store = store
        self._metrics = metrics
        self._cache = DirectoryStore(Path(job.serving.cache_directory)) if job.serving.cache_directory else None
        # One thread for all loads: memory that a thread frees is kept for that thread's next use.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="loading")
        self._reason = "the registry has not been read yet"
        self._failures = 0
        self.loaded: Loaded | None = None
        self.draining = False

    @property
    def unready(self) -> str:
        """Why requests can't be answered; empty when they can."""
        if self.draining:
            return "this server was told to end"
        return "" if self.loaded is not None else self._reason

    async def follow(self) -> None:
        """Poll until cancelled; nothing that the registry holds ends it."""
        while True:
            await self.look()
            await asyncio.sleep(self._wait_seconds())

    def _wait_seconds(self) -> float:
        """The set time, a little different for each server; doubled with each failure in a row."""
        jitter = random.uniform(0.9, 1.1)  # noqa: S311 - spreads polls, guards nothing
        return min(self._job.serving.poll_seconds * 2.0 ** min(self._failures, 10), LONGEST_WAIT_SECONDS) * jitter

    async def look(self) -> None:
        """Read the pointer once, and load what it names if that is another version."""
        try:
            found = await self._in_thread(self._changed)
        except Exception as error:  # whatever a foreign byte or a transport brings about
            await self._failed(error)
            return
        self._failures = 0
        if found is not None:
            self._use(found)
            del found
            await self._in_thread(_return_memory)

    async def _in_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._metrics.load_failures.inc()
        self._reason = str(error) if isinstance(error, TrainerError) else f"{type(error).__name__}: {error}"
        if not isinstance(error, TrainerError):
            LOG.error("loading a model failed", exc_info=error)
        if self.loaded is not None:
            LOG.warning("still serving %s: %s", self.loaded.model.version, self._reason)
            return
        LOG.warning("not ready: %s", self._reason)
        if self._cache is not None:
            await self._use_cached(self._cache)

    async def _use_cached(self, cache: ObjectStore) -> None:
        """The last good model, from before this process; the registry's is used as soon as it can be read."""
        try:
            pointer = await self._in_thread(registry.current, cache, "")
            if pointer is not None:
                self._use(await self._in_thread(load, cache, "", pointer))
        except Exception as error:  # a cache is only a convenience
            LOG.warning("the cached model can't be used: %s", error)

    def _changed(self) -> Loaded | None:
        pointer = registry.current(self._store, self._job.model_prefix)
        if pointer is None:
            self._reason = f"no model was promoted in {self._store.address}{self._job.model_prefix} yet"
            return None
        if self.loaded is not None and self.loaded.manifest_sha256 == pointer["manifest_sha256"]:
            return None
        found = load(self._store, self._job.model_prefix, pointer)
        if self._cache is not None:
            _keep(self._store, self._job.model_prefix, pointer, self._cache)
        return found

    def _use(self, found: Loaded) -> None:
        before, self.loaded = self.loaded, found
        if before is not None:
            self._metrics.model.remove(before.model.version)
        self._metrics.model.labels(found.model.version).set(1)
        self._metrics.model_loaded.set(time.time())
        self._metrics.swaps.inc()
        LOG.info("serving version %s (before: %s)", found.model.version, before and before.model.version)


def load(store: ObjectStore, prefix: str, pointer: registry.Pointer) -> Loaded:
    """The version that a pointer names, verified: the checksums of its manifest and file, its shapes, and that it
    scores the manifest's probe as the Keras model did. Raises DataError with what is wrong."""
    version = registry.open_version(store, prefix, pointer["version"], pointer["manifest_sha256"])
    model = read_served(version.names, version.read)
    probe = version.manifest.get("probe")
    if probe:
        found = model.network.weights.logits(np.asarray(probe["context_ids"], dtype=np.int32))
        furthest = float(np.abs(found - np.asarray(probe["logits"], dtype=np.float32)).max())
        if not furthest <= PROBE_TOLERANCE:
            raise DataError(f"version {version.name} scores its probe otherwise than at its export, by {furthest:.2g}")
    return Loaded(LanguageModel(version.name, model), version.manifest, pointer["manifest_sha256"])


def _keep(store: ObjectStore, prefix: str, pointer: registry.Pointer, cache: ObjectStore) -> None:
    """Copy what `load` reads; a failure (a full disk) is noted and nothing else."""
    name = pointer["version"]
    try:
        stale = [key for key in cache.list() if not key.startswith(f"{name}/") and key != registry.CURRENT]
        names = registry.open_version(store, prefix, name).names
        for file in (*served_files(names), registry.MANIFEST):
            cache.put(f"{name}/{file}", store.get(f"{prefix}{name}/{file}"))
        cache.put(registry.CURRENT, store.get(prefix + registry.CURRENT))
        for key in stale:
            cache.delete(key)
    except (TrainerError, OSError) as error:
        LOG.warning("the model was not cached in %s: %s", os.fspath(cache.address), error)


def _return_memory() -> None:
    """Hand what a swap freed back to the system: glibc alone keeps tens of MiB of it."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)

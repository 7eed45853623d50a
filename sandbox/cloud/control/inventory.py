"""The contents of all clusters for the status page: read beside the event loop, kept, never waited for long.

A page that polls must neither burden a large region nor hang on a dead one. So a reading is used again for
`SHORTEST_AGE`, and for ten times as long as it took; and whoever asks waits `LONGEST_WAIT` and then gets what there is,
which may be an older reading or none.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial

from sandbox.cloud.assembly import Cloud
from sandbox.cloud.cs.contents import Contents
from sandbox.cloud.cs.model import Cluster
from sandbox.errors import SandboxError

SHORTEST_AGE = 2.0
AGE_FACTOR = 10.0
"""At most a tenth of the time is spent on reading one cluster."""
LONGEST_WAIT = 0.8


@dataclass(frozen=True)
class Reading:
    """What was last found in a cluster, and when."""

    contents: Contents | None = None
    """None until the cluster answered once."""
    read: float = 0.0
    """When (monotonic seconds) `contents` was read."""
    error: str = "the cluster's API server has not answered yet"
    """Why the latest attempt found nothing; empty when it went well."""
    again: float = 0.0
    """When the next attempt is due."""

    @property
    def age_seconds(self) -> float | None:
        """How old the contents are."""
        return None if self.contents is None else round(time.monotonic() - self.read, 1)


@dataclass
class Inventory:
    """The latest reading of each cluster. Its methods belong to one event loop."""

    cloud: Cloud
    wait_seconds: float = LONGEST_WAIT
    _readings: dict[str, Reading] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def look(self) -> dict[str, Reading]:
        """A reading for each cluster that runs, by its identifier."""
        clusters = self.cloud.operations.clusters.clusters.list()
        running = {cluster.identifier: cluster for cluster in clusters if cluster.answers}
        self._readings = {name: reading for name, reading in self._readings.items() if name in running}
        for identifier, cluster in running.items():
            reading = self._readings.setdefault(identifier, Reading())
            if identifier not in self._tasks and time.monotonic() >= reading.again:
                task = asyncio.create_task(self._read(cluster))
                self._tasks[identifier] = task
                task.add_done_callback(partial(self._forget, identifier))
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=self.wait_seconds)
        return {name: self._readings[name] for name in running}

    async def close(self) -> None:
        """Wait for what is being read; it ends by itself within `READING_SECONDS`."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _forget(self, identifier: str, _: asyncio.Task[None]) -> None:
        self._tasks.pop(identifier, None)

    async def _read(self, cluster: Cluster) -> None:
        begun = time.monotonic()
        before = self._readings.get(cluster.identifier, Reading())
        try:
            backend = self.cloud.operations.backend(cluster.region)
            contents = await asyncio.to_thread(self.cloud.contents.read, cluster, backend)
            found = Reading(contents, begun, "")
        except (SandboxError, OSError, ValueError, KeyError) as error:
            found = Reading(before.contents, before.read, str(error) or repr(error))
        ended = time.monotonic()
        again = ended + max(SHORTEST_AGE, AGE_FACTOR * (ended - begun) if not found.error else 0.0)
        self._readings[cluster.identifier] = Reading(found.contents, found.read, found.error, again)

"""List, then watch: all of a kind, as it changes. Survives lost connections, expired versions and silence."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from controllers.monitor.kubernetes import FAILURES, GONE, refusal, status_of

LOG = logging.getLogger("controllers.informer")
WATCH_SECONDS = 300
"""The API server ends a watch after so long, and the next goes on from the last version: so a lost end is noticed."""
SILENCE_SECONDS = WATCH_SECONDS + 30.0
FIRST_WAIT, LAST_WAIT = 0.2, 10.0


class Source(Protocol):
    """What an informer needs of a client; tests put a fake in its place."""

    def everything(self, resource: Any, **scope: Any) -> Any:
        """All objects, as an asynchronous iterator with a `resourceVersion`."""

    def stream(self, resource: Any, version: str, seconds: int, **scope: Any) -> AsyncIterator[tuple[str, Any]]:
        """(type, object) as they change."""


@dataclass
class Informer:
    """One kind of object. `on_object` is told (type, object), `on_list` the names after each list."""

    source: Source
    resource: Any
    on_object: Callable[[str, Any], None]
    on_list: Callable[[frozenset[str]], None]
    on_connection: Callable[[bool], None] = lambda connected: None
    namespace: str | None = None
    labels: dict[str, str] | None = None
    silence_seconds: float = SILENCE_SECONDS
    """How long nothing may come before the connection is taken for dead."""
    synchronized: bool = False
    _version: str = field(default="", init=False)

    async def run(self) -> None:
        """For ever."""
        wait = FIRST_WAIT
        while True:
            try:
                if not self._version:
                    await self._list()
                wait = FIRST_WAIT
                await self._watch()
            except FAILURES as error:
                if status_of(error) == GONE:
                    self._version = ""
                    LOG.info("%s: version expired; listing again", self.resource.__name__)
                    continue
                self.on_connection(False)
                LOG.warning("%s: %s; again in %.1f s", self.resource.__name__, refusal(error), wait)
                # After a lost connection a list is the only way to know what was missed for certain.
                self._version = ""
                await asyncio.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - spreads retries, guards nothing
                wait = min(LAST_WAIT, wait * 2)

    async def _list(self) -> None:
        names: set[str] = set()
        found = self.source.everything(self.resource, namespace=self.namespace, labels=self.labels)
        async for item in found:
            names.add(item.metadata.name)
            self.on_object("ADDED", item)
        self._version = found.resourceVersion
        self.on_list(frozenset(names))
        self.synchronized = True
        self.on_connection(True)

    async def _watch(self) -> None:
        labels = ",".join(f"{key}={value}" for key, value in (self.labels or {}).items()) or None
        events = self.source.stream(
            self.resource, self._version, WATCH_SECONDS, namespace=self.namespace, labels=labels
        )
        async with asyncio.timeout(self.silence_seconds) as silence:
            async for kind, item in events:
                silence.reschedule(asyncio.get_running_loop().time() + self.silence_seconds)
                self._version = item.metadata.resourceVersion or self._version
                if kind in ("ADDED", "MODIFIED", "DELETED"):
                    self.on_object(kind, item)

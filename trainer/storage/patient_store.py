"""A store that waits while object storage is away, for who has nothing better to do than to go on.

A worker without its task's text can only wait or crash; crashing costs a start and a repair, and brings nothing back
sooner. What can be left out, as one checkpoint of many, is written to the store itself, which says at once that it
failed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from trainer.errors import RefusedError, StoreError
from trainer.storage.object_store import ObjectStore

LOG = logging.getLogger("trainer.store")
WAIT_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""Between attempts, each of which tries several times itself; the last one again and again. A worker is back at most so
long after the storage."""
PATIENCE_SECONDS = 1800.0
"""Longer than an outage of a region's object storage has been; then it is an error as before."""

Result = TypeVar("Result")


class PatientStore:
    """Does as the store does, and again while it is away. What it refuses, or does not have, it says at once."""

    def __init__(
        self,
        store: ObjectStore,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self.address = store.address

    def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        return self._patiently(lambda: self._store.get(key, start, end))

    def download(self, key: str, path: Path) -> None:
        self._patiently(lambda: self._store.download(key, path))

    def list(self, prefix: str = "") -> list[str]:
        return self._patiently(lambda: self._store.list(prefix))

    def put(self, key: str, data: bytes) -> None:
        self._patiently(lambda: self._store.put(key, data))

    def upload(self, key: str, path: Path) -> None:
        self._patiently(lambda: self._store.upload(key, path))

    def delete(self, key: str) -> None:
        self._patiently(lambda: self._store.delete(key))

    def _patiently(self, action: Callable[[], Result]) -> Result:
        began = self._clock()
        attempt = 0
        while True:
            try:
                result = action()
            except RefusedError:
                raise
            except StoreError as error:
                wait = WAIT_SECONDS[min(attempt, len(WAIT_SECONDS) - 1)]
                if self._clock() - began + wait > PATIENCE_SECONDS:
                    raise
                if not attempt:
                    LOG.warning("%s; waiting until it answers, for %.0f minutes at most", error, PATIENCE_SECONDS / 60)
                attempt += 1
                self._sleep(wait)
            else:
                if attempt:
                    LOG.warning("%s answers again, after %.0f s", self.address, self._clock() - began)
                return result

"""A job's objects: data and checkpoints in one bucket, finished models in another, under the keys of one store.

Models have a bucket of their own because others read them: a server gets access to models and to nothing else.
"""

from __future__ import annotations

from pathlib import Path

from trainer.config import TrainingJob
from trainer.storage.object_store import ObjectStore, open_store


class JoinedStore:
    """A store in which the keys below one prefix lie in another store, under the same keys."""

    def __init__(self, store: ObjectStore, prefix: str, other: ObjectStore) -> None:
        self._store = store
        self._prefix = prefix
        self._other = other
        self.address = store.address

    def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        return self._of(key).get(key, start, end)

    def put(self, key: str, data: bytes) -> None:
        self._of(key).put(key, data)

    def download(self, key: str, path: Path) -> None:
        self._of(key).download(key, path)

    def upload(self, key: str, path: Path) -> None:
        self._of(key).upload(key, path)

    def list(self, prefix: str = "") -> list[str]:
        if prefix.startswith(self._prefix):
            return self._other.list(prefix)
        own = [key for key in self._store.list(prefix) if not key.startswith(self._prefix)]
        return sorted(own + self._other.list(self._prefix)) if self._prefix.startswith(prefix) else own

    def delete(self, key: str) -> None:
        self._of(key).delete(key)

    def _of(self, key: str) -> ObjectStore:
        return self._other if key.startswith(self._prefix) else self._store


def open_job_store(job: TrainingJob, address: str = "") -> ObjectStore:
    """The job's store; `address` (a directory, for tests) stands for all of its buckets."""
    store = open_store(address or f"oss://{job.bucket}", job.region)
    if address or not job.models_bucket:
        return store
    return JoinedStore(store, job.model_prefix, open_store(f"oss://{job.models_bucket}", job.region))

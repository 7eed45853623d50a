"""Copies what buckets hold into the backup bucket: what it has is not read again, and what one pointer names is there.

A listing is not one moment's state: pages come in turn while writers go on. So each object is read at the version that
was listed, pointers first, and afterwards each pointer is compared with what was really copied, by checksum. What does
not fit is listed and copied again. Where it does not fit although nothing moved, the bucket itself is broken: that is
written into the backup, and no reason to have none.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from controllers.backup.model import Entry
from controllers.backup.pointers import is_pointer, references
from controllers.backup.repository import Repository
from controllers.buckets import Bucket, ObjectVersion, sha256_of
from controllers.errors import ControllerError
from trainer.errors import ChangedError, ObjectNotFoundError

LOG = logging.getLogger("controllers.backup")
ATTEMPTS = 6
JOURNAL_SECONDS = 20.0
RESTORING = ".restore-in-progress.json"
"""In a bucket whose restore has begun and not ended: its content is neither the old nor the new."""
EXCLUDED = ("leases/", RESTORING)
"""A lease that was restored would name a holder of long ago."""

Known = dict[tuple[str, str, str, str], Entry]


@dataclass
class Source:
    """A bucket to copy."""

    name: str
    bucket: Bucket

    def list(self) -> list[ObjectVersion]:
        return [found for found in self.bucket.versions() if not found.key.startswith(EXCLUDED)]


@dataclass
class Copied:
    """What one source held."""

    entries: list[Entry]
    broken: list[str]
    """Pointers whose objects are missing or other than they say, in the bucket itself."""


@dataclass
class Copier:
    """Copies with several threads, one object each in the scratch folder at a time."""

    repository: Repository
    scratch: Path
    parallel: int
    renew: Callable[[], None] = lambda: None
    """Called every now and then; raises when the work must stop."""
    known: Known = field(default_factory=dict)
    copied_objects: int = 0
    copied_bytes: int = 0
    _journaled_at: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def learn(self, entries: Iterable[Entry]) -> None:
        """What is in the backup bucket already."""
        self.known.update({(one.source, one.key, one.version, one.etag): one for one in entries})

    def copy(self, source: Source) -> Copied:
        """All of a source, as it was at one time as far as pointers can tell. Raises ControllerError, TrainerError."""
        if source.bucket.find(RESTORING) is not None:
            raise ControllerError(
                f"{source.bucket.address} is being restored ({RESTORING} there); run that restore to its end"
            )
        before: list[ObjectVersion] = []
        for attempt in range(ATTEMPTS):
            listing = source.list()
            try:
                entries = self._copy(source, listing)
            except (ChangedError, ObjectNotFoundError) as error:
                LOG.info("%s; listing again", error)
                time.sleep(min(5.0, 0.1 * 2**attempt))
                continue
            broken = self._broken(source, entries)
            if not broken or listing == before:
                return Copied(entries, broken)
            LOG.info("%s: %d pointers moved meanwhile; listing again", source.name, len(broken))
            before = listing
        raise ControllerError(
            f"{source.bucket.address} changed so fast that {ATTEMPTS} listings did not fit: {', '.join(broken[:3])}"
        )

    def add(self, source: str, key: str, data: bytes) -> Entry:
        """Keep something that is in no bucket."""
        with scratch_file(self.scratch) as path:
            path.write_bytes(data)
            found = ObjectVersion(key, "", "", len(data), 0.0)
            return self._keep(source, found, path, "")

    def _copy(self, source: Source, listing: list[ObjectVersion]) -> list[Entry]:
        first = [found for found in listing if is_pointer(found.key)]
        rest = [found for found in listing if not is_pointer(found.key)]
        entries: list[Entry] = []
        with ThreadPoolExecutor(self.parallel) as pool:
            for part in (first, rest):
                futures = [pool.submit(self._copy_one, source, found) for found in part]
                try:
                    for future in futures:
                        entries.append(future.result())
                        self._now_and_then()
                except BaseException:
                    pool.shutdown(wait=True, cancel_futures=True)
                    raise
        return sorted(entries, key=lambda entry: entry.key)

    def _copy_one(self, source: Source, found: ObjectVersion) -> Entry:
        known = self.known.get((source.name, found.key, found.version, found.etag))
        if known is not None and known.size == found.size:
            return known
        with scratch_file(self.scratch) as path:
            fetched = source.bucket.fetch(found, path)
            return self._keep(source.name, found, path, fetched.crc64, fetched.sha256)

    def _keep(self, source: str, found: ObjectVersion, path: Path, crc64: str, sha256: str = "") -> Entry:
        sha256 = sha256 or sha256_of(path)
        if self.repository.add(sha256, path):
            with self._lock:
                self.copied_objects += 1
                self.copied_bytes += found.size
        entry = Entry(
            source=source,
            key=found.key,
            version=found.version,
            etag=found.etag,
            size=found.size,
            sha256=sha256,
            crc64=crc64,
        )
        self.learn([entry])
        return entry

    def _now_and_then(self) -> None:
        self.renew()
        if time.monotonic() - self._journaled_at > JOURNAL_SECONDS:
            self._journaled_at = time.monotonic()
            self.repository.write_journal(list(self.known.values()))

    def _broken(self, source: Source, entries: list[Entry]) -> list[str]:
        copied = {entry.key: entry.sha256 for entry in entries}
        return [entry.key for entry in entries if is_pointer(entry.key) and not all(self._holds(source, entry, copied))]

    def _holds(self, source: Source, pointer: Entry, copied: dict[str, str]) -> Iterator[bool]:
        data = self.repository.bucket.get(self.repository.content_key(pointer.sha256))
        for reference in references(pointer.key, data):
            key = reference.key if reference.key in copied else reference.key.removeprefix(source.bucket.prefix)
            found = copied.get(key)
            yield found is not None and reference.sha256 in (None, found)


@contextlib.contextmanager
def scratch_file(folder: Path) -> Iterator[Path]:
    """A path in the scratch folder that is gone afterwards."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix="copy-", delete=False) as file:
        path = Path(file.name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)

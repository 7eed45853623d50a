"""Brings a bucket to what a backup holds: says what would change, or changes it, and goes on after a kill.

Order: a mark that a restore is under way (so that nobody copies a bucket that is half old and half new); removal of
pointers that the backup does not have; objects; pointers; removal of objects that the backup does not have; the mark.
Whoever follows pointers thus never meets one whose objects are gone. All buckets are versioned: what is replaced or
removed stays as an old version for as long as the bucket's lifecycle says.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from controllers.backup.copying import EXCLUDED, RESTORING, scratch_file
from controllers.backup.model import Entry
from controllers.backup.pointers import is_pointer
from controllers.backup.repository import Repository
from controllers.buckets import Bucket, sha256_of
from controllers.errors import ControllerError
from trainer.errors import ObjectNotFoundError

LOG = logging.getLogger("controllers.restore")
Item = TypeVar("Item")


@dataclass
class Changes:
    """What a restore does to a bucket; keys, sorted."""

    create: list[str] = field(default_factory=list)
    replace: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        return {name: len(value) for name, value in vars(self).items()}

    @property
    def none(self) -> bool:
        return not (self.create or self.replace or self.delete)


@dataclass
class Restore:
    """One backup's source into one bucket or prefix."""

    repository: Repository
    entries: list[Entry]
    target: Bucket
    identifier: str
    scratch: Path
    parallel: int = 4
    delete: bool = True
    """Whether objects that the backup does not have are removed; without, they stay."""
    renew: Callable[[], None] = lambda: None

    def plan(self) -> Changes:
        """What would change now. An object is kept where it has the same size and CRC-64."""
        there = {found.key: found for found in self.target.versions() if not found.key.startswith(EXCLUDED)}
        changes = Changes()
        candidates = []
        for entry in self.entries:
            found = there.pop(entry.key, None)
            if found is None:
                changes.create.append(entry.key)
            elif found.size != entry.size:
                changes.replace.append(entry.key)
            else:
                candidates.append(entry)
        with ThreadPoolExecutor(self.parallel) as pool:
            for entry, same in zip(candidates, pool.map(self._is_same, candidates), strict=True):
                (changes.keep if same else changes.replace).append(entry.key)
        if self.delete:
            changes.delete = list(there)
        for keys in vars(changes).values():
            keys.sort()
        return changes

    def carry_out(self) -> Changes:
        """Do it. Raises ControllerError where another restore into the same place has begun and not ended."""
        self._mark()
        changes = self.plan()
        wanted = {*changes.create, *changes.replace}
        entries = [entry for entry in self.entries if entry.key in wanted]
        self._each(self.target.delete, [key for key in changes.delete if is_pointer(key)])
        self._each(self._put, [entry for entry in entries if not is_pointer(entry.key)])
        self._each(self._put, [entry for entry in entries if is_pointer(entry.key)])
        self._each(self.target.delete, [key for key in changes.delete if not is_pointer(key)])
        self.target.delete(RESTORING)
        return changes

    def _mark(self) -> None:
        own = {"backup": self.identifier, "from": self.repository.bucket.address}
        try:
            found = json.loads(self.target.get(RESTORING))
        except ObjectNotFoundError:
            found = own
        except ValueError:
            found = {}
        if found != own:
            raise ControllerError(
                f"{self.target.address}: a restore of {found.get('backup')} from {found.get('from')} has begun and not "
                f"ended; run that one to its end, or delete {RESTORING} there to give it up"
            )
        self.target.put(RESTORING, json.dumps(own).encode())

    def _is_same(self, entry: Entry) -> bool:
        found = self.target.find(entry.key)
        return found is not None and bool(entry.crc64) and found == (entry.size, entry.crc64)

    def _put(self, entry: Entry) -> None:
        with scratch_file(self.scratch) as path:
            self.repository.fetch(entry, path)
            self.target.upload(entry.key, path)

    def _each(self, action: Callable[[Item], None], items: Iterable[Item]) -> None:
        """All of a step before the next begins."""
        with ThreadPoolExecutor(self.parallel) as pool:
            futures = [pool.submit(action, item) for item in items]
            try:
                for future in futures:
                    future.result()
                    self.renew()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def compare(entries: Iterable[Entry], target: Bucket, scratch: Path, parallel: int) -> list[str]:
    """Keys whose bytes in a bucket are not the backup's, by SHA-256 of what is really read; or that are not there."""

    def differs(entry: Entry) -> str:
        with scratch_file(scratch) as path:
            try:
                target.download(entry.key, path)
            except ObjectNotFoundError:
                return entry.key
            return "" if sha256_of(path) == entry.sha256 else entry.key

    with ThreadPoolExecutor(parallel) as pool:
        return [key for key in pool.map(differs, entries) if key]

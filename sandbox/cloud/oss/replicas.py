"""How a replicated version takes its place in the target bucket.

Replicas keep their version id and time, so that carrying one over twice changes nothing. What is written here is not
replicated any further: neither back (two buckets may replicate to each other) nor on to a third, as in the cloud. Of
two writes to the same object on both sides the later one wins.
"""

from __future__ import annotations

import json

from sandbox.cloud.oss import objects
from sandbox.cloud.oss.buckets import Source
from sandbox.cloud.oss.database import Transaction
from sandbox.cloud.oss.model import NULL_VERSION, Bucket, Draft, ObjectVersion


def has(source: Source, target: Bucket, found: ObjectVersion) -> bool:
    """Whether the target has this very version, whatever its access control and tags are."""
    return _is_same(_present(source, target, found), found)


def place(transaction: Transaction, target: Bucket, source: ObjectVersion, draft: Draft) -> bool:
    """Make `draft` the target's version for `source`; False where the target keeps what it has."""
    if target.versioning != "Enabled" and not source.latest:
        return False
    existing = _present(transaction, target, source)
    if existing is not None and _is_same(existing, source):
        objects.update(transaction, existing, "acl", source.acl)
        objects.update(transaction, existing, "tags", json.dumps(dict(source.tags)))
        return False
    newest = objects.find(transaction, target, source.key)
    if target.versioning != "Enabled" and newest is not None and newest.modified > source.modified:
        return False
    objects.erase(transaction, target, existing)
    if source.marker and not target.versioning:
        return existing is not None
    newest = objects.find(transaction, target, source.key)
    current = newest is None or newest.modified <= source.modified
    version = _version(target, source)
    if current:
        objects.supersede(transaction, target, source.key, source.modified)
    objects.insert(transaction, target, draft, version, source.modified, latest=current)
    return True


def remove(transaction: Transaction, source: Bucket, target: Bucket, key: str, version: str, happened: int) -> bool:
    """Carry a deletion over; whether the target had anything to delete."""
    if version and target.versioning == "Enabled":
        found = objects.find(transaction, target, key, version)
        objects.erase(transaction, target, found)
        return found is not None
    left, found = objects.find(transaction, source, key), objects.find(transaction, target, key)
    if found is None or found.marker or found.modified > happened or (left is not None and not left.marker):
        return False
    if not target.versioning:
        objects.erase(transaction, target, found)
        return True
    marker_version = objects.new_version() if target.versioning == "Enabled" else NULL_VERSION
    if marker_version == NULL_VERSION:
        objects.erase(transaction, target, objects.find(transaction, target, key, NULL_VERSION))
    objects.supersede(transaction, target, key, happened)
    objects.insert(transaction, target, Draft(key, marker=True), marker_version, happened)
    return True


def _present(source: Source, target: Bucket, found: ObjectVersion) -> ObjectVersion | None:
    """The target's version that stands for a version of the source."""
    return objects.find(source, target, found.key, _version(target, found))


def _version(target: Bucket, found: ObjectVersion) -> str:
    """The version id that a replica gets: the source's, where the target keeps versions."""
    return found.version if target.versioning == "Enabled" else NULL_VERSION


def _is_same(present: ObjectVersion | None, source: ObjectVersion) -> bool:
    return present is not None and (present.modified, present.etag, present.size, present.crc64, present.marker) == (
        source.modified,
        source.etag,
        source.size,
        source.crc64,
        source.marker,
    )

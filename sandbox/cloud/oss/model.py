"""Buckets, versions of objects, uploads and parts, as the database holds them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sandbox.cloud.oss.bodies import Segment

NULL_VERSION = "null"
"""The version of objects written while versioning was off or suspended."""

STORAGE_CLASSES = ("Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive")
FROZEN_CLASSES = frozenset(STORAGE_CLASSES[2:])
"""Classes whose objects must be restored before they can be read."""

BUCKET_ACLS = ("private", "public-read", "public-read-write")
OBJECT_ACLS = ("default", *BUCKET_ACLS)
MULTIPART_THRESHOLD = 100 * 1024
"""Bytes that each part of a multipart upload but the last must have at least."""
MAXIMUM_PART_NUMBER = 10_000
MAXIMUM_BODY = 5 * 1024**3
"""Bytes that one request may carry: the limit of PutObject, AppendObject and UploadPart."""


@dataclass(frozen=True)
class Bucket:
    """A bucket; `versioning` is empty (never on), Enabled or Suspended."""

    id: int
    name: str
    owner: str
    region: str
    created: int
    storage_class: str
    redundancy: str
    acl: str
    versioning: str
    resource_group: str

    @classmethod
    def of(cls, row: sqlite3.Row) -> Bucket:
        """From the table's row."""
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    @property
    def location(self) -> str:
        """The region as answers write it: oss-cn-hangzhou."""
        return f"oss-{self.region}"


@dataclass(frozen=True)
class Draft:
    """An object version before it has a place in its bucket."""

    key: str
    kind: str = "Normal"
    size: int = 0
    etag: str = ""
    crc64: int = 0
    storage_class: str = "Standard"
    acl: str = "default"
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    segments: tuple[Segment, ...] = ()
    symlink: str = ""
    marker: bool = False
    next_position: int = 0


@dataclass(frozen=True)
class ObjectVersion(Draft):
    """A stored version: `headers` are those that its answers repeat, `marker` says that it marks a deletion."""

    id: int = 0
    version: str = NULL_VERSION
    latest: bool = True
    modified: int = 0
    noncurrent_since: int | None = None
    restored_until: int = 0

    @classmethod
    def of(cls, row: sqlite3.Row) -> ObjectVersion:
        """From the table's row."""
        return cls(
            key=row["key"],
            kind=row["kind"],
            size=row["size"],
            etag=row["etag"],
            crc64=int(row["crc64"]),
            storage_class=row["storage_class"],
            acl=row["acl"],
            headers=json.loads(row["headers"]),
            tags=json.loads(row["tags"]),
            segments=load_segments(row["segments"]),
            symlink=row["symlink"],
            marker=bool(row["marker"]),
            next_position=row["next_position"],
            id=row["id"],
            version=row["version"],
            latest=bool(row["latest"]),
            modified=row["modified"],
            noncurrent_since=row["noncurrent_since"],
            restored_until=row["restored_until"],
        )


@dataclass(frozen=True)
class Upload:
    """A multipart upload that has neither been completed nor aborted."""

    id: str
    bucket: int
    key: str
    initiated: int
    storage_class: str
    acl: str
    headers: Mapping[str, str]
    tags: Mapping[str, str]

    @classmethod
    def of(cls, row: sqlite3.Row) -> Upload:
        """From the table's row."""
        values = {name: row[name] for name in cls.__dataclass_fields__}
        values |= {"headers": json.loads(row["headers"]), "tags": json.loads(row["tags"])}
        return cls(**values)


@dataclass(frozen=True)
class Part:
    """A part of an upload."""

    number: int
    size: int
    etag: str
    crc64: int
    modified: int
    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, row: sqlite3.Row) -> Part:
        """From the table's row."""
        return cls(
            row["number"], row["size"], row["etag"], int(row["crc64"]), row["modified"], load_segments(row["segments"])
        )


def dump_segments(segments: Iterable[Segment]) -> str:
    """Segments as stored."""
    return json.dumps([[segment.name, segment.size] for segment in segments])


def load_segments(text: str) -> tuple[Segment, ...]:
    """Segments from their stored form."""
    return tuple(Segment(name, size) for name, size in json.loads(text))

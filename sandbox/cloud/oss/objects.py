"""Object versions in the database: the rules of versioning.

https://help.aliyun.com/zh/oss/user-guide/overview-78
"""

from __future__ import annotations

import json
import secrets

from sandbox.cloud.oss import buckets, replication_queue
from sandbox.cloud.oss.buckets import Source
from sandbox.cloud.oss.database import Transaction
from sandbox.cloud.oss.errors import OssError, no_such_key
from sandbox.cloud.oss.model import NULL_VERSION, Bucket, Draft, ObjectVersion, dump_segments


def find(source: Source, bucket: Bucket, key: str, version: str = "") -> ObjectVersion | None:
    """The named version, or the newest one; a delete marker too."""
    if version:
        row = source.execute(
            "SELECT * FROM versions WHERE bucket = ? AND key = ? AND version = ?", (bucket.id, key, version)
        ).fetchone()
    else:
        row = source.execute(
            "SELECT * FROM versions WHERE bucket = ? AND key = ? AND latest = 1", (bucket.id, key)
        ).fetchone()
    return None if row is None else ObjectVersion.of(row)


def get(source: Source, bucket: Bucket, key: str, version: str = "") -> ObjectVersion:
    """The named version, or the newest one, for reading: errors where there is none or it marks a deletion."""
    found = find(source, bucket, key, version)
    if found is None:
        raise OssError("NoSuchVersion", detail={"Key": key, "VersionId": version}) if version else no_such_key(key)
    if found.marker:
        headers = {"x-oss-delete-marker": "true", "x-oss-version-id": found.version}
        if version:
            detail = {"Method": "GET", "ResourceType": "DeleteMarker"}
            raise OssError("MethodNotAllowed", detail=detail, headers=headers)
        raise no_such_key(key, headers)
    return found


def put(transaction: Transaction, name: str, draft: Draft, now: int, *, forbid_overwrite: bool = False) -> str:
    """Make the draft the newest version; its version id (empty where the bucket never had versioning)."""
    bucket = buckets.get(transaction, name)
    if forbid_overwrite and not bucket.versioning:
        present = find(transaction, bucket, draft.key)
        if present is not None:
            raise OssError("FileAlreadyExists", detail={"Key": draft.key})
    version = new_version() if bucket.versioning == "Enabled" else NULL_VERSION
    if version == NULL_VERSION:
        _remove_row(transaction, find(transaction, bucket, draft.key, NULL_VERSION))
    supersede(transaction, bucket, draft.key, now)
    insert(transaction, bucket, draft, version, now)
    replication_queue.changed(transaction, bucket, draft.key, version, now)
    return version if bucket.versioning else ""


def supersede(transaction: Transaction, bucket: Bucket, key: str, now: int) -> None:
    """Make the newest version, if there is one, a noncurrent one: another is to follow."""
    transaction.execute(
        "UPDATE versions SET latest = 0, noncurrent_since = ? WHERE bucket = ? AND key = ? AND latest = 1",
        (now, bucket.id, key),
    )


def insert(
    transaction: Transaction, bucket: Bucket, draft: Draft, version: str, now: int, *, latest: bool = True
) -> None:
    """Add a row, as the newest version or (`latest` false, for a replica that comes late) a noncurrent one."""
    transaction.execute(
        "INSERT INTO versions (bucket, key, version, latest, marker, kind, size, etag, crc64, modified, storage_class,"
        " acl, headers, tags, segments, symlink, next_position) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            bucket.id,
            draft.key,
            version,
            int(latest),
            int(draft.marker),
            draft.kind,
            draft.size,
            draft.etag,
            str(draft.crc64),
            now,
            draft.storage_class,
            draft.acl,
            json.dumps(dict(draft.headers)),
            json.dumps(dict(draft.tags)),
            dump_segments(draft.segments),
            draft.symlink,
            draft.next_position,
        ),
    )


def delete(transaction: Transaction, name: str, key: str, version: str, now: int) -> tuple[str, bool]:
    """Delete as DeleteObject does; the version id to answer with, and whether it is a delete marker's.

    Without a version: a delete marker where the bucket has (had) versioning, else the object is gone. With one: that
    version is gone for good. Deleting what doesn't exist succeeds.
    """
    bucket = buckets.get(transaction, name)
    if version:
        found = find(transaction, bucket, key, version)
        remove(transaction, bucket, found, now)
        return version, found is not None and found.marker
    if bucket.versioning:
        marker = Draft(key, kind="Normal", marker=True)
        return put(transaction, name, marker, now), True
    found = find(transaction, bucket, key)
    _remove_row(transaction, found)
    if found is not None:
        replication_queue.removed(transaction, bucket, key, "", now)
    return "", False


def remove(transaction: Transaction, bucket: Bucket, found: ObjectVersion | None, now: int) -> None:
    """Remove one version for good; the newest that remains becomes the current one."""
    erase(transaction, bucket, found)
    if found is not None:
        replication_queue.removed(transaction, bucket, found.key, found.version, now)


def erase(transaction: Transaction, bucket: Bucket, found: ObjectVersion | None) -> None:
    """Remove one version, as `remove` does, without a word to those who replicate the bucket."""
    _remove_row(transaction, found)
    if found is not None and found.latest:
        transaction.execute(
            "UPDATE versions SET latest = 1, noncurrent_since = NULL WHERE id = "
            "(SELECT id FROM versions WHERE bucket = ? AND key = ? ORDER BY modified DESC, id DESC LIMIT 1)",
            (bucket.id, found.key),
        )


def update(transaction: Transaction, found: ObjectVersion, column: str, value: str | int) -> None:
    """Change a property of a stored version."""
    if column not in ("acl", "tags", "storage_class", "restored_until", "next_position"):
        raise ValueError(f"{column} of an object version cannot be changed")
    statement = f"UPDATE versions SET {column} = ? WHERE id = ?"  # noqa: S608 (one of the names above)
    transaction.execute(statement, (value, found.id))


def new_version() -> str:
    """A version id; opaque, as OSS's are."""
    return "CAEQ" + secrets.token_hex(28)


def _remove_row(transaction: Transaction, found: ObjectVersion | None) -> None:
    if found is None:
        return
    transaction.execute("DELETE FROM versions WHERE id = ?", (found.id,))
    transaction.discard(segment.name for segment in found.segments)


def replace(transaction: Transaction, found: ObjectVersion, content: Draft, now: int) -> None:
    """Give a stored version new content in place, as AppendObject does."""
    transaction.execute(
        "UPDATE versions SET size = ?, etag = ?, crc64 = ?, modified = ?, segments = ?, next_position = ? WHERE id = ?",
        (
            content.size,
            content.etag,
            str(content.crc64),
            now,
            dump_segments(content.segments),
            content.next_position,
            found.id,
        ),
    )

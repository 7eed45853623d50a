"""Buckets and their configurations in the database."""

from __future__ import annotations

import sqlite3

from sandbox.cloud.oss.database import Transaction
from sandbox.cloud.oss.errors import OssError, no_such_bucket
from sandbox.cloud.oss.model import Bucket

Source = Transaction | sqlite3.Connection
MAXIMUM_BUCKETS = 100
"""Buckets that an account may have in a region."""


def find(source: Source, name: str) -> Bucket | None:
    """The bucket of this name, or None."""
    row = source.execute("SELECT * FROM buckets WHERE name = ?", (name,)).fetchone()
    return None if row is None else Bucket.of(row)


def get(source: Source, name: str) -> Bucket:
    """The bucket of this name; NoSuchBucket where there is none."""
    bucket = find(source, name)
    if bucket is None:
        raise no_such_bucket(name)
    return bucket


def get_by_id(source: Source, identifier: int) -> Bucket:
    """The bucket of this row; NoSuchBucket where it has been deleted."""
    row = source.execute("SELECT * FROM buckets WHERE id = ?", (identifier,)).fetchone()
    if row is None:
        raise no_such_bucket(str(identifier))
    return Bucket.of(row)


def listed(source: Source, owner: str, prefix: str, marker: str, limit: int) -> list[Bucket]:
    """An account's buckets by name, after `marker`."""
    rows = source.execute(
        "SELECT * FROM buckets WHERE owner = ? AND name > ? AND substr(name, 1, ?) = ? ORDER BY name LIMIT ?",
        (owner, marker, len(prefix), prefix, limit),
    )
    return [Bucket.of(row) for row in rows]


def create(transaction: Transaction, bucket: Bucket) -> None:
    """Add a bucket, or set the access control of the owner's own one again, as PutBucket does."""
    existing = find(transaction, bucket.name)
    if existing is not None:
        if existing.owner != bucket.owner or existing.region != bucket.region:
            raise OssError("BucketAlreadyExists", detail={"BucketName": bucket.name})
        if existing.storage_class != bucket.storage_class or existing.redundancy != bucket.redundancy:
            message = "The bucket exists already, with another storage class or redundancy type."
            raise OssError("BucketAlreadyExists", message, {"BucketName": bucket.name})
        set_field(transaction, bucket.name, "acl", bucket.acl)
        return
    (count,) = transaction.execute(
        "SELECT count(*) FROM buckets WHERE owner = ? AND region = ?", (bucket.owner, bucket.region)
    ).fetchone()
    if count >= MAXIMUM_BUCKETS:
        raise OssError("TooManyBuckets")
    transaction.execute(
        "INSERT INTO buckets (name, owner, region, created, storage_class, redundancy, acl, versioning, resource_group)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            bucket.name,
            bucket.owner,
            bucket.region,
            bucket.created,
            bucket.storage_class,
            bucket.redundancy,
            bucket.acl,
            bucket.versioning,
            bucket.resource_group,
        ),
    )


def delete(transaction: Transaction, name: str) -> None:
    """Remove an empty bucket; BucketNotEmpty while it has versions, delete markers or unfinished uploads."""
    bucket = get(transaction, name)
    for table in ("versions", "uploads"):
        statement = f"SELECT 1 FROM {table} WHERE bucket = ? LIMIT 1"  # noqa: S608 (one of two names above)
        if transaction.execute(statement, (bucket.id,)).fetchone() is not None:
            raise OssError("BucketNotEmpty", detail={"BucketName": name})
    transaction.execute("DELETE FROM buckets WHERE id = ?", (bucket.id,))


def set_field(transaction: Transaction, name: str, field: str, value: str) -> None:
    """Change one of a bucket's own properties."""
    if field not in ("acl", "versioning", "resource_group"):
        raise ValueError(f"{field} of a bucket cannot be changed")
    bucket = get(transaction, name)
    transaction.execute(f"UPDATE buckets SET {field} = ? WHERE id = ?", (value, bucket.id))  # noqa: S608


def configuration(source: Source, bucket: Bucket, kind: str) -> str | None:
    """A configuration's stored text, or None where it was never set."""
    row = source.execute(
        "SELECT content FROM configurations WHERE bucket = ? AND kind = ?", (bucket.id, kind)
    ).fetchone()
    return None if row is None else str(row["content"])


def set_configuration(transaction: Transaction, name: str, kind: str, content: str | None) -> None:
    """Store a bucket's configuration; None removes it."""
    bucket = get(transaction, name)
    if content is None:
        transaction.execute("DELETE FROM configurations WHERE bucket = ? AND kind = ?", (bucket.id, kind))
        return
    transaction.execute(
        "INSERT INTO configurations (bucket, kind, content) VALUES (?, ?, ?) "
        "ON CONFLICT (bucket, kind) DO UPDATE SET content = excluded.content",
        (bucket.id, kind, content),
    )


def configured(source: Source, kind: str) -> list[tuple[Bucket, str]]:
    """Every bucket that has this configuration, with its text."""
    rows = source.execute(
        "SELECT buckets.*, content FROM configurations JOIN buckets ON buckets.id = bucket WHERE kind = ?", (kind,)
    ).fetchall()
    return [(Bucket.of(row), str(row["content"])) for row in rows]


def statistics(source: Source, bucket: Bucket) -> tuple[dict[str, tuple[int, int]], int]:
    """Bytes and objects per storage class, and the number of unfinished uploads."""
    rows = source.execute(
        "SELECT storage_class, sum(size) AS bytes, count(*) AS count FROM versions WHERE bucket = ? AND marker = 0 "
        "GROUP BY storage_class",
        (bucket.id,),
    )
    usage = {row["storage_class"]: (row["bytes"], row["count"]) for row in rows}
    (uploads,) = source.execute("SELECT count(*) FROM uploads WHERE bucket = ?", (bucket.id,)).fetchone()
    return usage, uploads

"""Multipart uploads in the database."""

from __future__ import annotations

import json
import secrets

from sandbox.cloud.oss import buckets
from sandbox.cloud.oss.buckets import Source
from sandbox.cloud.oss.database import Transaction
from sandbox.cloud.oss.errors import OssError
from sandbox.cloud.oss.model import Bucket, Draft, Part, Upload, dump_segments


def create(transaction: Transaction, name: str, draft: Draft, now: int) -> str:
    """Begin an upload of what the draft describes; its id."""
    bucket = buckets.get(transaction, name)
    upload = secrets.token_hex(16).upper()
    transaction.execute(
        "INSERT INTO uploads (id, bucket, key, initiated, storage_class, acl, headers, tags) VALUES (?,?,?,?,?,?,?,?)",
        (
            upload,
            bucket.id,
            draft.key,
            now,
            draft.storage_class,
            draft.acl,
            json.dumps(dict(draft.headers)),
            json.dumps(dict(draft.tags)),
        ),
    )
    return upload


def get(source: Source, bucket: Bucket, key: str, upload: str) -> Upload:
    """The upload; NoSuchUpload where there is none of this bucket and key."""
    row = source.execute(
        "SELECT * FROM uploads WHERE id = ? AND bucket = ? AND key = ?", (upload, bucket.id, key)
    ).fetchone()
    if row is None:
        raise OssError("NoSuchUpload", detail={"UploadId": upload})
    return Upload.of(row)


def parts(source: Source, upload: str, after: int = 0, limit: int = -1) -> list[Part]:
    """An upload's parts by number."""
    rows = source.execute(
        "SELECT * FROM parts WHERE upload = ? AND number > ? ORDER BY number LIMIT ?", (upload, after, limit)
    )
    return [Part.of(row) for row in rows]


def put_part(transaction: Transaction, bucket: Bucket, key: str, upload: str, part: Part) -> None:
    """Store a part, over one of the same number."""
    get(transaction, bucket, key, upload)
    row = transaction.execute("SELECT * FROM parts WHERE upload = ? AND number = ?", (upload, part.number)).fetchone()
    if row is not None:
        transaction.discard(segment.name for segment in Part.of(row).segments)
    transaction.execute(
        "INSERT OR REPLACE INTO parts (upload, number, size, etag, crc64, modified, segments) VALUES (?,?,?,?,?,?,?)",
        (
            upload,
            part.number,
            part.size,
            part.etag,
            str(part.crc64),
            part.modified,
            dump_segments(part.segments),
        ),
    )


def close(transaction: Transaction, upload: str, kept: frozenset[int] = frozenset()) -> None:
    """End an upload; the files of the parts that are not `kept` go."""
    for part in parts(transaction, upload):
        if part.number not in kept:
            transaction.discard(segment.name for segment in part.segments)
    transaction.execute("DELETE FROM uploads WHERE id = ?", (upload,))


def listed(
    source: Source, bucket: Bucket, start: str, after: str, upload: str, end: str | None, limit: int
) -> list[Upload]:
    """Uploads in order of key and id: keys from `start` on and before `end`, after (`after`, `upload`).

    With an empty `upload`, all uploads of the key `after` are passed over.
    """
    rows = source.execute(
        "SELECT * FROM uploads WHERE bucket = ? AND key >= ? AND (key != ? OR (? != '' AND id > ?)) AND key < ? "
        "ORDER BY key, id LIMIT ?",
        (bucket.id, max(start, after), after, upload, upload, b"" if end is None else end, limit),
    )
    return [Upload.of(row) for row in rows]

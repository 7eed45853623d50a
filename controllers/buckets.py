"""Buckets with their versions: what backups need of OSS beyond the trainer's object store."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alibabacloud_oss_v2 as oss

from trainer.errors import ChangedError, StoreError
from trainer.storage.oss import OssStore

UNVERSIONED = "null"
ANY = "*"
PART_BYTES = 64 << 20
"""Larger files go up in parts: a lost connection then costs one part."""


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object, as a listing shows it."""

    key: str
    version: str
    etag: str
    size: int
    modified: float
    """Seconds since 1970, to the second."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came with an object's bytes."""

    sha256: str
    crc64: str


class Bucket(OssStore):
    """The objects of one bucket below a prefix; keys are relative to that.

    A prefix is a folder, with or without the `/` at its end. One that ends with `*` is just how names begin: with
    `stacks/qa.*` the object `stacks/qa.json` has the key `json`, and nothing else in `stacks/` is touched.
    """

    def __init__(self, bucket: str, prefix: str, region: str) -> None:
        super().__init__(bucket, prefix, region)
        if prefix.endswith(ANY):
            self._prefix = prefix.removesuffix(ANY)
            self.address = f"oss://{bucket}/{self._prefix}"
        self.name = bucket
        self.prefix = self._prefix
        self.place = f"oss://{bucket}/{prefix}"
        """As `--to` takes it."""
        self.region = region

    def versions(self, prefix: str = "") -> list[ObjectVersion]:
        """The newest version of each object that is there now, by key. Not one moment's state: pages come in turn."""

        def read() -> list[ObjectVersion]:
            request = oss.ListObjectVersionsRequest(bucket=self.name, prefix=self.prefix + prefix, max_keys=1000)
            pages = self._client.list_object_versions_paginator().iter_page(request)
            return [self._version(item) for page in pages for item in page.version or [] if item.is_latest]

        return sorted(self._call(prefix, read), key=lambda found: found.key)

    def _version(self, item: Any) -> ObjectVersion:
        return ObjectVersion(
            item.key.removeprefix(self.prefix),
            item.version_id or UNVERSIONED,
            (item.etag or "").strip('"'),
            int(item.size or 0),
            item.last_modified.timestamp() if item.last_modified else 0.0,
        )

    def fetch(self, found: ObjectVersion, path: Path) -> Fetched:
        """Stream exactly this version into a file. Raises ChangedError where it is another by now (appended to)."""
        pinned = None if found.version == UNVERSIONED else found.version
        request = oss.GetObjectRequest(bucket=self.name, key=self.prefix + found.key, version_id=pinned)
        answer = self._call(found.key, lambda: self._client.get_object_to_file(request, str(path)))
        if found.etag and (answer.etag or "").strip('"') != found.etag:
            raise ChangedError(f"{self.address}{found.key} was changed after it was listed; list it again")
        return Fetched(sha256_of(path), answer.hash_crc64 or "")

    def upload(self, key: str, path: Path) -> None:
        """Stream a file into an object, in parts where it is large."""
        if path.stat().st_size <= PART_BYTES:
            super().upload(key, path)
            return
        request = oss.PutObjectRequest(bucket=self.name, key=self.prefix + key)
        uploader = self._client.uploader(part_size=PART_BYTES, parallel_num=1, leave_parts_on_error=False)
        self._call(key, lambda: uploader.upload_file(request, str(path)))

    def purge(self, prefix: str) -> None:
        """Remove everything below a prefix for good, old versions and delete markers too. For scratch areas only."""
        request = oss.ListObjectVersionsRequest(bucket=self.name, prefix=self.prefix + prefix, max_keys=1000)

        def read() -> list[tuple[str, str | None]]:
            pages = self._client.list_object_versions_paginator().iter_page(request)
            return [
                (item.key, None if item.version_id == UNVERSIONED else item.version_id)
                for page in pages
                for item in [*(page.version or []), *(page.delete_marker or [])]
            ]

        for key, version in self._call(prefix, read):
            gone = oss.DeleteObjectRequest(bucket=self.name, key=key, version_id=version)
            self._call(key, functools.partial(self._client.delete_object, gone))


def sha256_of(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_bucket(address: str, region: str) -> Bucket:
    """`oss://BUCKET[/PREFIX[*]]`. Raises StoreError for anything else."""
    bucket, _, prefix = address.removeprefix("oss://").partition("/")
    if not address.startswith("oss://") or not bucket:
        raise StoreError(f"{address}: write oss://BUCKET or oss://BUCKET/PREFIX")
    if not region:
        raise StoreError(f"{address}: the region is missing; give it, or set ALIBABA_CLOUD_REGION_ID")
    return Bucket(bucket, prefix, region)

"""Where data, checkpoints and models lie: a bucket of OSS, or a directory with the same keys.

An object appears whole or not at all in both: OSS guarantees it, and a directory gets it by rename.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from trainer.errors import DataError, ObjectNotFoundError, SettingsError, StoreError

CHUNK_BYTES = 1 << 20


class ObjectStore(Protocol):
    """Objects by key below one root. Keys use `/` and never begin with it."""

    address: str
    """What to show a user: `oss://bucket/prefix/` or a path."""

    def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """The bytes [start, end) of an object; to its end without `end`. Raises ObjectNotFoundError."""

    def put(self, key: str, data: bytes) -> None:
        """Write a whole object, replacing an older one."""

    def download(self, key: str, path: Path) -> None:
        """Stream an object into a file."""

    def upload(self, key: str, path: Path) -> None:
        """Stream a file into an object."""

    def list(self, prefix: str = "") -> list[str]:
        """Keys that begin with the prefix, sorted."""

    def delete(self, key: str) -> None:
        """Remove an object; none of that key is no error."""


class DirectoryStore:
    """A directory that behaves like a bucket."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.address = f"{root}/"

    def _path(self, key: str) -> Path:
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root.resolve()):
            raise StoreError(f"key {key!r} leaves the directory {self._root}; keys have no '..' and no leading '/'")
        return path

    def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        try:
            with self._path(key).open("rb") as file:
                file.seek(start)
                return file.read() if end is None else file.read(max(0, end - start))
        except (FileNotFoundError, IsADirectoryError) as error:
            raise ObjectNotFoundError(f"no object {key} in {self.address}") from error

    def put(self, key: str, data: bytes) -> None:
        with self._replacing(key) as file:
            file.write(data)

    def download(self, key: str, path: Path) -> None:
        try:
            with self._path(key).open("rb") as source, path.open("wb") as target:
                while chunk := source.read(CHUNK_BYTES):
                    target.write(chunk)
        except FileNotFoundError as error:
            raise ObjectNotFoundError(f"no object {key} in {self.address}") from error

    def upload(self, key: str, path: Path) -> None:
        with path.open("rb") as source, self._replacing(key) as file:
            while chunk := source.read(CHUNK_BYTES):
                file.write(chunk)

    def list(self, prefix: str = "") -> list[str]:
        if not self._root.is_dir():
            return []
        keys = (path.relative_to(self._root).as_posix() for path in self._root.rglob("*") if path.is_file())
        return sorted(key for key in keys if key.startswith(prefix) and ".partial-" not in key)

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _replacing(self, key: str) -> Iterator[Any]:
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f"{path.name}.partial-", dir=path.parent)
        except OSError as error:
            raise StoreError(f"can't write {path}: {error.strerror}") from error
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)  # a temporary file is its owner's alone; pods may run as somebody else
            Path(name).replace(path)
        except OSError as error:
            raise StoreError(f"can't write {path}: {error.strerror}") from error
        finally:
            Path(name).unlink(missing_ok=True)


def open_store(address: str, region: str = "") -> ObjectStore:
    """The store at `oss://bucket/prefix` (needs the region, or $ALIBABA_CLOUD_REGION_ID) or at a directory's path."""
    if not address.startswith("oss://"):
        if "://" in address:
            raise SettingsError(f"{address}: only oss://BUCKET/PREFIX and paths are known")
        return DirectoryStore(Path(address))
    bucket, _, prefix = address.removeprefix("oss://").partition("/")
    if not bucket:
        raise SettingsError(f"{address}: no bucket; write oss://BUCKET/PREFIX")
    region = region or os.environ.get("ALIBABA_CLOUD_REGION_ID") or os.environ.get("ALICLOUD_REGION", "")
    if not region:
        raise SettingsError(f"{address}: the region is missing; give --region or set ALIBABA_CLOUD_REGION_ID")
    from trainer.storage.oss import OssStore  # noqa: PLC0415 - a directory needs no SDK

    return OssStore(bucket, prefix, region)


def checksum(data: bytes) -> str:
    """SHA-256 in hexadecimal, as the manifests hold it."""
    return hashlib.sha256(data).hexdigest()


def get_json(store: ObjectStore, key: str) -> dict[str, Any]:
    """A JSON object. Raises DataError if it isn't one."""
    try:
        value = json.loads(store.get(key))
    except ValueError as error:
        raise DataError(f"{store.address}{key} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise DataError(f"{store.address}{key} holds a {type(value).__name__}, not an object")
    return value


def put_json(store: ObjectStore, key: str, value: dict[str, Any]) -> bytes:
    """Write JSON so that people can read and compare it; returns what was written."""
    data = (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
    store.put(key, data)
    return data

"""Blobs on the disk, under their digest. They are streamed in both directions and never held in memory.

An upload grows in a file of its own, hashed as it comes; once its digest is right it is flushed and renamed. Images
that the sandbox built are not copied: their layers are ranges of their archives (`archives`).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from sandbox.cloud.registry.errors import RegistryError

CHUNK = 1024 * 1024
UPLOAD = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True)
class Extent:
    """Where a blob's bytes are."""

    path: Path
    offset: int
    size: int


@dataclass
class Upload:
    """A blob that is coming in."""

    identifier: str
    path: Path
    size: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    busy: bool = False


class Blobs:
    """The folder of all blobs."""

    def __init__(self, directory: Path) -> None:
        self._blobs = directory / "blobs"
        self._incoming = directory / "uploads"
        for folder in (self._blobs, self._incoming):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._uploads: dict[str, Upload] = {}
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="registry-blobs")
        for stale in self._incoming.iterdir():  # their hashes died with the process: clients begin anew
            stale.unlink(missing_ok=True)

    def find(self, digest: str) -> Extent | None:
        """A stored blob."""
        path = self._path(digest)
        try:
            return Extent(path, 0, path.stat().st_size)
        except FileNotFoundError:
            return None

    def begin(self) -> Upload:
        """A new, empty upload."""
        identifier = secrets.token_hex(16)
        upload = Upload(identifier, self._incoming / identifier)
        upload.path.touch(mode=0o600)
        self._uploads[identifier] = upload
        return upload

    def upload(self, identifier: str) -> Upload:
        """A running upload. Raises RegistryError when there is none."""
        found = self._uploads.get(identifier) if UPLOAD.fullmatch(identifier) else None
        if found is None:
            raise RegistryError("BLOB_UPLOAD_UNKNOWN", "there is no such upload (a restart of the cloud ends uploads)")
        return found

    async def append(self, upload: Upload, source: AsyncIterator[bytes]) -> None:
        """Add what the client sends. Raises RegistryError when another request adds to the same upload."""
        if upload.busy:
            raise RegistryError("BLOB_UPLOAD_INVALID", "another request is writing to this upload")
        upload.busy = True
        loop = asyncio.get_running_loop()
        try:
            held: list[bytes] = []
            size = 0
            with upload.path.open("ab", buffering=0) as file:
                async for data in source:
                    held.append(data)
                    size += len(data)
                    if size >= CHUNK:
                        await loop.run_in_executor(self._pool, _write, file, upload, held)
                        held, size = [], 0
                if held:
                    await loop.run_in_executor(self._pool, _write, file, upload, held)
        finally:
            upload.busy = False

    async def finish(self, upload: Upload, digest: str) -> int:
        """Make an upload the blob of this digest; its size. Raises RegistryError when its content has another."""
        found = f"sha256:{upload.digest.hexdigest()}"
        if found != digest:
            self.discard(upload)
            raise RegistryError("DIGEST_INVALID", f"the content's digest is {found}, not {digest}")
        await asyncio.get_running_loop().run_in_executor(self._pool, _keep, upload.path, self._path(digest))
        self._uploads.pop(upload.identifier, None)
        return upload.size

    def discard(self, upload: Upload) -> None:
        """Forget an upload."""
        self._uploads.pop(upload.identifier, None)
        upload.path.unlink(missing_ok=True)

    def remove(self, digest: str) -> None:
        """Delete a blob that no repository names any more."""
        self._path(digest).unlink(missing_ok=True)

    async def read(self, extent: Extent, start: int, length: int) -> AsyncIterator[bytes]:
        """`length` bytes of a blob from `start` on, a chunk at a time."""
        loop = asyncio.get_running_loop()
        with extent.path.open("rb", buffering=0) as file:
            position, end = extent.offset + start, extent.offset + start + length
            while position < end:
                wanted = min(CHUNK, end - position)
                data = await loop.run_in_executor(self._pool, os.pread, file.fileno(), wanted, position)
                if not data:
                    raise OSError(f"{extent.path} ends at byte {position}")
                position += len(data)
                yield data

    def close(self) -> None:
        """Wait for running reads and writes."""
        self._pool.shutdown()

    def collect_garbage(self, named: set[str]) -> int:
        """Delete blobs that no repository names (a crash, or another state took the old one's place); how many."""
        kept = {blob_path(digest).name for digest in named}
        stale = [path for folder in self._blobs.iterdir() for path in folder.iterdir() if path.name not in kept]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    def _path(self, digest: str) -> Path:
        return self._blobs / blob_path(digest)


def blob_path(digest: str) -> Path:
    """Where a blob lies below the folder of all blobs."""
    name = digest.removeprefix("sha256:")
    return Path(name[:2]) / name


def _write(file: BinaryIO, upload: Upload, blocks: list[bytes]) -> None:
    data = blocks[0] if len(blocks) == 1 else b"".join(blocks)
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
    upload.digest.update(data)
    upload.size += len(data)


def _keep(path: Path, final: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    final.parent.mkdir(exist_ok=True)
    path.rename(final)
    descriptor = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

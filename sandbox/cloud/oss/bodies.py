"""Objects' contents as files: written once, checksummed on the way, never held in memory as a whole.

A body is written under a temporary name, flushed to the disk and renamed; only then may a row of the database name it.
A body that no row names (a crash came in between) is removed at the next start.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO

import aiohttp
import anycrc  # type: ignore[import-untyped]

from sandbox.cloud.oss.errors import OssError

CHUNK = 1024 * 1024
"""Bytes handled at once by a worker thread: enough that the hand-over costs little, little enough for many clients."""

INLINE = 64 * 1024
"""Bytes of an answer that is read without a worker thread: the hand-over would cost more than the read."""

_crc64 = anycrc.Model("CRC64-XZ")


def crc64(data: bytes, previous: int = 0) -> int:
    """CRC-64/XZ (the ECMA-182 polynomial, reflected), as OSS and its SDKs calculate it."""
    return int(_crc64.calc(data, previous))


def combine_crc64(first: int, second: int, second_size: int) -> int:
    """The checksum of two pieces in a row, from each one's own and the second's length in bytes."""
    return int(_crc64.combine(first, second, second_size))


@dataclass(frozen=True)
class Segment:
    """A file of a body: an object's content is one segment or, after multipart upload and append, several in a row."""

    name: str
    size: int


@dataclass(frozen=True)
class Body:
    """A stored content and its checksums."""

    segments: tuple[Segment, ...]
    size: int
    md5: str
    crc64: int


class Bodies:
    """The folder that holds all contents."""

    def __init__(self, directory: Path) -> None:
        self._objects = directory / "objects"
        self._incoming = directory / "incoming"
        for folder in (self._incoming, self._objects):
            folder.mkdir(parents=True, exist_ok=True)
        self.pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="object-bodies")

    def path(self, name: str) -> Path:
        """Where a segment lies."""
        return self._objects / name[:2] / name

    async def receive(
        self, stream: aiohttp.StreamReader, size: int | None, md5: bytes | None, initial_crc64: int = 0
    ) -> Body:
        """Store what the client sends; IncompleteBody or BadDigest where size or MD5 differ from those announced.

        `initial_crc64` continues the checksum of an object that this body is appended to.
        """

        def check(upload: _Upload) -> None:
            if size is not None and upload.size != size:
                raise OssError("IncompleteBody", f"Content-Length announced {size} bytes, {upload.size} came.")
            if md5 is not None and upload.digest.digest() != md5:
                expected, calculated = (base64.b64encode(one).decode() for one in (md5, upload.digest.digest()))
                raise OssError("BadDigest", detail={"ClientDigest": expected, "ServerDigest": calculated})

        return await self.store(stream.iter_any(), initial_crc64, check)

    async def store(
        self,
        source: AsyncIterator[bytes],
        initial_crc64: int = 0,
        check: Callable[[_Upload], None] = lambda upload: None,
    ) -> Body:
        """Store a content that comes in pieces; `check` may refuse it before it becomes durable."""
        loop = asyncio.get_running_loop()
        upload = _Upload(self._incoming, initial_crc64)
        held: list[bytes] = []
        try:
            # The last block is written together with what ends the upload: one hand-over for a small object.
            async for block in _blocks(source):
                if held:
                    await loop.run_in_executor(self.pool, upload.write, held)
                held = block
            await loop.run_in_executor(self.pool, upload.finish, held, check, self.path(upload.name))
        except BaseException:
            upload.discard()
            raise
        segments = (Segment(upload.name, upload.size),) if upload.size else ()
        return Body(segments, upload.size, upload.digest.hexdigest().upper(), upload.crc64)

    def link(self, segments: Iterable[Segment]) -> tuple[Segment, ...]:
        """A second set of segments with the same content; costs no space, as bodies never change."""
        copies = []
        for segment in segments:
            copy = Segment(secrets.token_hex(16), segment.size)
            path = self.path(copy.name)
            _make_folder(path.parent)
            os.link(self.path(segment.name), path)
            _flush_folder(path.parent)
            copies.append(copy)
        return tuple(copies)

    def remove(self, names: Iterable[str]) -> None:
        """Delete segments' files; those already gone are passed over."""
        for name in names:
            self.path(name).unlink(missing_ok=True)

    def open(self, segments: Iterable[Segment]) -> list[BinaryIO]:
        """Open the files at once, so that an overwrite in the middle of a download does no harm.

        Raises FileNotFoundError where the object has just been replaced: look its row up again.
        """
        files: list[BinaryIO] = []
        try:
            for segment in segments:
                files.append(self.path(segment.name).open("rb", buffering=0))
        except FileNotFoundError:
            for file in files:
                file.close()
            raise
        return files

    async def read(
        self, segments: tuple[Segment, ...], files: list[BinaryIO], start: int, length: int
    ) -> AsyncIterator[bytes]:
        """`length` bytes of the content from `start` on, a chunk at a time."""
        loop = asyncio.get_running_loop()
        for file, offset, count in spans(segments, files, start, length):
            position = offset
            while position < offset + count:
                wanted = min(CHUNK // 4, offset + count - position)
                if length <= INLINE:
                    data = os.pread(file.fileno(), wanted, position)
                else:
                    data = await loop.run_in_executor(self.pool, os.pread, file.fileno(), wanted, position)
                if not data:
                    raise OSError(f"{file.name} ends at byte {position}; the database says that it is longer")
                position += len(data)
                yield data

    def collect_garbage(self, named: set[str]) -> int:
        """Delete what a crash left: unfinished uploads and files that no row names; how many."""
        stale = list(self._incoming.iterdir())
        stale += [path for folder in self._objects.iterdir() for path in folder.iterdir() if path.name not in named]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    def close(self) -> None:
        """Wait for running reads and writes."""
        self.pool.shutdown()


class _Upload:
    """A body while it comes in; `write` and `finish` run in worker threads, one at a time."""

    def __init__(self, folder: Path, initial_crc64: int) -> None:
        self.name = secrets.token_hex(16)
        self.size = 0
        self.crc64 = initial_crc64
        self.digest = hashlib.md5(usedforsecurity=False)
        self._path = folder / self.name
        self._file: FileIO | None = None

    def write(self, block: list[bytes]) -> None:
        """Store and checksum a block."""
        data = block[0] if len(block) == 1 else b"".join(block)
        if self._file is None:
            self._file = FileIO(self._path, "xb")
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self.digest.update(data)
        self.crc64 = crc64(data, self.crc64)
        self.size += len(data)

    def finish(self, block: list[bytes], check: Callable[[_Upload], None], path: Path) -> None:
        """Store the last block and, unless `check` refuses the whole, make the body durable under its final name."""
        if block:
            self.write(block)
        check(self)
        if self._file is None:
            return
        os.fsync(self._file.fileno())
        self._file.close()
        _make_folder(path.parent)
        self._path.rename(path)
        _flush_folder(path.parent)

    def discard(self) -> None:
        """Forget an upload that failed."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


def spans(
    segments: tuple[Segment, ...], files: list[BinaryIO], start: int, length: int
) -> Iterator[tuple[BinaryIO, int, int]]:
    """Which bytes of which files (file, offset, count) make up a range of the content."""
    end = start + length
    begin = 0
    for segment, file in zip(segments, files, strict=True):
        first, last = max(start, begin), min(end, begin + segment.size)
        if first < last:
            yield file, first - begin, last - first
        begin += segment.size


async def _blocks(source: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """What arrives, gathered into blocks of about CHUNK bytes."""
    pending: list[bytes] = []
    size = 0
    async for data in source:
        pending.append(data)
        size += len(data)
        if size >= CHUNK:
            yield pending
            pending, size = [], 0
    if pending:
        yield pending


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(exist_ok=True)
        _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

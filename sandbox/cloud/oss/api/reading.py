"""Operations that read objects: GetObject, HeadObject, GetObjectMeta, GetSymlink."""

from __future__ import annotations

from typing import BinaryIO
from urllib.parse import quote

from aiohttp import web

from sandbox.cloud.oss import buckets, objects
from sandbox.cloud.oss.api import conditions
from sandbox.cloud.oss.api.call import Call
from sandbox.cloud.oss.api.object_headers import describe, overrides, summary
from sandbox.cloud.oss.errors import OssError, not_implemented
from sandbox.cloud.oss.model import FROZEN_CLASSES, ObjectVersion

MAXIMUM_ATTEMPTS = 5
"""How often a download looks an object up again when it was replaced between looking it up and opening it."""


async def get_object(call: Call) -> web.StreamResponse:
    """GetObject, whole or a range."""
    if call.target.has("x-oss-process"):
        raise not_implemented("x-oss-process of GetObject")
    for _ in range(MAXIMUM_ATTEMPTS):
        found = await _visible(call)
        conditions.check(call.request.headers, found)
        _check_readable(call, found)
        wanted = _range(call, found)
        try:
            files = call.backend.bodies.open(found.segments)
        except FileNotFoundError:
            continue
        try:
            return await _send(call, found, files, wanted)
        finally:
            for file in files:
                file.close()
    raise OssError("InternalError", f"{call.key} was replaced {MAXIMUM_ATTEMPTS} times while it was being opened.")


async def head_object(call: Call) -> web.StreamResponse:
    """HeadObject."""
    found = await _visible(call)
    conditions.check(call.request.headers, found)
    return await call.start(200, _headers(call, found), found.size)


async def get_object_meta(call: Call) -> web.StreamResponse:
    """GetObjectMeta: size, ETag and time only; a symbolic link's own."""
    found = objects.get(call.backend.database.reader, call.bucket, call.key, call.version)
    return await call.start(200, summary(call, found), found.size)


async def get_symlink(call: Call) -> web.StreamResponse:
    """GetSymlink: the name that a symbolic link points to."""
    found = objects.get(call.backend.database.reader, call.bucket, call.key, call.version)
    if found.kind != "Symlink":
        raise OssError("NotSymlink", detail={"Key": call.key})
    headers = {"x-oss-symlink-target": quote(found.symlink, safe="/"), "ETag": f'"{found.etag}"'}
    if call.bucket.versioning:
        headers["x-oss-version-id"] = found.version
    return call.empty(headers=headers)


async def _visible(call: Call) -> ObjectVersion:
    """The version that the call reads, behind a symbolic link."""
    reader = call.backend.database.reader
    # The bucket is read again, as versioning may have been switched on since.
    found = objects.get(reader, buckets.get(reader, call.bucket.name), call.key, call.version)
    if found.kind != "Symlink":
        return found
    target = objects.find(reader, call.bucket, found.symlink)
    if target is None or target.marker:
        raise OssError("SymlinkTargetNotExist", detail={"Key": found.symlink})
    return target


def _check_readable(call: Call, found: ObjectVersion) -> None:
    if found.storage_class not in FROZEN_CLASSES or found.restored_until > call.now:
        return
    direct = buckets.configuration(call.backend.database.reader, call.bucket, "bucketArchiveDirectRead") or ""
    if found.storage_class == "Archive" and "<Enabled>true<" in direct:
        return
    raise OssError("InvalidObjectState", detail={"ObjectName": found.key, "StorageClass": found.storage_class})


def _range(call: Call, found: ObjectVersion) -> tuple[int, int] | None:
    value = call.header("Range")
    standard = call.header("x-oss-range-behavior").lower() == "standard"
    return conditions.byte_range(value, found.size, standard=standard) if value else None


def _headers(call: Call, found: ObjectVersion) -> dict[str, str]:
    return describe(call, found) | overrides(call)


async def _send(
    call: Call, found: ObjectVersion, files: list[BinaryIO], wanted: tuple[int, int] | None
) -> web.StreamResponse:
    start, length = wanted if wanted is not None else (0, found.size)
    headers = _headers(call, found)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{found.size}"
    response = await call.start(200 if wanted is None else 206, headers, length)
    async for chunk in call.backend.bodies.read(found.segments, files, start, length):
        await response.write(chunk)
    await response.write_eof()
    return response

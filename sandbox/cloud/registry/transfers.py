"""Blobs over HTTP: downloads with ranges, uploads in one piece or in chunks, and mounts from other repositories."""

from __future__ import annotations

import re

from aiohttp import web

from sandbox.cloud.registry.addressing import NAME, check_digest
from sandbox.cloud.registry.blobs import Extent, Upload
from sandbox.cloud.registry.call import VERSION_HEADER, Call
from sandbox.cloud.registry.errors import RegistryError

RANGE = re.compile(r"bytes=(\d+)-(\d*)")
CONTENT_RANGE = re.compile(r"(?:bytes )?(\d{1,15})-(\d{1,15})(?:/\d+)?")


async def get_blob(call: Call) -> web.StreamResponse:
    """A blob or a range of it."""
    digest = check_digest(call.rest)
    extent = find_blob(call, digest)
    if extent is None:
        raise RegistryError("BLOB_UNKNOWN", f"{call.name} has no blob {digest}")
    start, end = _range(call.request, extent.size)
    headers = {**VERSION_HEADER, "Docker-Content-Digest": digest, "Accept-Ranges": "bytes", "ETag": f'"{digest}"'}
    headers["Content-Length"] = str(end - start)
    status = 200
    if end - start != extent.size:
        status, headers["Content-Range"] = 206, f"bytes {start}-{end - 1}/{extent.size}"
    response = web.StreamResponse(status=status, headers=headers)
    response.content_type = "application/octet-stream"
    await response.prepare(call.request)
    if call.request.method == "GET":
        async for data in call.backend.blobs.read(extent, start, end - start):
            await response.write(data)
    await response.write_eof()
    return response


def find_blob(call: Call, digest: str) -> Extent | None:
    """A blob that was pushed to the repository, or a layer of what the sandbox built."""
    if call.backend.catalogue.has_blob(call.key, digest):
        return call.backend.blobs.find(digest)
    return call.backend.built.blob(call.hosts, call.name, digest)


async def delete_blob(call: Call) -> web.StreamResponse:
    """Take a blob out of a repository."""
    digest = check_digest(call.rest)
    if not call.backend.catalogue.has_blob(call.key, digest):
        raise RegistryError("BLOB_UNKNOWN", f"{call.name} has no blob {digest}")
    if call.backend.catalogue.delete_blob(call.key, digest):
        call.backend.blobs.remove(digest)
    return web.Response(status=202, headers=VERSION_HEADER)


async def begin_upload(call: Call) -> web.StreamResponse:
    """Begin an upload; or mount a blob of another repository, or take a whole blob at once."""
    if call.rest:
        raise RegistryError("UNSUPPORTED", "an upload is begun at blobs/uploads/")
    key, query = call.key_for_push(), call.request.query
    if "mount" in query and _mount(call, key, check_digest(query["mount"]), query.get("from", "")):
        return _created(call, query["mount"])
    upload = call.backend.blobs.begin()
    if "digest" in query:
        return await _finish(call, key, upload, query["digest"])
    return _state(call, upload, 202)


async def continue_upload(call: Call) -> web.StreamResponse:
    """Add a chunk, or all that comes."""
    upload = call.backend.blobs.upload(call.rest)
    _check_position(call.request, upload)
    await call.backend.blobs.append(upload, call.request.content.iter_any())
    return _state(call, upload, 202)


async def finish_upload(call: Call) -> web.StreamResponse:
    """Add the last chunk, if any, and check the digest."""
    upload = call.backend.blobs.upload(call.rest)
    digest = call.request.query.get("digest", "")
    _check_position(call.request, upload)
    return await _finish(call, call.key_for_push(), upload, digest)


async def upload_state(call: Call) -> web.StreamResponse:
    """How much of an upload is there."""
    return _state(call, call.backend.blobs.upload(call.rest), 204)


async def cancel_upload(call: Call) -> web.StreamResponse:
    """Forget an upload."""
    call.backend.blobs.discard(call.backend.blobs.upload(call.rest))
    return web.Response(status=204, headers=VERSION_HEADER)


async def _finish(call: Call, key: str, upload: Upload, digest: str) -> web.StreamResponse:
    check_digest(digest)
    await call.backend.blobs.append(upload, call.request.content.iter_any())
    await call.backend.blobs.finish(upload, digest)
    call.backend.catalogue.add_blob(key, digest)
    return _created(call, digest)


def _mount(call: Call, key: str, digest: str, source: str) -> bool:
    """Let a blob of another repository be read here, too; whether it could be. The token was asked for both."""
    catalogue, repositories = call.backend.catalogue, call.backend.repositories
    other = repositories.key_of(call.registry, source) if NAME.fullmatch(source) else None
    if other is None or not catalogue.has_blob(other, digest) or call.backend.blobs.find(digest) is None:
        return False
    if not call.allows(source, "pull"):
        return False
    catalogue.add_blob(key, digest)
    return True


def _created(call: Call, digest: str) -> web.Response:
    location = call.location(f"blobs/{digest}")
    headers = {**VERSION_HEADER, "Location": location, "Docker-Content-Digest": digest}
    return web.Response(status=201, headers=headers)


def _state(call: Call, upload: Upload, status: int) -> web.Response:
    headers = {
        **VERSION_HEADER,
        "Location": call.location(f"blobs/uploads/{upload.identifier}"),
        "Docker-Upload-UUID": upload.identifier,
        "Range": f"0-{max(0, upload.size - 1)}",
    }
    return web.Response(status=status, headers=headers)


def _check_position(request: web.Request, upload: Upload) -> None:
    """A chunk that says where it belongs must belong at the end."""
    match = CONTENT_RANGE.fullmatch(request.headers.get("Content-Range", ""))
    if match is not None and int(match[1]) != upload.size:
        headers = {"Range": f"0-{max(0, upload.size - 1)}"}
        message = f"the chunk begins at {match[1]}, but {upload.size} bytes are there"
        raise RegistryError("BLOB_UPLOAD_INVALID", message, headers)


def _range(request: web.Request, size: int) -> tuple[int, int]:
    """The bytes [start, end) that a request wants. Raises RegistryError when there are none such."""
    match = RANGE.fullmatch(request.headers.get("Range", ""))
    if match is None:
        return 0, size
    start = int(match[1])
    end = min(int(match[2]) + 1, size) if match[2] else size
    if start >= size or end <= start:
        raise RegistryError("SIZE_INVALID", f"bytes {start} to {end} are not in {size}", status=416)
    return start, end

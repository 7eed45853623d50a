"""Operations that write and delete objects."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import unquote

from aiohttp import web

from sandbox.cloud.oss import buckets, objects, replication_queue, xml
from sandbox.cloud.oss.addressing import check_key
from sandbox.cloud.oss.api import conditions
from sandbox.cloud.oss.api.call import Call
from sandbox.cloud.oss.api.object_headers import content_headers, draft, forbids_overwrite, header_tags
from sandbox.cloud.oss.bodies import Body, Segment
from sandbox.cloud.oss.database import Transaction
from sandbox.cloud.oss.errors import OssError, invalid_argument, malformed_xml
from sandbox.cloud.oss.model import FROZEN_CLASSES, MAXIMUM_BODY, Bucket, Draft, ObjectVersion
from sandbox.cloud.oss.times import iso

MAXIMUM_BATCH = 1000
"""Objects that one DeleteMultipleObjects may name."""


async def put_object(call: Call) -> web.StreamResponse:
    """PutObject, or CopyObject where the request names a source."""
    check_key(call.key)
    if "x-oss-copy-source" in call.request.headers:
        return await copy_object(call)
    described = draft(call, call.key)
    forbid = forbids_overwrite(call)
    if forbid:  # refuse before gigabytes come in; the transaction checks again
        _check_free(call)
    body = await receive(call)
    content = Draft(**(vars(described) | _of_body(body)))
    return await _store(call, content, forbid_overwrite=forbid)


async def receive(call: Call, initial_crc64: int = 0) -> Body:
    """Store the request's body."""
    size = call.request.content_length
    if size is None and call.request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        raise OssError("MissingContentLength")
    if size is not None and size > MAXIMUM_BODY:
        raise OssError("EntityTooLarge", detail={"MaxSizeAllowed": str(MAXIMUM_BODY), "ProposedSize": str(size)})
    return await call.backend.bodies.receive(call.request.content, size, call.content_md5(), initial_crc64)


async def copy_object(call: Call) -> web.StreamResponse:
    """CopyObject: no bytes move, the copy has the same files under further names."""
    source_bucket, source = find_source(call)
    if source.storage_class in FROZEN_CLASSES and source.restored_until <= call.now:
        raise OssError("InvalidObjectState", detail={"ObjectName": source.key})
    described = draft(call, call.key)
    values = vars(described) | {"kind": source.kind, "size": source.size, "etag": source.etag, "crc64": source.crc64}
    values |= {"symlink": source.symlink, "next_position": source.next_position}
    if _directive(call, "x-oss-metadata-directive") == "COPY":
        encryption = {name: value for name, value in described.headers.items() if name.startswith("x-oss-server-side")}
        kept = {name: value for name, value in source.headers.items() if not name.startswith("x-oss-server-side")}
        values["headers"] = kept | encryption
    else:
        values["headers"] = {**described.headers, **content_headers(call)}
    tags = _directive(call, "x-oss-tagging-directive", "Copy")
    values["tags"] = dict(source.tags) if tags == "COPY" else header_tags(call)
    forbid = forbids_overwrite(call)
    segments = await link(call, source.segments)
    response = await _store(call, Draft(**(values | {"segments": segments})), forbid_overwrite=forbid)
    if source_bucket.versioning:
        response.headers["x-oss-copy-source-version-id"] = source.version
    parts = [xml.tag("ETag", f'"{source.etag}"'), xml.tag("LastModified", iso(call.now))]
    return call.answer("CopyObjectResult", *parts, headers=dict(response.headers))


async def link(call: Call, segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Further names for a source's files; NoSuchKey where it was replaced a moment ago."""
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(call.backend.bodies.pool, call.backend.bodies.link, segments)
    except FileNotFoundError as error:
        raise OssError("NoSuchKey", "The source was replaced or deleted while it was being copied.") from error


def find_source(call: Call) -> tuple[Bucket, ObjectVersion]:
    """The version that x-oss-copy-source names; the caller must be allowed to read it."""
    value = call.header("x-oss-copy-source")
    path, _, query = value.partition("?")
    bucket_name, _, key = unquote(path).removeprefix("/").partition("/")
    version = query.removeprefix("versionId=") if query.startswith("versionId=") else ""
    if not bucket_name or not key:
        raise invalid_argument("x-oss-copy-source is /bucket/key.", "x-oss-copy-source", value)
    reader = call.backend.database.reader
    bucket = buckets.get(reader, bucket_name)
    found = objects.find(reader, bucket, key, version)
    acl = found.acl if found is not None else "default"
    call.authorize("oss:GetObjectVersion" if version else "oss:GetObject", bucket, key, acl)
    found = objects.get(reader, bucket, key, version)
    conditions.check(call.request.headers, found, prefix="x-oss-copy-source-")
    return bucket, found


async def append_object(call: Call) -> web.StreamResponse:
    """AppendObject: at exactly the object's present end."""
    check_key(call.key)
    position = call.target.get("position")
    if not position.isascii() or not position.isdigit():
        raise invalid_argument("position is a whole number of bytes.", "position", position)
    described = draft(call, call.key)
    reader = call.backend.database.reader
    present = _appendable(objects.find(reader, call.bucket, call.key), int(position))
    body = await receive(call, present.crc64 if present is not None else 0)

    def store(transaction: Transaction) -> tuple[ObjectVersion | None, Draft, str]:
        bucket = buckets.get(transaction, call.bucket.name)
        current = _appendable(objects.find(transaction, bucket, call.key), int(position))
        base = current if current is not None else described
        end = int(position) + body.size
        grown = {
            "kind": "Appendable",
            "size": end,
            "etag": f"{body.crc64:016X}" + "0" * 16,
            "crc64": body.crc64,
            "segments": (*base.segments, *body.segments),
            "next_position": end,
        }
        values = {name: getattr(base, name) for name in Draft.__dataclass_fields__} | grown
        content = Draft(**values)
        if current is None:
            return current, content, objects.put(transaction, bucket.name, content, call.now)
        objects.replace(transaction, current, content, call.now)
        replication_queue.changed(transaction, bucket, call.key, current.version, call.now)
        return current, content, current.version if bucket.versioning else ""

    _, content, version = await call.backend.database.write(store, [segment.name for segment in body.segments])
    headers = {
        "ETag": f'"{content.etag}"',
        "x-oss-hash-crc64ecma": str(content.crc64),
        "x-oss-next-append-position": str(content.size),
    }
    if version:
        headers["x-oss-version-id"] = version
    return call.empty(headers=headers)


async def put_symlink(call: Call) -> web.StreamResponse:
    """PutSymlink: the target need not exist."""
    check_key(call.key)
    target = unquote(call.header("x-oss-symlink-target"))
    check_key(target)
    described = draft(call, call.key)
    content = Draft(**(vars(described) | {"kind": "Symlink", "symlink": target, "etag": "0" * 32}))
    return await _store(call, content, forbid_overwrite=forbids_overwrite(call))


async def delete_object(call: Call) -> web.StreamResponse:
    """DeleteObject."""
    version, marker = await call.backend.database.write(
        lambda transaction: objects.delete(transaction, call.bucket.name, call.key, call.version, call.now)
    )
    headers = {"x-oss-version-id": version} if version else {}
    if marker:
        headers["x-oss-delete-marker"] = "true"
    return call.empty(204, headers)


async def delete_objects(call: Call) -> web.StreamResponse:
    """DeleteMultipleObjects: up to 1000 objects or versions in one transaction."""
    root = await call.document("Delete")
    named = [(element.findtext("Key") or "", xml.text(element, "VersionId")) for element in root.findall("Object")]
    if not 1 <= len(named) <= MAXIMUM_BATCH:
        raise malformed_xml(f"Delete names 1 to {MAXIMUM_BATCH} objects; this one names {len(named)}.")
    for key, version in named:
        check_key(key)
        call.authorize("oss:DeleteObjectVersion" if version else "oss:DeleteObject", call.bucket, key)

    def remove(transaction: Transaction) -> list[tuple[str, bool]]:
        return [objects.delete(transaction, call.bucket.name, key, version, call.now) for key, version in named]

    outcomes = await call.backend.database.write(remove)
    if xml.text(root, "Quiet") == "true":
        return call.answer("DeleteResult")
    parts = [xml.tag("EncodingType", call.target.get("encoding-type") or None)]
    for (key, version), (affected, marker) in zip(named, outcomes, strict=True):
        entry = [xml.tag("Key", call.encode(key)), xml.tag("VersionId", version or None)]
        if marker:
            entry += [xml.tag("DeleteMarker", "true"), xml.tag("DeleteMarkerVersionId", affected)]
        parts.append(xml.wrap("Deleted", entry))
    return call.answer("DeleteResult", *parts)


async def _store(call: Call, content: Draft, *, forbid_overwrite: bool) -> web.Response:
    version = await call.backend.database.write(
        lambda transaction: objects.put(
            transaction, call.bucket.name, content, call.now, forbid_overwrite=forbid_overwrite
        ),
        [segment.name for segment in content.segments],
    )
    headers = {"ETag": f'"{content.etag}"', "x-oss-hash-crc64ecma": str(content.crc64)}
    headers |= {name: value for name, value in content.headers.items() if name.startswith("x-oss-server-side")}
    if version:
        headers["x-oss-version-id"] = version
    return call.empty(headers=headers)


def _of_body(body: Body) -> dict[str, object]:
    return {"size": body.size, "etag": body.md5, "crc64": body.crc64, "segments": body.segments}


def _check_free(call: Call) -> None:
    if not call.bucket.versioning and objects.find(call.backend.database.reader, call.bucket, call.key) is not None:
        raise OssError("FileAlreadyExists", detail={"Key": call.key})


def _appendable(present: ObjectVersion | None, position: int) -> ObjectVersion | None:
    """The object to append to (None: a new one); errors where it is of another kind, or ends elsewhere."""
    if present is not None and present.marker:
        present = None
    if present is not None and present.kind != "Appendable":
        raise OssError("ObjectNotAppendable", detail={"Key": present.key})
    end = present.size if present is not None else 0
    if position != end:
        headers = {"x-oss-next-append-position": str(end)}
        raise OssError("PositionNotEqualToLength", detail={"Position": str(position)}, headers=headers)
    return present


def _directive(call: Call, name: str, default: str = "COPY") -> str:
    value = call.header(name, default).upper()
    if value not in ("COPY", "REPLACE"):
        raise invalid_argument(f"{name} is COPY or REPLACE.", name, value)
    return value

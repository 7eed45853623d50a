"""Multipart uploads: an object that comes in parts, in any order, and is put together without moving a byte."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import reduce
from itertools import pairwise

from aiohttp import web

from sandbox.cloud.oss import buckets, objects, uploads, xml
from sandbox.cloud.oss.addressing import check_key
from sandbox.cloud.oss.api.call import Call
from sandbox.cloud.oss.api.object_headers import draft, forbids_overwrite
from sandbox.cloud.oss.api.writing import find_source, link, receive
from sandbox.cloud.oss.bodies import combine_crc64, crc64
from sandbox.cloud.oss.database import Transaction
from sandbox.cloud.oss.errors import OssError, invalid_argument, malformed_xml
from sandbox.cloud.oss.model import MAXIMUM_PART_NUMBER, MULTIPART_THRESHOLD, Draft, ObjectVersion, Part, Upload
from sandbox.cloud.oss.times import iso

Named = Sequence[tuple[int, str]]
"""Parts as CompleteMultipartUpload names them: number and ETag."""


async def initiate(call: Call) -> web.StreamResponse:
    """InitiateMultipartUpload."""
    check_key(call.key)
    described = draft(call, call.key)
    if forbids_overwrite(call):
        _check_free(call)
    upload = await call.backend.database.write(
        lambda transaction: uploads.create(transaction, call.bucket.name, described, call.now)
    )
    return call.answer(
        "InitiateMultipartUploadResult",
        xml.tag("EncodingType", call.target.get("encoding-type") or None),
        xml.tag("Bucket", call.bucket.name),
        xml.tag("Key", call.encode(call.key)),
        xml.tag("UploadId", upload),
        headers={name: value for name, value in described.headers.items() if name.startswith("x-oss-server-side")},
    )


async def upload_part(call: Call) -> web.StreamResponse:
    """UploadPart, or UploadPartCopy where the request names a source."""
    number = call.number("partNumber", 0, 1, MAXIMUM_PART_NUMBER)
    if not number:
        raise invalid_argument("UploadPart needs partNumber.", "partNumber")
    _upload(call)
    if "x-oss-copy-source" in call.request.headers:
        return await _copy_part(call, number)
    body = await receive(call)
    part = Part(number, body.size, body.md5, body.crc64, call.now, body.segments)
    await _store(call, part)
    return call.empty(headers={"ETag": f'"{part.etag}"', "x-oss-hash-crc64ecma": str(part.crc64)})


async def list_parts(call: Call) -> web.StreamResponse:
    """ListParts."""
    upload = _upload(call)
    limit = call.number("max-parts", 1000, 1, 1000)
    marker = call.number("part-number-marker", 0, 0, MAXIMUM_PART_NUMBER)
    found = uploads.parts(call.backend.database.reader, upload.id, marker, limit + 1)
    truncated, found = len(found) > limit, found[:limit]
    entries = [
        xml.wrap(
            "Part",
            [
                xml.tag("PartNumber", part.number),
                xml.tag("LastModified", iso(part.modified)),
                xml.tag("ETag", f'"{part.etag}"'),
                xml.tag("HashCrc64ecma", part.crc64),
                xml.tag("Size", part.size),
            ],
        )
        for part in found
    ]
    return call.answer(
        "ListPartsResult",
        xml.tag("EncodingType", call.target.get("encoding-type") or None),
        xml.tag("Bucket", call.bucket.name),
        xml.tag("Key", call.encode(call.key)),
        xml.tag("UploadId", upload.id),
        xml.tag("StorageClass", upload.storage_class),
        xml.tag("PartNumberMarker", marker),
        xml.tag("NextPartNumberMarker", found[-1].number if found else marker),
        xml.tag("MaxParts", limit),
        xml.tag("IsTruncated", xml.boolean(truncated)),
        *entries,
    )


async def complete(call: Call) -> web.StreamResponse:
    """CompleteMultipartUpload: the parts that the body names, or all of them."""
    everything = call.header("x-oss-complete-all").lower() == "yes"
    named = None if everything else _named(await call.document("CompleteMultipartUpload"))
    _upload(call)
    forbid = forbids_overwrite(call)

    def assemble(transaction: Transaction) -> tuple[Draft, str]:
        bucket = buckets.get(transaction, call.bucket.name)
        upload = uploads.get(transaction, bucket, call.key, call.target.get("uploadId"))
        parts = _chosen(uploads.parts(transaction, upload.id), named)
        content = _joined(upload, parts)
        version = objects.put(transaction, bucket.name, content, call.now, forbid_overwrite=forbid)
        uploads.close(transaction, upload.id, frozenset(part.number for part in parts))
        return content, version

    content, version = await call.backend.database.write(assemble)
    headers = {"ETag": f'"{content.etag}"', "x-oss-hash-crc64ecma": str(content.crc64)}
    if version:
        headers["x-oss-version-id"] = version
    return call.answer(
        "CompleteMultipartUploadResult",
        xml.tag("EncodingType", call.target.get("encoding-type") or None),
        xml.tag("Location", f"{call.request.scheme}://{call.request.host}{call.request.path}"),
        xml.tag("Bucket", call.bucket.name),
        xml.tag("Key", call.encode(call.key)),
        xml.tag("ETag", f'"{content.etag}"'),
        headers=headers,
    )


async def abort(call: Call) -> web.StreamResponse:
    """AbortMultipartUpload."""
    identifier = _upload(call).id

    def close(transaction: Transaction) -> None:
        bucket = buckets.get(transaction, call.bucket.name)
        uploads.close(transaction, uploads.get(transaction, bucket, call.key, identifier).id)

    await call.backend.database.write(close)
    return call.empty(204)


async def _copy_part(call: Call, number: int) -> web.StreamResponse:
    """A part from (a range of) an object: the whole is linked, a range is read and written again."""
    _, source = find_source(call)
    wanted = _copy_range(call, source)
    if wanted == (0, source.size):
        segments = await link(call, source.segments)
        part = Part(number, source.size, source.etag, source.crc64, call.now, segments)
    else:
        files = call.backend.bodies.open(source.segments)
        try:
            body = await call.backend.bodies.store(call.backend.bodies.read(source.segments, files, *wanted))
        finally:
            for file in files:
                file.close()
        part = Part(number, body.size, body.md5, body.crc64, call.now, body.segments)
    await _store(call, part)
    headers = {"ETag": f'"{part.etag}"', "x-oss-hash-crc64ecma": str(part.crc64)}
    return call.answer(
        "CopyPartResult", xml.tag("LastModified", iso(call.now)), xml.tag("ETag", f'"{part.etag}"'), headers=headers
    )


def _copy_range(call: Call, source: ObjectVersion) -> tuple[int, int]:
    value = call.header("x-oss-copy-source-range")
    if not value:
        return 0, source.size
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", value.strip())
    if not found or not int(found[1]) <= int(found[2]) < source.size:
        raise invalid_argument(
            f"The range is not within the source's {source.size} bytes.", "x-oss-copy-source-range", value
        )
    return int(found[1]), int(found[2]) - int(found[1]) + 1


async def _store(call: Call, part: Part) -> None:
    await call.backend.database.write(
        lambda transaction: uploads.put_part(transaction, call.bucket, call.key, call.target.get("uploadId"), part),
        [segment.name for segment in part.segments],
    )


def _upload(call: Call) -> Upload:
    return uploads.get(call.backend.database.reader, call.bucket, call.key, call.target.get("uploadId"))


def _named(root: xml.Element) -> Named:
    named = []
    for element in root.findall("Part"):
        number = xml.text(element, "PartNumber")
        if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= MAXIMUM_PART_NUMBER:
            raise invalid_argument(f"A part's number is 1 to {MAXIMUM_PART_NUMBER}.", "PartNumber", number)
        named.append((int(number), xml.text(element, "ETag").strip('"').upper()))
    if not named:
        raise malformed_xml("CompleteMultipartUpload names no part.")
    if any(first[0] >= second[0] for first, second in pairwise(named)):
        raise OssError("InvalidPartOrder")
    return named


def _chosen(stored: list[Part], named: Named | None) -> list[Part]:
    by_number = {part.number: part for part in stored}
    chosen = stored
    if named is not None:
        chosen = []
        for number, etag in named:
            part = by_number.get(number)
            if part is None or part.etag != etag:
                raise OssError("InvalidPart", detail={"PartNumber": str(number), "ETag": etag})
            chosen.append(part)
    if not chosen:
        raise OssError("InvalidPart", "The upload has no parts.")
    for part in chosen[:-1]:
        if part.size < MULTIPART_THRESHOLD:
            detail = {
                "PartNumber": str(part.number),
                "ProposedSize": str(part.size),
                "MinSizeAllowed": str(MULTIPART_THRESHOLD),
                "ETag": part.etag,
            }
            raise OssError("EntityTooSmall", detail=detail)
    return chosen


def _joined(upload: Upload, parts: list[Part]) -> Draft:
    digests = b"".join(bytes.fromhex(part.etag.partition("-")[0]) for part in parts)
    digest = hashlib.md5(digests, usedforsecurity=False).hexdigest().upper()
    return Draft(
        upload.key,
        kind="Multipart",
        size=sum(part.size for part in parts),
        etag=f"{digest}-{len(parts)}",
        crc64=reduce(lambda total, part: combine_crc64(total, part.crc64, part.size), parts, crc64(b"")),
        storage_class=upload.storage_class,
        acl=upload.acl,
        headers=upload.headers,
        tags=upload.tags,
        segments=tuple(segment for part in parts for segment in part.segments),
    )


def _check_free(call: Call) -> None:
    if not call.bucket.versioning and objects.find(call.backend.database.reader, call.bucket, call.key) is not None:
        raise OssError("FileAlreadyExists", detail={"Key": call.key})

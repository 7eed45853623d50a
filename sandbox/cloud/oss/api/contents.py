"""Listings of a bucket: objects (both versions of the call), versions, multipart uploads."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

from aiohttp import web

from sandbox.cloud.oss import listing, uploads, xml
from sandbox.cloud.oss.api.call import Call, owner_element
from sandbox.cloud.oss.errors import invalid_argument
from sandbox.cloud.oss.listing import MAXIMUM_KEYS, Page
from sandbox.cloud.oss.model import ObjectVersion, Upload
from sandbox.cloud.oss.times import iso


async def list_objects(call: Call) -> web.StreamResponse:
    """GetBucket: ListObjects, or ListObjectsV2 where list-type is 2."""
    if call.target.get("list-type") == "2":
        return await list_objects_v2(call)
    if call.target.has("list-type"):
        raise invalid_argument("list-type is 2.", "list-type", call.target.get("list-type"))
    marker = call.target.get("marker")
    page, limit = _objects(call, marker)
    parts = _heading(call, limit)
    parts += [xml.tag("Marker", call.encode(marker)), xml.tag("IsTruncated", xml.boolean(page.truncated))]
    if page.truncated:
        parts.append(xml.tag("NextMarker", call.encode(page.last_key)))
    parts += [_object(call, item, with_owner=True) for item in page.items]
    return call.answer("ListBucketResult", *parts, *_prefixes(call, page.prefixes))


async def list_objects_v2(call: Call) -> web.StreamResponse:
    """ListObjectsV2: a continuation token goes before start-after."""
    token, start_after = call.target.get("continuation-token"), call.target.get("start-after")
    page, limit = _objects(call, _decode_token(token) if token else start_after)
    with_owner = call.target.get("fetch-owner") == "true"
    parts = _heading(call, limit)
    parts += [xml.tag("StartAfter", call.encode(start_after)), xml.tag("IsTruncated", xml.boolean(page.truncated))]
    parts.append(xml.tag("KeyCount", len(page.items) + len(page.prefixes)))
    if token:
        parts.append(xml.tag("ContinuationToken", token))
    if page.truncated:
        parts.append(xml.tag("NextContinuationToken", base64.urlsafe_b64encode(page.last_key.encode()).decode()))
    parts += [_object(call, item, with_owner=with_owner) for item in page.items]
    return call.answer("ListBucketResult", *parts, *_prefixes(call, page.prefixes))


async def list_versions(call: Call) -> web.StreamResponse:
    """ListObjectVersions: every version and delete marker."""
    limit = call.number("max-keys", 100, 1, MAXIMUM_KEYS)
    prefix, delimiter = call.target.get("prefix"), call.target.get("delimiter")
    key, version = call.target.get("key-marker"), call.target.get("version-id-marker")
    if version and not key:
        raise invalid_argument("version-id-marker needs key-marker.", "version-id-marker", version)
    fetch = listing.all_versions(call.backend.database.reader, call.bucket, prefix, key, version)
    page = listing.paginate(fetch, prefix=prefix, delimiter=delimiter, after=key, limit=limit)
    parts = _heading(call, limit)
    parts += [
        xml.tag("KeyMarker", call.encode(key)),
        xml.tag("VersionIdMarker", version),
        xml.tag("IsTruncated", xml.boolean(page.truncated)),
    ]
    if page.truncated:
        parts.append(xml.tag("NextKeyMarker", call.encode(page.last_key)))
        parts.append(xml.tag("NextVersionIdMarker", page.last_item.version if page.last_item else ""))
    parts += [_version(call, item) for item in page.items]
    return call.answer("ListVersionsResult", *parts, *_prefixes(call, page.prefixes))


async def list_uploads(call: Call) -> web.StreamResponse:
    """ListMultipartUploads."""
    limit = call.number("max-uploads", 1000, 1, MAXIMUM_KEYS)
    prefix, delimiter = call.target.get("prefix"), call.target.get("delimiter")
    key = call.target.get("key-marker")
    marker = call.target.get("upload-id-marker") if key else ""
    bucket, reader = call.bucket, call.backend.database.reader
    end = listing.successor(prefix) if prefix else None

    def fetch(start: str, count: int) -> list[Upload]:
        return uploads.listed(reader, bucket, start, key, marker, end, count)

    page = listing.paginate(fetch, prefix=prefix, delimiter=delimiter, after=key, limit=limit)
    parts = [
        xml.tag("Bucket", bucket.name),
        xml.tag("EncodingType", call.target.get("encoding-type") or None),
        xml.tag("KeyMarker", call.encode(key)),
        xml.tag("UploadIdMarker", marker),
        xml.tag("NextKeyMarker", call.encode(page.last_key) if page.truncated else ""),
        xml.tag("NextUploadIdMarker", page.last_item.id if page.truncated and page.last_item else ""),
        xml.tag("Delimiter", call.encode(delimiter)),
        xml.tag("Prefix", call.encode(prefix)),
        xml.tag("MaxUploads", limit),
        xml.tag("IsTruncated", xml.boolean(page.truncated)),
    ]
    parts += [_upload(call, item) for item in page.items]
    return call.answer("ListMultipartUploadsResult", *parts, *_prefixes(call, page.prefixes))


def _objects(call: Call, after: str) -> tuple[Page[ObjectVersion], int]:
    limit = call.number("max-keys", 100, 1, MAXIMUM_KEYS)
    prefix, delimiter = call.target.get("prefix"), call.target.get("delimiter")
    fetch = listing.current_objects(call.backend.database.reader, call.bucket, prefix, after)
    return listing.paginate(fetch, prefix=prefix, delimiter=delimiter, after=after, limit=limit), limit


def _heading(call: Call, limit: int) -> list[str]:
    return [
        xml.tag("Name", call.bucket.name),
        xml.tag("Prefix", call.encode(call.target.get("prefix"))),
        xml.tag("MaxKeys", limit),
        xml.tag("Delimiter", call.encode(call.target.get("delimiter"))),
        xml.tag("EncodingType", call.target.get("encoding-type") or None),
    ]


def _object(call: Call, item: ObjectVersion, *, with_owner: bool) -> str:
    parts = [xml.tag("Key", call.encode(item.key)), *_properties(item)]
    if with_owner:
        parts.append(owner_element(call.bucket))
    return xml.wrap("Contents", parts)


def _version(call: Call, item: ObjectVersion) -> str:
    parts = [
        xml.tag("Key", call.encode(item.key)),
        xml.tag("VersionId", item.version),
        xml.tag("IsLatest", xml.boolean(item.latest)),
    ]
    if item.marker:
        return xml.wrap(
            "DeleteMarker", [*parts, xml.tag("LastModified", iso(item.modified)), owner_element(call.bucket)]
        )
    return xml.wrap("Version", [*parts, *_properties(item), owner_element(call.bucket)])


def _properties(item: ObjectVersion) -> list[str]:
    return [
        xml.tag("LastModified", iso(item.modified)),
        xml.tag("ETag", f'"{item.etag}"'),
        xml.tag("Type", item.kind),
        xml.tag("Size", item.size),
        xml.tag("StorageClass", item.storage_class),
    ]


def _upload(call: Call, item: Upload) -> str:
    return xml.wrap(
        "Upload",
        [
            xml.tag("Key", call.encode(item.key)),
            xml.tag("UploadId", item.id),
            xml.tag("StorageClass", item.storage_class),
            xml.tag("Initiated", iso(item.initiated)),
        ],
    )


def _prefixes(call: Call, prefixes: Iterable[str]) -> list[str]:
    return [xml.wrap("CommonPrefixes", [xml.tag("Prefix", call.encode(prefix))]) for prefix in prefixes]


def _decode_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise invalid_argument("The continuation token is not valid.", "continuation-token", token) from error

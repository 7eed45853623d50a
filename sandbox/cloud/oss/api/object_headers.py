"""What a request's headers say about an object to be written, and what an object's answers repeat."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import parse_qsl

from sandbox.cloud.oss import buckets
from sandbox.cloud.oss.api.call import Call
from sandbox.cloud.oss.encryption import HEADERS as ENCRYPTION_HEADERS
from sandbox.cloud.oss.encryption import check_algorithm, headers_of_rule
from sandbox.cloud.oss.errors import OssError, invalid_argument, not_implemented
from sandbox.cloud.oss.model import FROZEN_CLASSES, OBJECT_ACLS, STORAGE_CLASSES, Draft, ObjectVersion
from sandbox.cloud.oss.times import http_date

CONTENT_HEADERS = (
    "Content-Type",
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Expires",
)
META = "x-oss-meta-"
MAXIMUM_META = 8 * 1024
"""Bytes of all of an object's own metadata."""
MAXIMUM_TAGS = 10
DEFAULT_TYPE = "application/octet-stream"
UNSUPPORTED = ("x-oss-callback", "x-oss-traffic-limit")
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
    "response-content-language": "Content-Language",
    "response-expires": "Expires",
}


def draft(call: Call, key: str) -> Draft:
    """An object without content, described by the request's headers and the bucket's defaults."""
    for name in UNSUPPORTED:
        if name in call.request.headers or call.target.has(name):
            raise not_implemented(f"{name} of {call.operation.name}")
    return Draft(
        key,
        storage_class=_storage_class(call, call.bucket.storage_class),
        acl=object_acl(call, "default"),
        headers={**content_headers(call), **_encryption(call)},
        tags=header_tags(call),
    )


def content_headers(call: Call) -> dict[str, str]:
    """Content-Type and its like, and x-oss-meta-*, as given."""
    given = {name: call.header(name) for name in CONTENT_HEADERS if name in call.request.headers}
    given.setdefault("Content-Type", DEFAULT_TYPE)
    meta = {name.lower(): call.header(name) for name in call.request.headers if name.lower().startswith(META)}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in meta.items())
    if size > MAXIMUM_META:
        raise invalid_argument(f"User metadata has {size} bytes; at most {MAXIMUM_META} are allowed.", "x-oss-meta-*")
    return given | meta


def header_tags(call: Call) -> dict[str, str]:
    """The tags of x-oss-tagging: a query string."""
    pairs = parse_qsl(call.header("x-oss-tagging"), keep_blank_values=True)
    check_tags(dict(pairs), len(pairs))
    return dict(pairs)


def check_tags(tags: Mapping[str, str], count: int) -> None:
    """Refuse too many tags, or two of one name."""
    if count > MAXIMUM_TAGS or len(tags) != count:
        raise OssError("InvalidTag", f"An object has at most {MAXIMUM_TAGS} tags, each name once.")
    for name, value in tags.items():
        if not 1 <= len(name) <= 128 or len(value) > 256:
            raise OssError("InvalidTag", "A tag's key has 1 to 128 characters, its value at most 256.")


def object_acl(call: Call, default: str) -> str:
    """x-oss-object-acl, checked."""
    acl = call.header("x-oss-object-acl", default)
    if acl not in OBJECT_ACLS:
        raise invalid_argument(f"x-oss-object-acl is one of {', '.join(OBJECT_ACLS)}.", "x-oss-object-acl", acl)
    block = buckets.configuration(call.backend.database.reader, call.bucket, "publicAccessBlock") or ""
    if acl.startswith("public") and "<BlockPublicAccess>true<" in block:
        raise OssError("AccessDenied", "Put public object acl is not allowed: public access is blocked.")
    return acl


def forbids_overwrite(call: Call) -> bool:
    """Whether x-oss-forbid-overwrite is set."""
    value = call.header("x-oss-forbid-overwrite", "false").lower()
    if value not in ("true", "false"):
        raise invalid_argument("x-oss-forbid-overwrite is true or false.", "x-oss-forbid-overwrite", value)
    return value == "true"


def describe(call: Call, found: ObjectVersion) -> dict[str, str]:
    """The headers of GetObject and HeadObject, but for those of the range."""
    headers = dict(found.headers)
    headers |= summary(call, found)
    headers["Accept-Ranges"] = "bytes"
    headers["x-oss-object-type"] = found.kind
    headers["x-oss-storage-class"] = found.storage_class
    if found.kind == "Normal":
        headers["Content-MD5"] = _base64_of_hex(found.etag)
    if found.kind == "Appendable":
        headers["x-oss-next-append-position"] = str(found.next_position)
    if found.tags:
        headers["x-oss-tagging-count"] = str(len(found.tags))
    if found.storage_class in FROZEN_CLASSES and found.restored_until:
        expiry = http_date(found.restored_until)
        headers["x-oss-restore"] = f'ongoing-request="false", expiry-date="{expiry}"'
    return headers


def summary(call: Call, found: ObjectVersion) -> dict[str, str]:
    """ETag, times, checksum and version: the headers that GetObjectMeta has too."""
    headers = {
        "ETag": f'"{found.etag}"',
        "Last-Modified": http_date(found.modified),
        "x-oss-hash-crc64ecma": str(found.crc64),
    }
    if call.bucket.versioning:
        headers["x-oss-version-id"] = found.version
    return headers


def overrides(call: Call) -> dict[str, str]:
    """The response-* parameters, by the header that each replaces; InvalidArgument for what no header can hold."""
    found = {header: call.target.get(parameter) for parameter, header in OVERRIDES.items()}
    for header, value in found.items():
        if value and CONTROL_CHARACTERS.search(value):
            raise invalid_argument("A response header holds no control characters.", header, repr(value))
    return {header: value for header, value in found.items() if value}


def _base64_of_hex(digest: str) -> str:
    return b64encode(bytes.fromhex(digest)).decode()


def _storage_class(call: Call, default: str) -> str:
    value = call.header("x-oss-storage-class", default)
    if value not in STORAGE_CLASSES:
        raise OssError("InvalidStorageClass", detail={"StorageClass": value})
    return value


def _encryption(call: Call) -> dict[str, str]:
    given = {header: call.header(header) for header in ENCRYPTION_HEADERS.values() if call.header(header)}
    if given:
        check_algorithm(*(given.get(header, "") for header in ENCRYPTION_HEADERS.values()))
        return given
    rule = buckets.configuration(call.backend.database.reader, call.bucket, "encryption")
    return headers_of_rule(rule)

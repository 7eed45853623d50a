"""Operations on what belongs to an object beside its content: access control, tags, restoring from an archive."""

from __future__ import annotations

import json

from aiohttp import web

from sandbox.cloud.oss import buckets, objects, replication_queue, xml
from sandbox.cloud.oss.api.call import Call, owner_element
from sandbox.cloud.oss.api.configuration import read_tags
from sandbox.cloud.oss.api.object_headers import check_tags, object_acl
from sandbox.cloud.oss.database import Transaction
from sandbox.cloud.oss.errors import OssError, invalid_argument
from sandbox.cloud.oss.lifecycle_rules import DAY
from sandbox.cloud.oss.model import FROZEN_CLASSES, ObjectVersion

MAXIMUM_RESTORED_DAYS = 365


async def put_acl(call: Call) -> web.StreamResponse:
    """PutObjectAcl."""
    acl = object_acl(call, "")
    return await _change(call, "acl", acl)


async def get_acl(call: Call) -> web.StreamResponse:
    """GetObjectAcl."""
    found = _found(call)
    acl = xml.wrap("AccessControlList", [xml.tag("Grant", found.acl)])
    return call.answer("AccessControlPolicy", owner_element(call.bucket), acl, headers=_version(call, found))


async def put_tagging(call: Call) -> web.StreamResponse:
    """PutObjectTagging."""
    tags = read_tags(await call.document("Tagging"))
    check_tags(tags, len(tags))
    return await _change(call, "tags", json.dumps(tags))


async def get_tagging(call: Call) -> web.StreamResponse:
    """GetObjectTagging."""
    found = _found(call)
    tags = [xml.wrap("Tag", [xml.tag("Key", name), xml.tag("Value", value)]) for name, value in found.tags.items()]
    return call.answer("Tagging", xml.wrap("TagSet", tags), headers=_version(call, found))


async def delete_tagging(call: Call) -> web.StreamResponse:
    """DeleteObjectTagging."""
    return await _change(call, "tags", "{}", 204)


async def restore(call: Call) -> web.StreamResponse:
    """RestoreObject: an archived object can be read at once here, for the days asked for."""
    found = _found(call)
    if found.storage_class not in FROZEN_CLASSES:
        raise OssError("InvalidObjectState", "The object's storage class needs no restoring.")
    body = await call.body()
    days = xml.text(xml.parse(body, "RestoreRequest"), "Days", "1") if body.strip() else "1"
    if not days.isascii() or not days.isdigit() or not 1 <= int(days) <= MAXIMUM_RESTORED_DAYS:
        raise invalid_argument(f"Days is a whole number from 1 to {MAXIMUM_RESTORED_DAYS}.", "Days", days)
    status = 200 if found.restored_until > call.now else 202
    return await _change(call, "restored_until", call.now + int(days) * DAY, status)


async def _change(call: Call, column: str, value: str | int, status: int = 200) -> web.StreamResponse:
    def change(transaction: Transaction) -> ObjectVersion:
        bucket = buckets.get(transaction, call.bucket.name)
        found = objects.get(transaction, bucket, call.key, call.version)
        objects.update(transaction, found, column, value)
        if column in ("acl", "tags"):
            replication_queue.changed(transaction, bucket, found.key, found.version, call.now)
        return found

    return call.empty(status, _version(call, await call.backend.database.write(change)))


def _found(call: Call) -> ObjectVersion:
    return objects.get(call.backend.database.reader, call.bucket, call.key, call.version)


def _version(call: Call, found: ObjectVersion) -> dict[str, str]:
    return {"x-oss-version-id": found.version} if call.bucket.versioning else {}

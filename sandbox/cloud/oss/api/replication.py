"""Replication rules of a bucket: stored, checked and reported. Objects are not copied."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

from aiohttp import web

from sandbox.cloud.core.regions import REGIONS
from sandbox.cloud.oss import buckets, xml
from sandbox.cloud.oss.addressing import DEFAULT_REGION
from sandbox.cloud.oss.api.call import Call
from sandbox.cloud.oss.database import Transaction
from sandbox.cloud.oss.errors import OssError, invalid_argument, not_implemented
from sandbox.cloud.oss.xml import Element

logger = logging.getLogger(__name__)
ROOT = "ReplicationConfiguration"


async def post(call: Call) -> web.StreamResponse:
    """PutBucketReplication (comp=add) and DeleteBucketReplication (comp=delete)."""
    comp = call.target.get("comp")
    if comp == "add":
        return await _add(call)
    if comp == "delete":
        return await _delete(call)
    raise not_implemented(f"POST ?replication&comp={comp}")


async def get(call: Call) -> web.StreamResponse:
    """GetBucketReplication."""
    return call.xml(xml.serialise(_stored(call.backend.database.reader, call)))


async def get_location(call: Call) -> web.StreamResponse:
    """GetBucketReplicationLocation: the regions that a bucket may replicate to."""
    region = call.bucket.region or DEFAULT_REGION
    found = [xml.tag("Location", f"oss-{name}") for name in REGIONS if name != region]
    return call.answer("ReplicationLocation", *found)


async def get_progress(call: Call) -> web.StreamResponse:
    """GetBucketReplicationProgress: nothing has been copied yet."""
    wanted = call.target.get("rule-id")
    parts = []
    for rule in _stored(call.backend.database.reader, call).findall("Rule"):
        if wanted and xml.text(rule, "ID") != wanted:
            continue
        destination = rule.find("Destination")
        fields = [
            xml.tag(name, xml.text(rule, name)) for name in ("ID", "Action", "Status", "HistoricalObjectReplication")
        ]
        fields.append(xml.serialise(destination) if destination is not None else "")
        fields.append(xml.wrap("Progress", [xml.tag("HistoricalObject", "0")]))
        parts.append(xml.wrap("Rule", fields))
    if wanted and not parts:
        raise OssError("NoSuchReplicationRule", detail={"BucketName": call.bucket.name})
    return call.answer("ReplicationProgress", *parts)


async def put_rtc(call: Call) -> web.StreamResponse:
    """PutBucketRtc: switch a rule's replication time control on or off."""
    root = await call.document("ReplicationRule")
    status, wanted = xml.text(root, "RTC/Status"), xml.text(root, "ID")
    if status not in ("enabled", "disabled"):
        raise invalid_argument("RTC's Status is enabled or disabled.", "Status", status)

    def change(stored: Element) -> None:
        rule = next((one for one in stored.findall("Rule") if xml.text(one, "ID") == wanted), None)
        if rule is None:
            raise OssError("NoSuchReplicationRule", detail={"BucketName": call.bucket.name})
        present = rule.find("RTC")
        if present is not None:
            rule.remove(present)
        rule.append(xml.parse(f"<RTC><Status>{status}</Status></RTC>".encode(), "RTC"))

    await _change(call, change)
    return call.empty()


async def _add(call: Call) -> web.StreamResponse:
    root = await call.document(ROOT)
    rules = root.findall("Rule")
    if len(rules) != 1:
        raise invalid_argument(f"A request adds one rule; this one has {len(rules)}.", "Rule")
    rule = rules[0]
    target = buckets.find(call.backend.database.reader, xml.text(rule, "Destination/Bucket"))
    if target is None or target.name == call.bucket.name:
        name = xml.text(rule, "Destination/Bucket")
        raise invalid_argument("The destination is another bucket that exists.", "Bucket", name)
    if xml.text(rule, "Destination/Location") != target.location:
        location = xml.text(rule, "Destination/Location")
        raise invalid_argument(f"The destination bucket is in {target.location}.", "Location", location)
    identifier = xml.text(rule, "ID") or secrets.token_hex(16)
    _set(rule, "ID", identifier)
    _set(rule, "Status", "starting")
    _set(rule, "Action", xml.text(rule, "Action") or "ALL")
    _set(rule, "HistoricalObjectReplication", xml.text(rule, "HistoricalObjectReplication") or "enabled")

    def append(stored: Element) -> None:
        if any(xml.text(one, "Destination/Bucket") == target.name for one in stored.findall("Rule")):
            raise OssError("BucketReplicationAlreadyExist", detail={"BucketName": call.bucket.name})
        stored.append(rule)

    await _change(call, append)
    logger.warning("replication of bucket %s to %s is recorded; objects are not copied", call.bucket.name, target.name)
    return call.empty(headers={"x-oss-replication-rule-id": identifier})


async def _delete(call: Call) -> web.StreamResponse:
    wanted = xml.text(await call.document("ReplicationRules"), "ID")

    def remove(stored: Element) -> None:
        for rule in stored.findall("Rule"):
            if xml.text(rule, "ID") == wanted:
                stored.remove(rule)
                return
        raise OssError("NoSuchReplicationRule", detail={"BucketName": call.bucket.name})

    await _change(call, remove)
    return call.empty()


async def _change(call: Call, edit: Callable[[Element], None]) -> None:
    def change(transaction: Transaction) -> None:
        try:
            stored = _stored(transaction, call)
        except OssError:
            stored = Element(ROOT)
        edit(stored)
        content = xml.serialise(stored) if len(stored) else None
        buckets.set_configuration(transaction, call.bucket.name, "replication", content)

    await call.backend.database.write(change)


def _stored(source: buckets.Source, call: Call) -> Element:
    content = buckets.configuration(source, call.bucket, "replication")
    if content is None:
        raise OssError("NoSuchReplicationConfiguration", detail={"BucketName": call.bucket.name})
    return xml.parse(content.encode(), ROOT)


def _set(rule: Element, name: str, value: str) -> None:
    found = rule.find(name)
    if found is None:
        found = Element(name)
        rule.insert(0, found)
    found.text = value

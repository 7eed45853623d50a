"""Replication rules of a bucket: put, read, deleted, and how far each is."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from aiohttp import web

from sandbox.cloud.core.regions import REGIONS
from sandbox.cloud.oss import buckets, replication_queue, replication_rules, xml
from sandbox.cloud.oss.addressing import DEFAULT_REGION
from sandbox.cloud.oss.api.call import Call
from sandbox.cloud.oss.database import Transaction
from sandbox.cloud.oss.errors import OssError, invalid_argument, malformed_xml, not_implemented
from sandbox.cloud.oss.model import Bucket
from sandbox.cloud.oss.replication_queue import Progress
from sandbox.cloud.oss.replication_rules import ROOT, ReplicationRule
from sandbox.cloud.oss.times import iso
from sandbox.cloud.oss.xml import Element

MAXIMUM_RULES = 100
"""Rules that a bucket may have."""
STARTING = 3_000
"""Milliseconds for which a new rule is reported as starting."""


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
    stored = _stored(call.backend.database.reader, call)
    for rule in stored.findall("Rule"):
        _set(rule, "Status", _status(call, _progress(call, rule)))
    return call.xml(xml.serialise(stored))


async def get_location(call: Call) -> web.StreamResponse:
    """GetBucketReplicationLocation: the regions that a bucket may replicate to."""
    region = call.bucket.region or DEFAULT_REGION
    found = [xml.tag("Location", f"oss-{name}") for name in REGIONS if name != region]
    return call.answer("ReplicationLocation", *found)


async def get_progress(call: Call) -> web.StreamResponse:
    """GetBucketReplicationProgress: the share of historical objects, and the time up to which new ones are copied."""
    wanted = call.target.get("rule-id")
    parts = []
    for rule in _stored(call.backend.database.reader, call).findall("Rule"):
        if wanted and xml.text(rule, "ID") != wanted:
            continue
        progress = _progress(call, rule)
        _set(rule, "Status", _status(call, progress))
        elements = [rule.find(name) for name in ("ID", "PrefixSet", "Action", "Destination", "Status")]
        elements.append(rule.find("HistoricalObjectReplication"))
        fields = [xml.serialise(one) for one in elements if one is not None]
        done = xml.tag("NewObject", iso(call.now if progress.oldest is None else progress.oldest))
        if xml.text(rule, "HistoricalObjectReplication") == "enabled":
            share = int(progress.share * 10_000) / 10_000  # rounded down: 1 means that nothing is missing
            done = xml.tag("HistoricalObject", f"{share:g}") + done
        parts.append(xml.wrap("Rule", [*fields, xml.wrap("Progress", [done])]))
    if wanted and not parts:
        raise OssError("NoSuchReplicationRule", detail={"BucketName": call.bucket.name})
    return call.answer("ReplicationProgress", *parts)


async def put_rtc(call: Call) -> web.StreamResponse:
    """PutBucketRtc: switch a rule's replication time control on or off."""
    root = await call.document("ReplicationRule")
    status, wanted = xml.text(root, "RTC/Status"), xml.text(root, "ID")
    if status not in ("enabled", "disabled"):
        raise invalid_argument("RTC's Status is enabled or disabled.", "Status", status)

    def change(stored: Element, transaction: Transaction) -> None:
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
    element = rules[0]
    rule = replication_rules.check(element)
    target = _checked_target(call, rule)
    identifier = rule.id or secrets.token_hex(16)
    _set(element, "ID", identifier)
    _set(element, "Status", "starting")
    _set(element, "Action", xml.text(element, "Action") or "ALL")
    historical = "HistoricalObjectReplication"
    _set(element, historical, xml.text(element, historical) or "enabled")

    def append(stored: Element, transaction: Transaction) -> None:
        present = stored.findall("Rule")
        if any(
            xml.text(one, "Destination/Bucket") == target.name or xml.text(one, "ID") == identifier for one in present
        ):
            raise OssError("BucketReplicationAlreadyExist", detail={"BucketName": call.bucket.name})
        if len(present) >= MAXIMUM_RULES:
            raise malformed_xml(f"A bucket has at most {MAXIMUM_RULES} replication rules.")
        stored.append(element)
        bucket = buckets.get(transaction, call.bucket.name)
        replication_queue.begin(transaction, bucket, replace(rule, id=identifier), call.now)

    await _change(call, append)
    return call.empty(headers={"x-oss-replication-rule-id": identifier})


def _checked_target(call: Call, rule: ReplicationRule) -> Bucket:
    """The target bucket; InvalidArgument where the rule cannot replicate to it."""
    target = buckets.find(call.backend.database.reader, rule.target)
    if target is None or target.name == call.bucket.name or target.owner != call.bucket.owner:
        raise invalid_argument("The destination is another bucket of the owner, which exists.", "Bucket", rule.target)
    if rule.location != target.location:
        raise invalid_argument(f"The destination bucket is in {target.location}.", "Location", rule.location)
    if target.versioning != call.bucket.versioning:
        message = (
            f"Both buckets must have the same versioning state: that of {call.bucket.name} is "
            f"{call.bucket.versioning or 'off'}, that of {target.name} is {target.versioning or 'off'}."
        )
        raise invalid_argument(message, "Bucket", rule.target)
    return target


async def _delete(call: Call) -> web.StreamResponse:
    wanted = xml.text(await call.document("ReplicationRules"), "ID")

    def remove(stored: Element, transaction: Transaction) -> None:
        for rule in stored.findall("Rule"):
            if xml.text(rule, "ID") == wanted:
                stored.remove(rule)
                replication_queue.end(transaction, buckets.get(transaction, call.bucket.name), wanted)
                return
        raise OssError("NoSuchReplicationRule", detail={"BucketName": call.bucket.name})

    await _change(call, remove)
    return call.empty()


async def _change(call: Call, edit: Callable[[Element, Transaction], None]) -> None:
    def change(transaction: Transaction) -> None:
        try:
            stored = _stored(transaction, call)
        except OssError:
            stored = Element(ROOT)
        edit(stored, transaction)
        content = xml.serialise(stored) if len(stored) else None
        buckets.set_configuration(transaction, call.bucket.name, "replication", content)

    await call.backend.database.write(change)


def _stored(source: buckets.Source, call: Call) -> Element:
    content = buckets.configuration(source, call.bucket, "replication")
    if content is None:
        raise OssError("NoSuchReplicationConfiguration", detail={"BucketName": call.bucket.name})
    return xml.parse(content.encode(), ROOT)


def _progress(call: Call, rule: Element) -> Progress:
    return replication_queue.progress(call.backend.database.reader, call.bucket, xml.text(rule, "ID"))


def _status(call: Call, progress: Progress) -> str:
    return "starting" if call.now < progress.created + STARTING else "doing"


def _set(rule: Element, name: str, value: str) -> None:
    found = rule.find(name)
    if found is None:
        found = Element(name)
        rule.insert(0, found)
    found.text = value

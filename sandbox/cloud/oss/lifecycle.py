"""The daily run: what lifecycle rules make of objects, versions, delete markers and unfinished uploads."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from sandbox.cloud.oss import buckets, listing, objects, uploads, xml
from sandbox.cloud.oss.database import Database, Transaction
from sandbox.cloud.oss.errors import OssError
from sandbox.cloud.oss.lifecycle_rules import Rule, Transition, read
from sandbox.cloud.oss.model import STORAGE_CLASSES, Bucket, ObjectVersion, Upload
from sandbox.cloud.oss.times import milliseconds

logger = logging.getLogger(__name__)
BATCH = 500
"""Versions looked at between two chances for other work."""


Action = Callable[[Transaction, ObjectVersion], None]


@dataclass
class LifecycleReport:
    """What a run did."""

    expired: int = 0
    versions_removed: int = 0
    markers_removed: int = 0
    uploads_aborted: int = 0
    transitions: int = 0

    def __bool__(self) -> bool:
        return any(vars(self).values())


async def apply(database: Database, now: datetime.datetime) -> LifecycleReport:
    """Carry out every bucket's rules as of `now`."""
    report = LifecycleReport()
    for bucket, content in buckets.configured(database.reader, "lifecycle"):
        rules = [rule for rule in read(xml.parse(content.encode(), "LifecycleConfiguration")) if rule.enabled]
        try:
            for rule in rules:
                await _Run(database, bucket, rule, milliseconds(now), report).execute()
        except OssError as error:
            if error.code != "NoSuchBucket":  # deleted since the run began
                raise
    if report:
        logger.info("lifecycle rules of object storage: %s", report)
    return report


class _Run:
    def __init__(self, database: Database, bucket: Bucket, rule: Rule, now: int, report: LifecycleReport) -> None:
        self._database = database
        self._bucket = bucket
        self._rule = rule
        self._now = now
        self._report = report

    async def execute(self) -> None:
        """Go through the versions and uploads under the rule's prefix, a batch at a time."""
        rule = self._rule
        if any(one.by_access for one in (*rule.transitions, *rule.noncurrent_transitions)):
            logger.warning(
                "rule %s of bucket %s counts from the last access, which is not recorded: not applied",
                rule.id,
                self._bucket.name,
            )
        key, version = "", ""
        while True:
            fetch = listing.all_versions(self._database.reader, self._bucket, rule.prefix, key, version)
            page = fetch(rule.prefix, BATCH)
            if not page:
                break
            await self._handle(page)
            key, version = page[-1].key, page[-1].version
        if rule.abort_uploads is not None:
            await self._abort_uploads()

    async def _handle(self, page: Sequence[ObjectVersion]) -> None:
        actions = [(found, action) for found in page if (action := self._action(found)) is not None]
        if actions:
            await self._database.write(lambda transaction: self._carry_out(transaction, actions))

    def _carry_out(
        self,
        transaction: Transaction,
        actions: list[tuple[ObjectVersion, Action]],
    ) -> None:
        for seen, action in actions:
            current = objects.find(transaction, self._bucket, seen.key, seen.version)
            if current is not None and current.id == seen.id and current.latest == seen.latest:
                action(transaction, current)

    def _action(self, found: ObjectVersion) -> Action | None:
        rule, now = self._rule, self._now
        if found.marker and found.latest:
            return self._remove_lonely_marker if rule.expired_markers else None
        if not rule.covers(found.key, found.size, found.tags):
            return None
        if found.latest:
            if rule.expiration is not None and rule.expiration.reached(found.modified, now):
                return self._expire
            return self._transition(found, rule.transitions, found.modified)
        since = found.noncurrent_since if found.noncurrent_since is not None else found.modified
        if rule.noncurrent_expiration is not None and rule.noncurrent_expiration.reached(since, now):
            return self._remove_noncurrent
        return None if found.marker else self._transition(found, rule.noncurrent_transitions, since)

    def _transition(self, found: ObjectVersion, transitions: Sequence[Transition], since: int) -> Action | None:
        order = STORAGE_CLASSES.index
        reached = [one.storage_class for one in transitions if not one.by_access and one.due.reached(since, self._now)]
        coldest = max(reached, key=order, default="Standard")
        if order(coldest) <= order(found.storage_class):
            return None

        def move(transaction: Transaction, version: ObjectVersion) -> None:
            objects.update(transaction, version, "storage_class", coldest)
            self._report.transitions += 1

        return move

    def _expire(self, transaction: Transaction, found: ObjectVersion) -> None:
        objects.delete(transaction, self._bucket.name, found.key, "", self._now)
        self._report.expired += 1

    def _remove_noncurrent(self, transaction: Transaction, found: ObjectVersion) -> None:
        objects.remove(transaction, self._bucket, found, self._now)
        self._report.versions_removed += 1

    def _remove_lonely_marker(self, transaction: Transaction, found: ObjectVersion) -> None:
        (count,) = transaction.execute(
            "SELECT count(*) FROM versions WHERE bucket = ? AND key = ?", (self._bucket.id, found.key)
        ).fetchone()
        if count == 1:
            objects.remove(transaction, self._bucket, found, self._now)
            self._report.markers_removed += 1

    async def _abort_uploads(self) -> None:
        due = self._rule.abort_uploads
        key, upload = "", ""
        while due is not None:
            page = uploads.listed(self._database.reader, self._bucket, "", key, upload, None, BATCH)
            if not page:
                return
            old = [
                one for one in page if one.key.startswith(self._rule.prefix) and due.reached(one.initiated, self._now)
            ]
            if old:
                await self._database.write(partial(self._abort, old))
            key, upload = page[-1].key, page[-1].id

    def _abort(self, old: Sequence[Upload], transaction: Transaction) -> None:
        for one in old:
            uploads.close(transaction, one.id)
            self._report.uploads_aborted += 1

"""Cross-region replication: carries changes over to the target buckets, a moment after they were made.

https://help.aliyun.com/zh/oss/user-guide/crr-in-specific-scenarios
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from sandbox.cloud.core.clock import Clock
from sandbox.cloud.oss import buckets, objects, replicas, replication_queue
from sandbox.cloud.oss.bodies import Bodies, Segment
from sandbox.cloud.oss.database import Database, Transaction
from sandbox.cloud.oss.encryption import HEADERS as ENCRYPTION_HEADERS
from sandbox.cloud.oss.encryption import headers_of_rule
from sandbox.cloud.oss.errors import OssError
from sandbox.cloud.oss.model import Bucket, Draft, ObjectVersion
from sandbox.cloud.oss.replication_queue import Task
from sandbox.cloud.oss.replication_rules import ReplicationRule
from sandbox.cloud.oss.times import milliseconds

logger = logging.getLogger(__name__)

DEFAULT_LAG = datetime.timedelta(seconds=3)
"""Time between a change and its replication: "within minutes" says the cloud, and mostly it is seconds."""
BATCH = 256
"""Tasks read from the queue at once."""
AT_ONCE = 8
"""Objects carried over at the same time."""

Links = tuple[Segment, ...]


@dataclass
class ReplicationReport:
    """What a run did: versions copied (or changed) and removed, tasks that failed or wait for a region."""

    copied: int = 0
    removed: int = 0
    failed: int = 0
    waiting: int = 0

    def __bool__(self) -> bool:
        return any(vars(self).values())


class Replicator:
    """Carries out the tasks that are due by the cloud's clock.

    `is_cut` tells of two regions whether the first reaches the second's object storage: what can't be carried waits.
    """

    def __init__(
        self,
        database: Database,
        bodies: Bodies,
        clock: Clock,
        lag: datetime.timedelta = DEFAULT_LAG,
        is_cut: Callable[[str, str], bool] = lambda region, other: False,
    ) -> None:
        self._database = database
        self._bodies = bodies
        self._clock = clock
        self._lag = int(lag.total_seconds() * 1000)
        self._is_cut = is_cut
        self._running = asyncio.Lock()

    async def run_due(self) -> ReplicationReport:
        """Carry out all that is due; one run at a time."""
        async with self._running:
            report = ReplicationReport()
            now = milliseconds(self._clock.now())
            after = 0
            while tasks := replication_queue.due(self._database.reader, now - self._lag, now, after, BATCH):
                after = tasks[-1].id
                await self._carry_out(tasks, now, report)
            if report:
                logger.info("replication of object storage: %s", report)
            return report

    async def _carry_out(self, tasks: list[Task], now: int, report: ReplicationReport) -> None:
        """Objects side by side, the changes of one object in their order."""
        by_object: dict[tuple[int, str, str], list[Task]] = {}
        for task in tasks:
            by_object.setdefault((task.bucket, task.rule, task.key), []).append(task)
        places = asyncio.Semaphore(AT_ONCE)

        async def one(changes: list[Task]) -> None:
            async with places:
                for task in changes:
                    await self._attempt(task, now, report)

        await asyncio.gather(*(one(changes) for changes in by_object.values()))

    async def _attempt(self, task: Task, now: int, report: ReplicationReport) -> None:
        try:
            source, rule = self._rule(task)
            if rule is None:
                await self._database.write(lambda transaction: replication_queue.done(transaction, task))
                return
            target = _target(self._database.reader, source, rule)
            ways = ((source.region, target.region), (target.region, source.region))
            cut = next((way for way in ways if self._is_cut(*way)), None)
            if cut is not None:
                report.waiting += 1
                await self._postpone(task, now, f"{cut[0]} does not reach {cut[1]}", failed=False)
            elif task.removal:
                gone = await self._remove(task, source, rule)
                report.removed += gone  # not `+= await`: that would add to a count read before the wait
            else:
                copied = await self._copy(task, source, target, rule)
                report.copied += copied
        except FileNotFoundError:
            report.waiting += 1  # replaced while it was being linked: the newer content has a task of its own
        except (OssError, OSError) as error:
            report.failed += 1
            reason = error.message if isinstance(error, OssError) else str(error)
            if task.attempts == 0:
                logger.warning(
                    "replication of %s by rule %s failed, tried again later: %s", task.key, task.rule, reason
                )
            await self._postpone(task, now, reason, failed=True)

    async def _postpone(self, task: Task, now: int, reason: str, *, failed: bool) -> None:
        await self._database.write(
            lambda transaction: replication_queue.postpone(transaction, task, now, reason, failed=failed)
        )

    def _rule(self, task: Task) -> tuple[Bucket, ReplicationRule | None]:
        source = buckets.get_by_id(self._database.reader, task.bucket)
        rules = replication_queue.rules(self._database.reader, source)
        return source, next((rule for rule in rules if rule.id == task.rule), None)

    async def _remove(self, task: Task, source: Bucket, rule: ReplicationRule) -> bool:
        def carry_over(transaction: Transaction) -> bool:
            target = _target(transaction, source, rule)
            gone = replicas.remove(transaction, source, target, task.key, task.version, task.happened)
            replication_queue.done(transaction, task)
            return gone

        return await self._database.write(carry_over)

    async def _copy(self, task: Task, source: Bucket, target: Bucket, rule: ReplicationRule) -> bool:
        found = objects.find(self._database.reader, source, task.key, task.version)
        links: Links = ()
        if found is not None and not self._has(target, found):
            links = await asyncio.get_running_loop().run_in_executor(
                self._bodies.pool, self._bodies.link, found.segments
            )

        def carry_over(transaction: Transaction) -> bool:
            current = objects.find(transaction, source, task.key, task.version)
            unused = [link.name for link in links]
            if current is not None and (found is None or current.segments != found.segments):
                transaction.discard(unused)
                return False  # changed since: the task stays, and the next run takes the new content
            present = _target(transaction, source, rule)
            copied = False
            headers = None if current is None else _replica_headers(transaction, current, present, rule)
            if current is not None and headers is not None:
                draft = replace(_draft(current), headers=headers, segments=links)
                if current.segments and not links and not replicas.has(transaction, present, current):
                    return False  # the target lost its version since
                copied = replicas.place(transaction, present, current, draft)
            if not copied:
                transaction.discard(unused)
            replication_queue.done(transaction, task)
            return copied

        return await self._database.write(carry_over, [link.name for link in links])

    def _has(self, target: Bucket, found: ObjectVersion) -> bool:
        return replicas.has(self._database.reader, target, found)


def _target(source: buckets.Source, bucket: Bucket, rule: ReplicationRule) -> Bucket:
    """The rule's target bucket; an error where it is gone, or was made again elsewhere or by somebody else."""
    target = buckets.get(source, rule.target)
    if target.owner != bucket.owner or target.location != rule.location:
        message = f"The target bucket {rule.target} is no longer the owner's own in {rule.location}."
        raise OssError("AccessDenied", message)
    return target


def _draft(found: ObjectVersion) -> Draft:
    return Draft(**{name: getattr(found, name) for name in Draft.__dataclass_fields__})


def _replica_headers(
    source: buckets.Source, found: ObjectVersion, target: Bucket, rule: ReplicationRule
) -> dict[str, str] | None:
    """The replica's headers; None where the object is encrypted with KMS and the rule leaves such ones out."""
    algorithm = found.headers.get(ENCRYPTION_HEADERS["SSEAlgorithm"])
    if algorithm == "KMS":
        if not rule.kms:
            return None
        return {**found.headers, ENCRYPTION_HEADERS["KMSMasterKeyID"]: rule.kms_key}
    if algorithm is None and not found.marker:
        return {**found.headers, **headers_of_rule(buckets.configuration(source, target, "encryption"))}
    return dict(found.headers)

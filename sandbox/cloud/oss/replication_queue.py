"""What is still to be replicated: a task a change and rule, written in the transaction of the change itself.

So a crash between a write's acknowledgement and its replication loses neither.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from sandbox.cloud.oss import buckets
from sandbox.cloud.oss.buckets import Source
from sandbox.cloud.oss.database import Transaction
from sandbox.cloud.oss.model import Bucket
from sandbox.cloud.oss.replication_rules import ReplicationRule, read

FIRST_DELAY = 5_000
"""Milliseconds until a task that failed is tried again; doubled with each failure."""
LONGEST_DELAY = 600_000
"""Milliseconds between two attempts at most: ten minutes."""


@dataclass(frozen=True)
class Task:
    """A change to carry over: the version named (written or, with `removal`, gone), at the time `happened`."""

    id: int
    bucket: int
    rule: str
    key: str
    version: str
    removal: bool
    happened: int
    attempts: int

    @classmethod
    def of(cls, row: sqlite3.Row) -> Task:
        """From the table's row."""
        values = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**(values | {"removal": bool(row["removal"])}))


@dataclass(frozen=True)
class Progress:
    """How far a rule is: `share` of the historical objects (0 to 1), and of new ones the time up to which all are."""

    created: int
    share: float
    oldest: int | None
    pending: int
    failing: int
    reason: str


def rules(source: Source, bucket: Bucket) -> tuple[ReplicationRule, ...]:
    """A bucket's rules."""
    content = buckets.configuration(source, bucket, "replication")
    return () if content is None else read(content)


def changed(transaction: Transaction, bucket: Bucket, key: str, version: str, now: int) -> None:
    """A version (a delete marker too) is new, or has changed."""
    _add(transaction, bucket, key, version, now, removal=False)


def removed(transaction: Transaction, bucket: Bucket, key: str, version: str, now: int) -> None:
    """A version is gone for good; an empty `version` means the object of a bucket without versioning."""
    _add(transaction, bucket, key, version, now, removal=True)


def _add(transaction: Transaction, bucket: Bucket, key: str, version: str, now: int, *, removal: bool) -> None:
    for rule in rules(transaction, bucket):
        if rule.covers(key) and (rule.removals or not removal):
            transaction.execute(
                "INSERT INTO replication_tasks (bucket, rule, key, version, removal, happened, historical) "
                "VALUES (?, ?, ?, ?, ?, ?, 0)",
                (bucket.id, rule.id, key, version, int(removal), now),
            )


def begin(transaction: Transaction, bucket: Bucket, rule: ReplicationRule, now: int) -> None:
    """Start a rule: with a task for each version that is there already, where it asks for historical objects."""
    total = 0
    if rule.historical:
        covered = " OR ".join("substr(key, 1, ?) = ?" for _ in rule.prefixes) or "1"
        prefixes = [value for prefix in rule.prefixes for value in (len(prefix), prefix)]
        total = transaction.execute(
            "INSERT INTO replication_tasks (bucket, rule, key, version, removal, happened, historical) "  # noqa: S608
            f"SELECT bucket, ?, key, version, 0, ?, 1 FROM versions WHERE bucket = ? AND ({covered}) ORDER BY id",
            (rule.id, now, bucket.id, *prefixes),
        ).rowcount
    transaction.execute(
        "INSERT OR REPLACE INTO replication_starts (bucket, rule, created, total) VALUES (?, ?, ?, ?)",
        (bucket.id, rule.id, now, total),
    )


def end(transaction: Transaction, bucket: Bucket, rule: str) -> None:
    """Forget a rule and what it had still to do; what it has copied stays."""
    for table in ("replication_tasks", "replication_starts"):
        statement = f"DELETE FROM {table} WHERE bucket = ? AND rule = ?"  # noqa: S608 (one of two names above)
        transaction.execute(statement, (bucket.id, rule))


def due(source: Source, until: int, now: int, after: int, limit: int) -> list[Task]:
    """Tasks of changes that happened up to `until`, in order, but those that wait for another attempt."""
    rows = source.execute(
        "SELECT * FROM replication_tasks WHERE happened <= ? AND retry_at <= ? AND id > ? ORDER BY id LIMIT ?",
        (until, now, after, limit),
    )
    return [Task.of(row) for row in rows]


def done(transaction: Transaction, task: Task) -> None:
    """A task is carried out, or no longer needed."""
    transaction.execute("DELETE FROM replication_tasks WHERE id = ?", (task.id,))


def postpone(transaction: Transaction, task: Task, now: int, reason: str, *, failed: bool = True) -> None:
    """Try a task again later: `failed` ones ever more seldom, those that merely wait at a steady pace."""
    attempts = task.attempts + 1 if failed else task.attempts
    delay = min(FIRST_DELAY * 2 ** min(max(attempts - 1, 0), 16), LONGEST_DELAY) if failed else FIRST_DELAY
    transaction.execute(
        "UPDATE replication_tasks SET attempts = ?, retry_at = ?, reason = ? WHERE id = ?",
        (attempts, now + delay, reason, task.id),
    )


def progress(source: Source, bucket: Bucket, rule: str) -> Progress:
    """How far a rule is."""
    start = source.execute(
        "SELECT created, total FROM replication_starts WHERE bucket = ? AND rule = ?", (bucket.id, rule)
    ).fetchone()
    row = source.execute(
        "SELECT count(*) AS pending, coalesce(sum(historical), 0) AS historical, "
        "min(CASE WHEN historical = 0 THEN happened END) AS oldest, coalesce(sum(reason != ''), 0) AS failing, "
        "coalesce(max(reason), '') AS reason FROM replication_tasks WHERE bucket = ? AND rule = ?",
        (bucket.id, rule),
    ).fetchone()
    created, total = (start["created"], start["total"]) if start is not None else (0, 0)
    share = 1.0 if total == 0 else (total - row["historical"]) / total
    return Progress(created, share, row["oldest"], row["pending"], row["failing"], row["reason"])

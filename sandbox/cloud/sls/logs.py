"""The logs themselves: groups as they were sent, in the cloud's database, searched by reading them."""

from __future__ import annotations

import base64
import datetime
import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.cloud.core.clock import Clock
from sandbox.cloud.core.store import Store
from sandbox.cloud.sls.errors import invalid
from sandbox.cloud.sls.groups import parse_group, text
from sandbox.cloud.sls.model import LogStore
from sandbox.cloud.sls.query import Predicate

SCHEMA = """
CREATE TABLE IF NOT EXISTS log_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    store TEXT NOT NULL,
    shard INTEGER NOT NULL,
    received INTEGER NOT NULL,
    earliest INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    content BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS log_groups_by_time ON log_groups (store, latest);
CREATE INDEX IF NOT EXISTS log_groups_by_shard ON log_groups (store, shard, id);
"""
FOR_EVER = 3650
"""The retention that means that logs never go."""
DAY = 86400
RECEIVED = "__tag__:__receive_time__"


@dataclass(frozen=True)
class Found:
    """A log that a search found: its time (seconds, nanoseconds) and its fields as answers show them."""

    time: int
    nanoseconds: int
    fields: dict[str, str]


@dataclass(frozen=True)
class Interval:
    """Seconds since 1970, the end excluded."""

    begin: int
    end: int


class Logs:
    """All groups of all stores. Retention goes by when the cloud received a group, and by the cloud's own clock."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        store.define(SCHEMA)

    def append(self, store: LogStore, shard: int, content: bytes) -> None:
        """Keep a serialised group; one without logs is accepted and leaves nothing."""
        times = [log.Time for log in parse_group(content).Logs]
        if times:
            self._store.execute(
                "INSERT INTO log_groups (store, shard, received, earliest, latest, content) VALUES (?, ?, ?, ?, ?, ?)",
                (store.key, shard, self._now(), min(times), max(times), content),
            )

    def search(self, store: LogStore, interval: Interval, wanted: Predicate) -> Iterator[Found]:
        """The logs of a time that a query wants, group by group in the order they came."""
        last = 0
        while True:
            rows = self._store.execute(
                "SELECT id, received, content FROM log_groups WHERE store = ? AND latest >= ? AND earliest < ? "
                "AND received >= ? AND id > ? ORDER BY id LIMIT 100",
                (store.key, interval.begin, interval.end, self._oldest(store), last),
            )
            if not rows:
                return
            last = int(rows[-1][0])
            for _, received, content in rows:
                for found in _entries(parse_group(content), received):
                    if interval.begin <= found.time < interval.end and wanted(found.fields):
                        yield found

    def page(self, found: Iterator[Found], offset: int, lines: int, *, newest_first: bool) -> list[Found]:
        """One page of what was found, in the order of time; logs of the same moment in the order they came."""
        numbered = ((one.time, one.nanoseconds, number, one) for number, one in enumerate(found))
        choose = heapq.nlargest if newest_first else heapq.nsmallest
        chosen = choose(offset + lines, numbered, key=lambda item: item[:3])
        return [item[3] for item in itertools.islice(chosen, offset, None)]

    def pull(self, store: LogStore, shard: int, cursor: int, end: int | None, count: int) -> tuple[list[bytes], int]:
        """Groups of a shard from a cursor on, and the cursor behind them."""
        rows = self._store.execute(
            "SELECT id, content FROM log_groups WHERE store = ? AND shard = ? AND id >= ? AND id < ? AND received >= ? "
            "ORDER BY id LIMIT ?",
            (store.key, shard, cursor, end if end is not None else 2**62, self._oldest(store), count),
        )
        following = int(rows[-1][0]) + 1 if rows else max(cursor, end or 0)
        return [bytes(content) for _, content in rows], following

    def cursor_at(self, store: LogStore, shard: int, moment: str) -> int:
        """The cursor of `begin`, `end`, or the first group received at or after a time (seconds since 1970)."""
        if moment == "end":
            return self._end()
        if moment == "begin":
            received = self._oldest(store)
        elif moment.isascii() and moment.isdecimal() and len(moment) < 12:
            received = int(moment)
        else:
            raise invalid(f"from {moment!r} is neither begin, end nor a time in seconds")
        rows = self._store.execute(
            "SELECT MIN(id) FROM log_groups WHERE store = ? AND shard = ? AND received >= ?",
            (store.key, shard, max(received, self._oldest(store))),
        )
        return int(rows[0][0]) if rows[0][0] is not None else self._end()

    def received_at(self, store: LogStore, shard: int, cursor: int) -> int:
        """When the group at a cursor was received; now when there is none yet."""
        rows = self._store.execute(
            "SELECT received FROM log_groups WHERE store = ? AND shard = ? AND id >= ? ORDER BY id LIMIT 1",
            (store.key, shard, cursor),
        )
        return int(rows[0][0]) if rows else self._now()

    def forget(self, store: LogStore) -> None:
        """Delete all of a store."""
        self._store.execute("DELETE FROM log_groups WHERE store = ?", (store.key,))

    def expire(self, store: LogStore) -> None:
        """Delete what a store need not keep any more."""
        self._store.execute("DELETE FROM log_groups WHERE store = ? AND received < ?", (store.key, self._oldest(store)))

    def _end(self) -> int:
        rows = self._store.execute("SELECT seq FROM sqlite_sequence WHERE name = 'log_groups'")
        return int(rows[0][0]) + 1 if rows else 1

    def _oldest(self, store: LogStore) -> int:
        return 0 if store.ttl >= FOR_EVER else self._now() - store.ttl * DAY

    def _now(self) -> int:
        return int(self._clock.now().astimezone(datetime.UTC).timestamp())


def _entries(group: Any, received: int) -> Iterator[Found]:
    common = {"__topic__": text(group.Topic), "__source__": text(group.Source)}
    common |= {f"__tag__:{text(tag.Key)}": text(tag.Value) for tag in group.LogTags}
    for log in group.Logs:
        fields = {text(content.Key): text(content.Value) for content in log.Contents}
        yield Found(log.Time, log.TimeNs, common | {RECEIVED: str(received), "__time__": str(log.Time)} | fields)


def write_cursor(position: int) -> str:
    """A cursor as clients carry it."""
    return base64.b64encode(str(position).encode()).decode()


def read_cursor(cursor: str) -> int:
    """The position in a cursor. Raises CloudError when it was not made here."""
    try:
        return int(base64.b64decode(cursor.encode(), validate=True).decode("ascii")[:19])
    except ValueError:
        raise invalid(f"InvalidCursor: {cursor!r} is not a cursor of this store") from None

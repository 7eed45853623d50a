"""Listings: objects, versions and uploads in the order of their keys, with keys rolled up at a delimiter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from sandbox.cloud.oss.buckets import Source
from sandbox.cloud.oss.model import Bucket, ObjectVersion

MAXIMUM_KEYS = 1000
LAST_CHARACTER = 0x10FFFF


class Keyed(Protocol):
    """What a listing lists."""

    @property
    def key(self) -> str: ...


Item = TypeVar("Item", bound=Keyed)


@dataclass
class Page(Generic[Item]):
    """One answer's worth: entries and common prefixes, and where the next page begins."""

    items: list[Item] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    truncated: bool = False
    last_key: str = ""
    last_item: Item | None = None
    """The last item counted; None where the last entry was a common prefix."""


def successor(text: str) -> str | None:
    """The smallest text greater than every text that begins with `text`; None where there is none."""
    while text:
        code = ord(text[-1])
        if code < LAST_CHARACTER:
            code = 0xE000 if code == 0xD7FF else code + 1
            return text[:-1] + chr(code)
        text = text[:-1]
    return None


def paginate(
    fetch: Callable[[str, int], Sequence[Item]], *, prefix: str, delimiter: str, after: str, limit: int
) -> Page[Item]:
    """Walk items in order of key, jumping over what a common prefix covers.

    `fetch(key, count)` returns up to `count` items whose key is at or after `key`, has the prefix, and comes after the
    listing's own starting point.
    """
    page: Page[Item] = Page(last_key=after)
    if limit == 0:
        return page
    start = prefix
    covered = _common_prefix(after, prefix, delimiter)
    if covered and covered == after:
        following = successor(covered)
        if following is None:
            return page
        start = max(start, following)
    while True:
        missing = limit - len(page.items) - len(page.prefixes)
        items = fetch(start, missing + 1)
        jump: str | None = None
        for item in items:
            if len(page.items) + len(page.prefixes) == limit:
                page.truncated = True
                return page
            rolled = _common_prefix(item.key, prefix, delimiter)
            if rolled:
                page.prefixes.append(rolled)
                page.last_key, page.last_item = rolled, None
                jump = successor(rolled)
                break
            page.items.append(item)
            page.last_key, page.last_item = item.key, item
        if jump is None:
            return page
        start = jump


def _common_prefix(key: str, prefix: str, delimiter: str) -> str:
    if not delimiter or not key.startswith(prefix):
        return ""
    head, found, _ = key[len(prefix) :].partition(delimiter)
    return prefix + head + found if found else ""


def current_objects(source: Source, bucket: Bucket, prefix: str, after: str) -> Callable[..., list[ObjectVersion]]:
    """A `fetch` for `paginate`: the newest versions that are no delete markers."""
    end = _end(prefix)

    def fetch(key: str, count: int) -> list[ObjectVersion]:
        rows = source.execute(
            "SELECT * FROM versions WHERE bucket = ? AND latest = 1 AND key >= ? AND key != ? AND key < ? "
            "AND marker = 0 ORDER BY key LIMIT ?",
            (bucket.id, max(key, after), after, end, count),
        )
        return [ObjectVersion.of(row) for row in rows]

    return fetch


def all_versions(
    source: Source, bucket: Bucket, prefix: str, after: str, after_version: str
) -> Callable[..., list[ObjectVersion]]:
    """A `fetch` for `paginate`: every version and delete marker, a key's newest first."""
    end = _end(prefix)
    marker = source.execute(
        "SELECT id FROM versions WHERE bucket = ? AND key = ? AND version = ?", (bucket.id, after, after_version)
    ).fetchone()
    # Versions of the marker's own key follow it only when a version id says where to go on.
    older_than = marker["id"] if marker is not None else (2**62 if after_version else 0)

    def fetch(key: str, count: int) -> list[ObjectVersion]:
        rows = source.execute(
            "SELECT * FROM versions WHERE bucket = ? AND key >= ? AND (key != ? OR id < ?) AND key < ?"
            " ORDER BY key, id DESC LIMIT ?",
            (bucket.id, max(key, after), after, older_than, end, count),
        )
        return [ObjectVersion.of(row) for row in rows]

    return fetch


def _end(prefix: str) -> str | bytes:
    """The bound below which all keys with this prefix lie; for SQLite every blob is above every text."""
    following = successor(prefix)
    return b"" if following is None else following

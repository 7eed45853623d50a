"""Which backups are kept. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable

from controllers.backup.model import Summary, time_of
from controllers.config.backup import RetentionSettings

Bucket = Callable[[datetime.datetime], tuple[int, ...]]


def hour(at: datetime.datetime) -> tuple[int, ...]:
    return (at.year, at.month, at.day, at.hour)


def day(at: datetime.datetime) -> tuple[int, ...]:
    return (at.year, at.month, at.day)


def week(at: datetime.datetime) -> tuple[int, ...]:
    return tuple(at.isocalendar()[:2])


def kept(backups: Iterable[Summary], settings: RetentionSettings) -> set[str]:
    """Ids to keep: the newest of each of the last hours, days and weeks that have one, the newest, the newest proven.

    By the backups alone and not by the clock: where no backup was made for a month, none is deleted for being old.
    """
    newest_first = sorted(backups, key=lambda backup: backup.id, reverse=True)
    found = {backup.id for backup in newest_first[:1]}
    found.update(next(([backup.id] for backup in newest_first if backup.proven_at), []))
    for period, count in ((hour, settings.hourly), (day, settings.daily), (week, settings.weekly)):
        found.update(_newest_of_each(newest_first, period, count))
    return found


def _newest_of_each(newest_first: list[Summary], period: Bucket, count: int) -> list[str]:
    chosen: dict[tuple[int, ...], str] = {}
    for backup in newest_first:
        chosen.setdefault(period(time_of(backup.id)), backup.id)
    return list(chosen.values())[:count]

"""Which backups are kept: properties that hold for any history."""

from __future__ import annotations

import datetime

from hypothesis import given
from hypothesis import strategies as st

from controllers.backup.model import Summary, id_of, time_of
from controllers.backup.retention import day, hour, kept, week
from controllers.config.backup import RetentionSettings

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
BACKUPS = st.dictionaries(
    st.integers(0, 200_000).map(lambda minutes: id_of(START + datetime.timedelta(minutes=minutes))),
    st.booleans(),
    max_size=60,
).map(lambda found: [Summary(id=name, proven_at="2026" if proven else None) for name, proven in found.items()])
RETENTIONS = st.builds(
    RetentionSettings, hourly=st.integers(0, 30), daily=st.integers(0, 10), weekly=st.integers(0, 10)
)


@given(BACKUPS, RETENTIONS)
def test_the_newest_and_the_newest_proven_are_always_kept(backups: list[Summary], settings: RetentionSettings) -> None:
    keep = kept(backups, settings)
    assert keep <= {backup.id for backup in backups}
    if backups:
        assert max(backup.id for backup in backups) in keep
    proven = [backup.id for backup in backups if backup.proven_at]
    if proven:
        assert max(proven) in keep


@given(BACKUPS, RETENTIONS)
def test_the_newest_of_each_period_is_kept_and_no_more(backups: list[Summary], settings: RetentionSettings) -> None:
    keep = kept(backups, settings)
    for period, count in ((hour, settings.hourly), (day, settings.daily), (week, settings.weekly)):
        newest: dict[tuple[int, ...], str] = {}
        for backup in backups:
            key = period(time_of(backup.id))
            newest[key] = max(newest.get(key, ""), backup.id)
        assert {newest[key] for key in sorted(newest)[-count:] if count} <= keep
    assert len(keep) <= settings.hourly + settings.daily + settings.weekly + 2


@given(BACKUPS, RETENTIONS)
def test_removing_by_it_twice_removes_nothing_more(backups: list[Summary], settings: RetentionSettings) -> None:
    keep = kept(backups, settings)
    assert kept([backup for backup in backups if backup.id in keep], settings) == keep


def test_a_backup_every_four_hours_over_months_leaves_what_the_settings_say() -> None:
    backups: list[Summary] = []
    for hours in range(0, 24 * 120, 4):
        backups.append(Summary(id=id_of(START + datetime.timedelta(hours=hours)), proven_at="2026"))
        keep = kept(backups, RetentionSettings())
        backups = [backup for backup in backups if backup.id in keep]
    assert len({hour(time_of(backup.id)) for backup in backups}) >= 24
    days = {day(time_of(backup.id)) for backup in backups}
    assert {day(START + datetime.timedelta(days=119 - back)) for back in range(7)} <= days
    assert len({week(time_of(backup.id)) for backup in backups}) == 12
    assert len(backups) <= 24 + 7 + 12

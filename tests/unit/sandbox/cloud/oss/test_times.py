"""Times in answers have the one form that the official SDKs read."""

from __future__ import annotations

import datetime

from sandbox.cloud.oss.times import iso, milliseconds


def test_answers_give_whole_seconds_whatever_was_stored() -> None:
    moment = datetime.datetime(2026, 1, 31, 8, 0, 7, 509_000, datetime.UTC)
    assert iso(milliseconds(moment)) == "2026-01-31T08:00:07.000Z"

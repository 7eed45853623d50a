"""Durations are read as people write them."""

from __future__ import annotations

import datetime

import pytest

from sandbox.durations import parse_duration


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0), ("30s", 30), ("15m", 900), ("12h", 43200), ("90d", 7776000)])
def test_a_number_and_a_unit_are_a_duration(text: str, seconds: int) -> None:
    assert parse_duration(text) == datetime.timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5h", "1w", "1d ", "9999999999d"])
def test_anything_else_is_refused_with_the_form_that_is_wanted(text: str) -> None:
    with pytest.raises(ValueError, match="such as 90d"):
        parse_duration(text)

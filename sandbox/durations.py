"""Durations as people write them on the command line."""

from __future__ import annotations

import datetime
import re

UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
FORM = re.compile(r"(\d{1,9})(ms|[smhd])")


def parse_duration(text: str) -> datetime.timedelta:
    """A duration such as 250ms, 30s, 15m, 12h or 90d. Raises ValueError with the form that is wanted."""
    match = FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a whole number and ms, s, m, h or d, such as 90d")
    return datetime.timedelta(**{UNITS[match.group(2)]: int(match.group(1))})

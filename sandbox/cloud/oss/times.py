"""Time as object storage writes it."""

from __future__ import annotations

import datetime
from email.utils import format_datetime, parsedate_to_datetime


def milliseconds(moment: datetime.datetime) -> int:
    """A moment as milliseconds since 1970, the unit of every stored time."""
    return int(moment.timestamp() * 1000)


def iso(stamp: int) -> str:
    """A stored time as in XML answers, 2026-01-31T08:00:00.000Z: whole seconds, and the SDKs refuse another form."""
    moment = datetime.datetime.fromtimestamp(stamp // 1000, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def http_date(stamp: int) -> str:
    """A stored time as in HTTP headers."""
    return format_datetime(datetime.datetime.fromtimestamp(stamp // 1000, datetime.UTC), usegmt=True)


def parse_http_date(value: str) -> int | None:
    """Milliseconds since 1970 of an HTTP date; None where it is none (conditions with such a date are ignored)."""
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC))


def parse_iso(value: str) -> int | None:
    """Milliseconds since 1970 of an ISO 8601 time; None where it is none."""
    try:
        moment = datetime.datetime.fromisoformat(value)
    except ValueError:
        return None
    return milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC))

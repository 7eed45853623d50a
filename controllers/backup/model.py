"""What a backup says about itself."""

from __future__ import annotations

import datetime
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict

from controllers.errors import SettingsError

KUBERNETES = "kubernetes"
"""Source name of the namespace's objects."""
ID_FORMAT = "%Y%m%dT%H%M%SZ"
ID_PATTERN = re.compile(r"^\d{8}T\d{6}Z$")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(_Model):
    """One object: where it was, and what it held."""

    source: str
    key: str
    version: str
    """Of the source bucket: an entry with the same one need not be read again."""
    etag: str
    size: int
    sha256: str
    crc64: str
    """As OSS computes it: tells without reading whether a bucket holds the same bytes."""


class Manifest(_Model):
    """A backup."""

    format: Literal[1] = 1
    id: str
    business: str
    region: str
    began: str
    ended: str
    sources: dict[str, str]
    """Name to address."""
    pointers: tuple[str, ...]
    """`SOURCE/KEY` of the objects that name others; each was checked, and is restored after all others."""
    broken: tuple[str, ...] = ()
    """Pointers whose objects were missing, or other than they say, in the source itself."""
    entries: tuple[Entry, ...]
    copied_objects: int
    copied_bytes: int
    """What this backup had to copy; the rest was there already."""

    def of(self, source: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.source == source]

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)


class Proof(_Model):
    """A restore into a scratch prefix, compared object by object."""

    id: str
    at: str
    objects: int
    bytes: int
    seconds: float


class Summary(_Model):
    """A backup in a list."""

    id: str
    proven_at: str | None


def now_text(at: datetime.datetime) -> str:
    """Seconds are enough, and people read it."""
    return at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def id_of(at: datetime.datetime) -> str:
    """A backup's id is when it began (UTC): ids sort by time."""
    return at.astimezone(datetime.UTC).strftime(ID_FORMAT)


def time_of(identifier: str) -> datetime.datetime:
    """When a backup of this id began. Raises SettingsError if it is none."""
    if not ID_PATTERN.match(identifier):
        raise SettingsError(f"{identifier!r} is no backup's id, as 20260301T120000Z; `backup list` shows them")
    try:
        return datetime.datetime.strptime(identifier, ID_FORMAT).replace(tzinfo=datetime.UTC)
    except ValueError as error:
        raise SettingsError(f"{identifier!r} is no time: {error}") from error

"""What the traffic controller sees, and what it does. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

FORM = "lmc1"
"""First word of a note, for whoever wonders what that TXT record is."""
NAME = re.compile(r"^[a-z0-9-]{1,40}$")
TOKEN = re.compile(r"^[0-9]{1,20}$")


@dataclass(frozen=True)
class Record:
    """An A record of the business's name."""

    id: str
    region: str
    line: str
    enabled: bool


@dataclass(frozen=True)
class Note:
    """What a region's controller says to the others. `asks` and `answers` hold a number for a region's name."""

    beat: int = 0
    asks: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)
    out: frozenset[str] = frozenset()

    def says(self) -> tuple[object, ...]:
        """All but the beat."""
        return (dict(self.asks), dict(self.answers), self.out)

    def text(self) -> str:
        """As the TXT record's value."""
        words = [FORM, f"beat={self.beat}"]
        words += [f"ask={region}:{token}" for region, token in sorted(self.asks.items())]
        words += [f"answer={region}:{token}" for region, token in sorted(self.answers.items())]
        words += [f"out={region}" for region in sorted(self.out)]
        return " ".join(words)


def parse(text: str) -> Note | None:
    """A note from a TXT record's value; None if it is something else. Words that make no sense are left out."""
    words = text.strip().strip('"').split()
    if not words or words[0] != FORM:
        return None
    beat, out = 0, set()
    pairs: dict[str, dict[str, str]] = {"ask": {}, "answer": {}}
    for word in words[1:]:
        kind, _, value = word.partition("=")
        region, _, token = value.partition(":")
        if kind == "beat" and TOKEN.match(value):
            beat = int(value)
        elif kind == "out" and NAME.match(value):
            out.add(value)
        elif kind in pairs and NAME.match(region) and TOKEN.match(token):
            pairs[kind][region] = token
    return Note(beat, pairs["ask"], pairs["answer"], frozenset(out))


@dataclass(frozen=True)
class Zone:
    """What the DNS service said, all at once."""

    records: tuple[Record, ...] = ()
    notes: Mapping[str, Note] = field(default_factory=dict)


@dataclass(frozen=True)
class Switch:
    """Let a record be answered, or not. Of a line, what enables stands before what disables."""

    record: Record
    enable: bool
    reason: str


@dataclass(frozen=True)
class Plan:
    """What to do now: first the note, if there is one, and then look again; otherwise the switches, in order."""

    note: Note | None = None
    switches: tuple[Switch, ...] = ()

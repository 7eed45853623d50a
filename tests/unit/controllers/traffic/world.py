"""Regions, the network between them, the DNS zone and its controllers, in a time that only a test moves."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from functools import cache

from controllers.config.traffic import TrafficRegionSettings, TrafficSettings
from controllers.traffic.core import Core
from controllers.traffic.model import Note, Plan, Record, Zone, parse

read = cache(parse)
"""A note is read every second by everyone."""
LINES = {"default": ("a", "b", "c"), "telecom": ("a", "c", "b"), "unicom": ("b", "a", "c")}


def settings(region: str, regions: tuple[str, ...]) -> TrafficSettings:
    return TrafficSettings(
        business="qa",
        namespace="qa",
        region=region,
        zone="language.example.com",
        record="qa",
        regions=tuple(TrafficRegionSettings(name=name, address=f"192.0.2.{n}") for n, name in enumerate(regions)),
        lines={line: tuple(name for name in order if name in regions) for line, order in LINES.items()},
    )


@dataclass
class World:
    """Each second every controller that lives probes, reads the zone, decides and acts."""

    regions: tuple[str, ...] = ("a", "b")
    now: float = 0.0
    cores: dict[str, Core] = field(default_factory=dict)
    enabled: dict[tuple[str, str], bool] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    dead_servers: set[str] = field(default_factory=set)
    dead_controllers: set[str] = field(default_factory=set)
    no_zone: set[str] = field(default_factory=set)
    """Regions whose controller does not reach the DNS service."""
    cut: set[tuple[str, str]] = field(default_factory=set)
    """(from, to) that do not reach each other."""
    stale: set[str] = field(default_factory=set)
    """Controllers that read the zone now and act on it a second later."""
    history: list[tuple[float, str, str, str, bool]] = field(default_factory=list)
    _late: dict[str, Plan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.regions:
            self.start(name)
        self.enabled = {
            (line, name): name == order[0]
            for line, order in self.cores[self.regions[0]].settings.lines.items()
            for name in order
        }
        self.normal = dict(self.enabled)

    def start(self, region: str) -> None:
        self.cores[region] = Core(settings(region, self.regions))

    def zone(self) -> Zone:
        records = tuple(Record(f"{line}/{name}", name, line, on) for (line, name), on in self.enabled.items())
        return Zone(records, {name: note for name, text in self.notes.items() if (note := read(text)) is not None})

    def run(self, seconds: float, draw: random.Random | None = None) -> None:
        """In this or in a drawn order of controllers within each second."""
        for _ in range(int(seconds)):
            self.now += 1
            order = list(self.regions)
            if draw is not None:
                draw.shuffle(order)
            for name in order:
                if name not in self.dead_controllers:
                    self._turn(name)

    def _turn(self, name: str) -> None:
        core = self.cores[name]
        for other in self.regions:
            reached = other not in self.dead_servers and (name, other) not in self.cut
            core.probed(other, reached, self.now)
        if name in self.no_zone:
            return
        if (late := self._late.pop(name, None)) is not None:
            self._act(name, late)
        for _ in range(3):
            core.read(self.zone(), self.now, self.now)
            plan = core.decide(self.now)
            if plan.note is None:
                break
            self._write(name, plan.note)
        if name in self.stale:
            self._late[name] = plan
        else:
            self._act(name, plan)

    def _write(self, name: str, note: Note) -> None:
        assert parse(note.text()) == note
        self.notes[name] = note.text()
        self.cores[name].wrote(note, self.now)

    def _act(self, name: str, plan: Plan) -> None:
        for switch in plan.switches:
            record = replace(switch.record, enabled=switch.enable)
            if self.enabled[record.line, record.region] != record.enabled:
                self.enabled[record.line, record.region] = record.enabled
                self.history.append((self.now, name, record.line, record.region, record.enabled))

    def answered(self, line: str) -> list[str]:
        """Whom users of a line are given."""
        return [region for (at, region), on in self.enabled.items() if at == line and on]

"""What to answer: authoritative look-up in the account's zones, by name, type and line. Pure; no sockets."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from dataclasses import dataclass, field

from dnslib import AAAA, CAA, CNAME, MX, NS, QTYPE, RCODE, RD, RR, SOA, SRV, TXT, A

from sandbox.cloud.alidns.gtm_routing import Route, Routes
from sandbox.cloud.alidns.model import NAME_SERVERS, Record, Zones
from sandbox.cloud.dns.lines import Lines

NEGATIVE_TTL = 600
NAME_SERVER_TTL = 86400
LONGEST_ALIAS_CHAIN = 8


@dataclass
class Zone:
    """A zone's enabled records by name, and every name that exists in it (also those between)."""

    name: str
    serial: int
    records: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    names: set[str] = field(default_factory=set)
    weighted: frozenset[tuple[str, str, str]] = frozenset()
    """Names, types and lines of whose records one is answered by weight."""


@dataclass
class Answer:
    """The sections of a response."""

    code: int = RCODE.NOERROR
    authoritative: bool = True
    answers: list[RR] = field(default_factory=list)
    authority: list[RR] = field(default_factory=list)


class Resolver:
    """Answers from the zones as they are now; compiled again only after a change."""

    def __init__(self, zones: Zones, chance: random.Random | None = None, routes: Routes | None = None) -> None:
        """`chance` draws among weighted records; give one with a seed to know the draws."""
        self._source = zones
        self._routes = routes
        self._chance = chance or random.Random()  # noqa: S311 (spreads load; nothing secret)
        self._generation = 0
        self._zones: dict[str, Zone] = {}
        self._turn = itertools.count()

    def resolve(self, name: str, kind: str, line: str) -> Answer:
        """The answer for a name (any case, dot at the end or not), a type (A, ANY, ...) and the user's line."""
        self._refresh()
        lowered = name.rstrip(".").lower()
        zone, route = self._zone_of(lowered), self._route_of(lowered)
        if zone is None and route is None:
            return Answer(code=RCODE.REFUSED, authoritative=False)
        answer = Answer()
        for _ in range(LONGEST_ALIAS_CHAIN):
            if route is not None:
                alias = self._follow(route, kind, line, answer)
            elif zone is not None:
                alias = self._look_up(zone, lowered, kind, line, answer)
            if alias is None:
                break
            lowered, route = alias, self._route_of(alias)
            if route is None and (zone is None or self._zone_of(lowered) is not zone):
                break
        return answer

    def _route_of(self, name: str) -> Route | None:
        return self._routes.find(name) if self._routes is not None else None

    def _follow(self, route: Route, kind: str, line: str, answer: Answer) -> str | None:
        """Add what a traffic manager answers; the name to go on with when that is an alias."""
        found = route.answer(Lines.fallbacks(line), self._chance)
        for given, value in found:
            if given == "CNAME" or kind in (given, "ANY"):
                data = {"A": A, "AAAA": AAAA, "CNAME": CNAME}[given](value)
                answer.answers.append(RR(route.name, getattr(QTYPE, given), ttl=route.ttl, rdata=data))
        if found and found[0][0] == "CNAME" and kind not in ("CNAME", "ANY"):
            return found[0][1]
        if not answer.answers or not found:
            answer.authority = [_authority(route.name.split(".", 1)[1], 1)]
        return None

    def _look_up(self, zone: Zone, name: str, kind: str, line: str, answer: Answer) -> str | None:
        """Add what a name has to the answer; the name to go on with when it is an alias."""
        owner = _owner(zone, name)
        if owner is None:
            answer.code = RCODE.NXDOMAIN
            answer.authority = [_soa(zone)]
            return None
        found = self._drawn(zone, owner, _by_line(zone.records.get(owner, []), line))
        aliases = [record for record in found if record.kind == "CNAME"]
        if aliases and kind not in ("CNAME", "ANY"):
            alias = aliases[next(self._turn) % len(aliases)]  # one only: a name has one alias in any answer
            answer.answers.append(_rr(name, alias))
            return alias.value
        wanted = [_rr(name, record) for record in found if kind in (record.kind, "ANY")]
        if name == zone.name and kind in ("SOA", "ANY"):
            wanted.append(_soa(zone))
        if name == zone.name and kind in ("NS", "ANY"):
            wanted += [RR(name, QTYPE.NS, ttl=NAME_SERVER_TTL, rdata=NS(server)) for server in NAME_SERVERS]
        if wanted:
            turn = next(self._turn) % len(wanted)
            answer.answers += wanted[turn:] + wanted[:turn]
        else:
            answer.authority = [_soa(zone)]
        return None

    def _drawn(self, zone: Zone, owner: str, found: list[Record]) -> list[Record]:
        """The records, with one drawn by weight from those of each type that has weights."""
        drawn = []
        for (kind, line), group in itertools.groupby(found, key=lambda record: (record.kind, record.line)):
            records = list(group)
            if (owner, kind, line) in zone.weighted:
                records = self._chance.choices(records, [record.weight for record in records])
            drawn += records
        return drawn

    def _refresh(self) -> None:
        generation = self._source.generation
        if generation == self._generation:
            return
        weighted = frozenset((item.name, item.kind, item.line) for item in self._source.weighted.list())
        zones = {
            domain.name: Zone(domain.name, generation, names={domain.name}, weighted=weighted)
            for domain in self._source.domains.list()
        }
        for record in self._source.records.list():
            zone = zones.get(record.domain)
            if zone is None or not record.enabled:
                continue
            zone.records[record.name].append(record)
            labels = record.name.split(".")
            depth = len(labels) - len(zone.name.split("."))
            zone.names.update(".".join(labels[position:]) for position in range(depth + 1))
        self._zones, self._generation = zones, generation

    def _zone_of(self, name: str) -> Zone | None:
        labels = name.split(".")
        for position in range(len(labels)):
            zone = self._zones.get(".".join(labels[position:]))
            if zone is not None:
                return zone
        return None


def _owner(zone: Zone, name: str) -> str | None:
    """The name whose records answer `name`: itself, or the wildcard below its closest ancestor that exists."""
    if name in zone.names:
        return name
    labels = name.split(".")
    for position in range(1, len(labels)):
        ancestor = ".".join(labels[position:])
        if ancestor in zone.names:
            wildcard = f"*.{ancestor}"
            return wildcard if wildcard in zone.names else None
    return None


def _by_line(records: list[Record], line: str) -> list[Record]:
    """The records of the best line that has any, decided type by type."""
    chosen = []
    for kind in sorted({record.kind for record in records}):
        of_kind = [record for record in records if record.kind == kind]
        for candidate in Lines.fallbacks(line):
            found = [record for record in of_kind if record.line == candidate]
            if found:
                chosen += found
                break
    return chosen


def _soa(zone: Zone) -> RR:
    return _authority(zone.name, zone.serial)


def _authority(name: str, serial: int) -> RR:
    times = (serial, 3600, 1200, 86400, NEGATIVE_TTL)
    return RR(name, QTYPE.SOA, ttl=NEGATIVE_TTL, rdata=SOA(NAME_SERVERS[0], "hostmaster.alidns.com", times))


def _rr(name: str, record: Record) -> RR:
    return RR(name, getattr(QTYPE, record.kind), ttl=record.ttl, rdata=_data(record))


def _data(record: Record) -> RD:
    value = record.value
    if record.kind == "TXT":
        encoded = value.encode()
        return TXT([encoded[start : start + 255] for start in range(0, len(encoded), 255)])
    if record.kind == "MX":
        return MX(value, record.priority)
    if record.kind == "SRV":
        priority, weight, port, target = value.split()
        return SRV(int(priority), int(weight), int(port), target)
    if record.kind == "CAA":
        flags, tag, text = value.split(maxsplit=2)
        return CAA(int(flags), tag, text.strip('"'))
    simple = {"A": A, "AAAA": AAAA, "CNAME": CNAME, "NS": NS}
    return simple[record.kind](value)

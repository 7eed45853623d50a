"""Decides which records users are given. Pure: fed with probes and the zone's content, asked what to do now."""

from __future__ import annotations

from dataclasses import dataclass

from controllers.config.traffic import TrafficSettings
from controllers.traffic.model import Note, Plan, Record, Switch, Zone


@dataclass
class Health:
    """How a region's entry answered us."""

    failures: int = 0
    """In a row."""
    failing_since: float | None = None
    well_since: float | None = None

    def see(self, ok: bool, now: float) -> None:
        if ok:
            self.failures, self.failing_since = 0, None
            self.well_since = now if self.well_since is None else self.well_since
        else:
            self.failures += 1
            self.well_since = None
            self.failing_since = now if self.failing_since is None else self.failing_since


@dataclass
class Question:
    """Asked of a region that we cannot reach."""

    token: str
    published_at: float | None = None
    answered_at: float | None = None


@dataclass
class _Heard:
    note: Note
    changed_at: float


class Core:
    """One controller's mind. Times are of any clock that does not go back."""

    def __init__(self, settings: TrafficSettings) -> None:
        self.settings = settings
        self.me = settings.region
        self.order = [region.name for region in settings.regions]
        self.others = [name for name in self.order if name != self.me]
        self.health = {name: Health() for name in self.order}
        self.out: set[str] = set()
        """Regions that we accuse."""
        self.questions: dict[str, Question] = {}
        self._answers: dict[str, str] = {}
        self._heard: dict[str, _Heard] = {}
        self._zone: Zone | None = None
        self._read_at = 0.0
        self._said = Note()
        self._said_at = float("-inf")
        self._tokens = 0

    # ---- seeing

    def probed(self, region: str, ok: bool, now: float) -> None:
        """A region's entry answered us, or not."""
        self.health[region].see(ok, now)

    def read(self, zone: Zone, started: float, now: float) -> None:
        """The zone's content, asked for at `started`."""
        if self._zone is None and (own := zone.notes.get(self.me)) is not None:
            # We were started again: whom we had taken out stays out until it has been well for long enough.
            self.out = {name for name in own.out if name in self.others}
            self._said, self._tokens = own, max([own.beat, *map(int, own.asks.values())])
        for region, note in zone.notes.items():
            heard = self._heard.get(region)
            if heard is None or heard.note != note:
                self._heard[region] = _Heard(note, now)
        self._heard = {region: heard for region, heard in self._heard.items() if region in zone.notes}
        self._zone, self._read_at = zone, started

    def wrote(self, note: Note, now: float) -> None:
        """The DNS service took our note."""
        self._said, self._said_at = note, now
        for region, question in self.questions.items():
            if note.asks.get(region) == question.token and question.published_at is None:
                question.published_at = now

    # ---- deciding

    def decide(self, now: float) -> Plan:
        """What to do. Asked again without anything new, it says the same."""
        if self._zone is None:
            return Plan()
        for region in self.others:
            self._judge(region, now)
        self._answer()
        note = self._news(now)
        return Plan(note) if note is not None else Plan(switches=tuple(self._switches(now)))

    def is_failing(self, region: str) -> bool:
        """Whether we cannot reach a region's entry."""
        return self.health[region].failures >= self.settings.timings.sick_failures

    def is_well(self, region: str) -> bool:
        """Whether we reach it now."""
        return self.health[region].well_since is not None

    def taken_out(self, now: float) -> set[str]:
        """Regions that users are led away from, by all notes that count; the same in whoever reads the same notes."""
        found: set[str] = set()
        for accuser in self.order:
            heard = self._heard.get(accuser)
            if accuser in found or heard is None or now - heard.changed_at > self.settings.timings.note_seconds:
                continue
            found.update(name for name in heard.note.out if name in self.health and name != accuser)
        return found

    def _judge(self, region: str, now: float) -> None:
        timings = self.settings.timings
        health = self.health[region]
        if region in self.out:
            if health.well_since is not None and now - health.well_since >= timings.healthy_seconds:
                self.out.discard(region)
                self.questions.pop(region, None)
            return
        blind = not any(self.is_well(name) for name in self.order if name != region)
        if not health.failures or blind:
            self.questions.pop(region, None)
            return
        question = self.questions.get(region)
        if question is None:
            question = self.questions[region] = self._ask()
        heard = self._heard.get(region)
        if heard is not None and heard.note.answers.get(self.me) == question.token:
            if question.answered_at is None:
                question.answered_at = now
            elif now - question.answered_at >= timings.ask_again_seconds:
                self.questions[region] = self._ask()
        elif (
            self.is_failing(region)
            and question.published_at is not None
            and self._read_at >= question.published_at + timings.answer_seconds
        ):
            self.out.add(region)  # the zone was read after the time to answer was over, and there was no answer

    def _ask(self) -> Question:
        self._tokens += 1
        return Question(str(self._tokens))

    def _answer(self) -> None:
        """Say that we are well, if we are, to those who ask."""
        asked = {
            region: heard.note.asks[self.me]
            for region, heard in self._heard.items()
            if region in self.others and self.me in heard.note.asks
        }
        old = {region: token for region, token in self._answers.items() if asked.get(region) == token}
        self._answers = asked if self.is_well(self.me) else old

    def _news(self, now: float) -> Note | None:
        asks = {region: question.token for region, question in self.questions.items()}
        self._tokens = max(self._tokens, self._said.beat)
        note = Note(self._said.beat + 1, asks, dict(self._answers), frozenset(self.out))
        renewal = bool(self.out) and now - self._said_at >= self.settings.timings.note_seconds / 3
        return note if renewal or note.says() != self._said.says() else None

    def _switches(self, now: float) -> list[Switch]:
        assert self._zone is not None  # noqa: S101 - decide() looked
        out = self.taken_out(now)
        switches: list[Switch] = []
        for line, order in self.settings.lines.items():
            records = {record.region: record for record in self._zone.records if record.line == line}
            chosen = next((name for name in order if name in records and name not in out), None)
            if chosen is None or not self.is_well(chosen):
                continue  # nobody better, as far as we see: what users have stays
            switches += self._of_line(records, chosen, out)
        return switches

    def _of_line(self, records: dict[str, Record], chosen: str, out: set[str]) -> list[Switch]:
        found = []
        if not records[chosen].enabled:
            nearer = ", ".join(sorted(out & set(records))) or "no nearer region"
            found.append(Switch(records[chosen], True, f"{chosen} is the nearest that is well; out: {nearer}"))
        for name, record in records.items():
            if name != chosen and record.enabled:
                why = "is out" if name in out else f"stands by for {chosen}"
                found.append(Switch(record, False, f"{name} {why}"))
        return found

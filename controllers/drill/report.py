"""What drills showed: a table (Markdown), a line of JSON each, and whether the objectives were met."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from controllers.drill.probing import Counts
from controllers.errors import SettingsError

NONE = Counts()


class Moment(NamedTuple):
    """What was seen at some moment; it holds until the next one."""

    at: float
    """Seconds after the breaking; before it, less than 0."""
    workers: int
    """At work."""
    servers: int
    """Pods of the servers that are ready, in the first region."""
    requests: int
    failed: int
    """Of the business's own users, from the drill's beginning."""


@dataclass
class Result:
    """What one drill showed; seconds from the moment of breaking. None: it did not come to it."""

    drill: str
    meaning: str
    targets: list[str]
    objective: float
    detected: float | None = None
    replaced: float | None = None
    at_work: float | None = None
    tasks_redone: int | None = None
    steps_redone: int | None = None
    incidents: tuple[str, ...] = ()
    failed: Counts = NONE
    """Requests of the business's own users, all the while, in each of its regions."""
    others: Counts = NONE
    """Of other businesses' users."""
    lost: int = 0
    note: str = ""
    problem: str = ""
    timeline: tuple[Moment, ...] = ()

    @property
    def passed(self) -> bool:
        """In time, nothing lost, and no other business has noticed."""
        in_time = self.at_work is not None and self.at_work <= self.objective
        return not self.problem and in_time and not self.lost and not self.others.failed

    def to_json(self) -> str:
        """In one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Result:
        """What `to_json` wrote."""
        entry = json.loads(text)
        counts = {name: Counts(**entry.pop(name)) for name in ("failed", "others")}
        moments = tuple(Moment(*moment) for moment in entry.pop("timeline", ()))
        return cls(**{**entry, **counts, "incidents": tuple(entry["incidents"]), "timeline": moments})


def kept(path: Path | None) -> list[Result]:
    """The results in a file, a line each, the last one of each drill, in the order in which they were first done.
    Raises SettingsError if it holds something else."""
    found: dict[str, Result] = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []:
            result = Result.from_json(line)
            found[result.drill] = result
    except (ValueError, TypeError, KeyError) as error:
        raise SettingsError(f"{path} holds no results of drills: {error!r}; name another file") from error
    return list(found.values())


HEADS = (
    *("drill", "what", "detected", "replaced", "at work", "objective", "redone", "lost"),
    *("requests failed", "at others", "the monitor's record", ""),
)


def table(results: Sequence[Result]) -> str:
    """Markdown."""
    lines = ["| " + " | ".join(HEADS) + " |", "|---" * len(HEADS) + "|"]
    lines += ["| " + " | ".join(cell.replace("|", "/") for cell in _cells(result)) + " |" for result in results]
    notes = [f"- `{result.drill}`: {result.note}" for result in results if result.note]
    return "\n".join([*lines, *(["", *notes] if notes else [])])


def _cells(result: Result) -> list[str]:
    redone = [
        f"{count} {what}{'s' * (count > 1)}"
        for count, what in ((result.tasks_redone, "task"), (result.steps_redone, "step"))
        if count
    ]
    return [
        result.drill,
        f"{result.meaning}: {', '.join(map(_short, result.targets))}",
        _seconds(result.detected),
        _seconds(result.replaced),
        _seconds(result.at_work),
        f"{result.objective:.0f} s",
        ", ".join(redone) or "-",
        str(result.lost) if result.lost else "none",
        str(result.failed),
        str(result.others),
        ", ".join(result.incidents) or "-",
        "met" if result.passed else f"missed {result.problem}".strip(),
    ]


def _short(target: str) -> str:
    """A pod of the job without the words that all of them share; an object without the outer of its folders."""
    return "/".join(re.sub(r"^elasticdl-.*?(?=(master|worker|ps)\b)", "", target).split("/")[-2:])


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"

"""What drills showed: a table (Markdown), a plot (SVG), and whether the objectives were met."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from controllers.drill.probing import Counts
from controllers.errors import SettingsError

ROW, LEFT, WIDTH = 24, 150, 900
DETECTED, WAITED, MISSED, LIMIT = "#ef6c00", "#2e7d32", "#c62828", "#555"


NONE = Counts()


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
        return cls(**{**entry, **counts, "incidents": tuple(entry["incidents"])})


def kept(path: Path) -> list[Result]:
    """The results in a file, a line each, the last one of each drill, in the order in which they were first done.
    Raises SettingsError if it holds something else."""
    found: dict[str, Result] = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
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
        f"{count} {what}" for count, what in ((result.tasks_redone, "tasks"), (result.steps_redone, "steps")) if count
    ]
    return [
        result.drill,
        f"{result.meaning}: {', '.join(result.targets)}",
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


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def plot(results: Sequence[Result]) -> str:
    """A bar a drill: orange until it was detected, green until the job was at work, red where that was too late, beside
    a mark where it should have been. Each bar has a scale of its own, as objectives lie between 10 s and minutes."""
    scale = (WIDTH - LEFT - 220) / 1.5
    parts = [_text(10, 18, "share of the objective that was taken; the mark is the objective")]
    for number, result in enumerate(results):
        y = 34 + number * ROW
        parts.append(_text(10, y + 13, result.drill))
        end = LEFT + scale
        parts.append(f'<line x1="{end:.1f}" y1="{y - 2}" x2="{end:.1f}" y2="{y + ROW - 6}" stroke="{LIMIT}"/>')
        if result.at_work is None:
            parts.append(_text(LEFT, y + 13, f"missed: {result.problem}"[:90]))
            continue
        width = max(2.0, min(1.5, result.at_work / result.objective) * scale)
        parts.append(_bar(LEFT, y, width, WAITED if result.passed else MISSED))
        if result.detected is not None and result.detected < result.at_work:
            parts.append(_bar(LEFT, y, max(1.0, width * result.detected / result.at_work), DETECTED))
        shown = f"{result.at_work:.1f} s of {result.objective:.0f} s"
        parts.append(_text(max(LEFT + width, end) + 6, y + 13, shown))
    height = 46 + len(results) * ROW
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
    style = "<style>text{font:12px sans-serif;fill:#333}</style>"
    return "\n".join([head, style, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])


def _bar(x: float, y: float, width: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 9}" rx="2" fill="{colour}"/>'


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y}">{html.escape(text)}</text>'

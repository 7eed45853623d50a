"""The drills' picture (SVG): how long each took beside its objective, and what was there meanwhile."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from controllers.drill.report import Result
from controllers.errors import SettingsError

MET, MISSED, DETECTED, WORKERS, SERVERS = "#2e7d32", "#c62828", "#ef6c00", "#1565c0", "#9e9e9e"
COLUMNS = 3
LEAST_SECONDS = 0.3
"""Where the scale begins: what took less is drawn so."""


def plot(results: Sequence[Result]) -> str:
    """Raises SettingsError where the library that draws is missing: it is not in the controllers' image."""
    try:
        from matplotlib import rc_context  # noqa: PLC0415 - only who asks for a picture needs it
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError("--plot needs matplotlib; `make setup` installs it") from error
    followed = [result for result in results if result.timeline]
    rows = math.ceil(len(followed) / COLUMNS)
    height = 1.2 + 0.32 * len(results)
    with rc_context({"svg.hashsalt": "drills", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(11, height + 1.7 * rows), layout="constrained")
        parts = figure.subfigures(2, 1, height_ratios=[height, 1.7 * rows]) if rows else [figure]
        _draw_times(parts[0].subplots(), results)
        if rows:
            axes = parts[1].subplots(rows, COLUMNS, squeeze=False)
            for number, place in enumerate(axes.flat):
                if number < len(followed):
                    _draw_timeline(place, followed[number])
                else:
                    place.axis("off")
            parts[1].legend(
                *axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False
            )
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _draw_times(axes: Any, results: Sequence[Result]) -> None:
    """A bar a drill, red where it missed; orange until it was detected; a mark where it should have been."""
    names = [result.drill for result in results]
    axes.set_xscale("log")
    for number, result in enumerate(results):
        if result.at_work is None:
            axes.text(LEAST_SECONDS, number, f" missed: {result.problem}"[:110], va="center", color=MISSED)
        else:
            end = max(result.at_work, LEAST_SECONDS)
            axes.barh(number, end, color=MET if result.passed else MISSED, height=0.6)
            if result.detected:
                axes.barh(number, min(end, max(result.detected, LEAST_SECONDS)), color=DETECTED, height=0.25)
            axes.text(end, number, f"  {result.at_work:.1f} s", va="center")
        axes.plot([result.objective] * 2, [number - 0.4, number + 0.4], color="black", linewidth=1.5)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(left=LEAST_SECONDS)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("seconds until the job was at work again; orange until it was detected; black its objective")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_timeline(axes: Any, result: Result) -> None:
    at = [moment.at for moment in result.timeline]
    axes.step(at, [moment.workers for moment in result.timeline], where="post", color=WORKERS, label="workers at work")
    axes.step(at, [moment.servers for moment in result.timeline], where="post", color=SERVERS, label="servers ready")
    failing = [
        later.at
        for earlier, later in zip(result.timeline, result.timeline[1:], strict=False)
        if later.failed > earlier.failed
    ]
    axes.plot(failing, [0.0] * len(failing), "|", color=MISSED, markersize=8, label="requests failed")
    axes.axvline(0, color="black", linewidth=0.8, linestyle=":")
    if result.at_work is not None:
        axes.axvline(result.at_work, color=MET if result.passed else MISSED, linewidth=0.8, linestyle=":")
    axes.set_title(f"{result.drill}: {result.failed} requests failed", loc="left", fontsize=8)
    axes.set_ylim(bottom=-0.3)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)

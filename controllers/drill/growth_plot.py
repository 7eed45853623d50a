"""A growing and shrinking training's picture (SVG): workers, nodes and tasks, one above the other."""

from __future__ import annotations

import io
from typing import Any

from controllers.drill.growth_result import GrowthResult
from controllers.errors import SettingsError

WANTED, AT_WORK, STANDBY, NODES, LEFT, TAKEN = "#9e9e9e", "#2e7d32", "#ef6c00", "#1565c0", "#6a1b9a", "#fff3e0"


def plot(result: GrowthResult) -> str:
    """Raises SettingsError where the library that draws is missing: it is not in the controllers' image."""
    try:
        from matplotlib import rc_context  # noqa: PLC0415 - only who asks for a picture needs it
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError("--plot needs matplotlib; `make setup` installs it") from error
    with rc_context({"svg.hashsalt": "growth", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(9, 5.5), layout="constrained")
        axes = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2, 2])
        lines = (
            ("workers", (("wanted", WANTED, "wanted", "--"), ("workers", AT_WORK, "at work", "-"),
                         ("standbys", STANDBY, "standing by", ":"))),
            ("nodes for training", (("nodes", NODES, "Ready", "-"),)),
            ("tasks of the epoch", (("left", LEFT, "left", "-"),)),
        )  # fmt: skip
        for place, (title, drawn) in zip(axes, lines, strict=True):
            _mark_the_urgent_pod(place, result)
            for line in drawn:
                _steps(place, result, *line)
            place.set_title(title, loc="left", fontsize=9)
            place.spines[["top", "right"]].set_visible(False)
            place.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        axes[-1].set_xlabel(
            "seconds after the job was seen first; shaded while a pod of serving takes a worker's place"
        )
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _mark_the_urgent_pod(axes: Any, result: GrowthResult) -> None:
    seen = result.preemption
    if seen is not None and seen.asked_at is not None and result.samples:
        until = result.samples[-1].at if seen.gone_at is None else seen.gone_at
        axes.axvspan(seen.asked_at, until, color=TAKEN, zorder=0)


def _steps(axes: Any, result: GrowthResult, name: str, color: str, label: str, style: str) -> None:
    at = [sample.at for sample in result.samples]
    values = [getattr(sample, name) for sample in result.samples]
    axes.step(at, values, where="post", color=color, label=label, linestyle=style)
    axes.set_ylim(bottom=0)
    axes.yaxis.get_major_locator().set_params(integer=True)

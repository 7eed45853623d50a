"""A burst's picture (SVG): servers, workers, nodes and latency, one above the other over the same seconds."""

from __future__ import annotations

import io
from typing import Any

from controllers.drill.elasticity import BURST, BurstResult
from controllers.errors import SettingsError

READY, DESIRED, WORKERS, SERVING, TRAINING = "#1565c0", "#9e9e9e", "#2e7d32", "#1565c0", "#2e7d32"
MEDIAN, SLOWEST, REFUSED, FAILED, LOAD = "#1565c0", "#ef6c00", "#ef6c00", "#c62828", "#fff3e0"


def plot(result: BurstResult) -> str:
    """Raises SettingsError where the library that draws is missing: it is not in the controllers' image."""
    try:
        from matplotlib import rc_context  # noqa: PLC0415 - only who asks for a picture needs it
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError("--plot needs matplotlib; `make setup` installs it") from error
    with rc_context({"svg.hashsalt": "burst", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(9, 7.5), layout="constrained")
        axes = figure.subplots(4, 1, sharex=True, height_ratios=[3, 2, 2, 3])
        for place, draw in zip(axes, (_servers, _workers, _nodes, _latency), strict=True):
            _mark_the_load(place, result)
            draw(place, result)
            place.spines[["top", "right"]].set_visible(False)
            place.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        axes[-1].set_xlabel("seconds after the burst began; shaded while it lasts")
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _mark_the_load(axes: Any, result: BurstResult) -> None:
    burst = [sample.at for sample in result.samples if sample.phase == BURST]
    if burst:
        axes.axvspan(0.0, burst[-1], color=LOAD, zorder=0)


def _steps(axes: Any, result: BurstResult, name: str, color: str, label: str, style: str = "-") -> None:
    at = [sample.at for sample in result.samples]
    values = [getattr(sample, name) for sample in result.samples]
    axes.step(at, values, where="post", color=color, label=label, linestyle=style)
    axes.set_ylim(bottom=0)
    axes.yaxis.get_major_locator().set_params(integer=True)


def _servers(axes: Any, result: BurstResult) -> None:
    _steps(axes, result, "desired", DESIRED, "wanted by the autoscaler", "--")
    _steps(axes, result, "ready", READY, "ready")
    axes.set_title("servers", loc="left", fontsize=9)


def _workers(axes: Any, result: BurstResult) -> None:
    _steps(axes, result, "workers", WORKERS, "at work")
    axes.set_ylim(top=max(result.workers, 1) + 0.5)
    axes.set_title("training workers", loc="left", fontsize=9)


def _nodes(axes: Any, result: BurstResult) -> None:
    _steps(axes, result, "serving_nodes", SERVING, "Ready, for serving")
    _steps(axes, result, "training_nodes", TRAINING, "Ready, for training")
    axes.set_title("nodes of the business", loc="left", fontsize=9)


def _latency(axes: Any, result: BurstResult) -> None:
    for name, color, label in (("p99", SLOWEST, "99 % within"), ("p50", MEDIAN, "half within")):
        seen = [(sample.at, getattr(sample, name)) for sample in result.samples if getattr(sample, name) is not None]
        axes.plot([at for at, _ in seen], [value * 1000 for _, value in seen], color=color, label=label, linewidth=1)
    if any(sample.p50 is not None for sample in result.samples):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    bottom = axes.get_ylim()[0]
    for name, color, label in (("refused", REFUSED, "refused: come again"), ("failed", FAILED, "failed")):
        at = [sample.at for sample in result.samples if getattr(sample, name)]
        axes.plot(at, [bottom] * len(at), "|", color=color, markersize=9, label=label, clip_on=False)
    axes.set_title("milliseconds until the answer", loc="left", fontsize=9)

"""The report's plots, PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from trainer.evaluation.measure import NEAREST

PERPLEXITY, ACCURACY, WEIGHTS = "perplexity.png", "next-word-accuracy.png", "mixture-weights.png"


def write_plots(report: dict[str, Any], folder: Path) -> list[str]:
    """Write all of them; their names."""
    _perplexity(report).savefig(folder / PERPLEXITY, dpi=100)
    _accuracy(report).savefig(folder / ACCURACY, dpi=100)
    _weights(report).savefig(folder / WEIGHTS, dpi=100)
    return [PERPLEXITY, ACCURACY, WEIGHTS]


def _figure(title: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _perplexity(report: dict[str, Any]) -> Figure:
    figure, axes = _figure("Perplexity of the test part, lower is better")
    ordered = sorted(report["perplexity"].items(), key=lambda item: -item[1])
    bars = axes.barh([name for name, _ in ordered], [value for _, value in ordered], color="#4c72b0")
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    return figure


def _accuracy(report: dict[str, Any]) -> Figure:
    figure, axes = _figure("The word that comes is among the likeliest")
    for name, shares in report["next_word_accuracy"].items():
        axes.plot(NEAREST, [shares[str(count)] for count in NEAREST], marker="o", label=name)
    axes.set_xlabel("likeliest words")
    axes.set_ylabel("share of positions")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def _weights(report: dict[str, Any]) -> Figure:
    figure, axes = _figure("The mixture's weights")
    weights = report["weights"]
    groups = range(len(weights["by_words_seen_together"]))
    under = [0.0] * len(groups)
    for column, name in enumerate(weights["parts"]):
        heights = [row[column] for row in weights["by_words_seen_together"]]
        axes.bar(groups, heights, bottom=under, label=name)
        under = [below + height for below, height in zip(under, heights, strict=True)]
    axes.set_xlabel("words before that were seen together")
    axes.set_xticks(list(groups))
    axes.legend(frameon=False, loc="lower left")
    return figure

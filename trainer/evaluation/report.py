"""The report as a page: Markdown, with its plots beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.evaluation.measure import NEAREST


def as_markdown(report: dict[str, Any], title: str, plots: Sequence[str] = ()) -> str:
    """The whole page; `plots` are files' names in its folder."""
    parts = [
        f"# {title}\n",
        _perplexity(report),
        _mixture(report),
        _accuracy(report),
        _calibration(report),
        _parts_of_speech(report),
        _data(report),
        *(f"![{name.removesuffix('.png').replace('-', ' ')}]({name})\n" for name in plots),
    ]
    return "\n".join(part for part in parts if part)


def _perplexity(report: dict[str, Any]) -> str:
    rows = "\n".join(
        f"| {name} | {value:,.1f} | {np.log(value):.3f} ± {report['standard_error_nats'][name]:.3f} |"
        for name, value in sorted(report["perplexity"].items(), key=lambda item: item[1])
    )
    positions = f"{report['positions']:,} of {report['held_out_words']:,}"
    parts = ", ".join(report["weights"]["parts"])
    return f"""Perplexity of the test part (lower is better), every model over the same {report["vocabulary"]:,} words
and on the same {positions} words; {report["unknown_share"]:.1%} of them are unknown and count as one word. Trained on
{report["training_words"]:,} words. All probabilities are normalised over the whole vocabulary. The mixture is made of:
{parts}. Its figure is none of theirs.

| model | perplexity | nats a word (± standard error) |
|---|---|---|
{rows}
"""


def _mixture(report: dict[str, Any]) -> str:
    weights = report["weights"]
    names = " | ".join(weights["parts"])
    rows = "\n".join(
        f"| {group} | {positions:,} | {' | '.join(f'{weight:.2f}' for weight in row)} |"
        for group, (row, positions) in enumerate(
            zip(weights["by_words_seen_together"], weights["positions"], strict=True)
        )
    )
    return f"""## The mixture's weights
Fitted on the validation part, by how many of the words before were seen together in the training text.

| words seen together | positions | {names} |
|---|---|{"---|" * len(weights["parts"])}
{rows}
"""


def _accuracy(report: dict[str, Any]) -> str:
    heads = " | ".join(f"among {count}" if count > 1 else "first" for count in NEAREST)
    rows = "\n".join(
        f"| {name} | {' | '.join(f'{shares[str(count)]:.1%}' for count in NEAREST)} |"
        for name, shares in report["next_word_accuracy"].items()
    )
    return f"""## The next word
How often the word that comes is the likeliest, or among the likeliest.

| model | {heads} |
|---|{"---|" * len(NEAREST)}
{rows}
"""


def _calibration(report: dict[str, Any]) -> str:
    found = report["calibration"]
    low, high = found["quantiles"]["0.05"], found["quantiles"]["0.95"]
    return f"""## The network's self-normalised score
Estimated less exact log-probability, nats a word: mean {found["mean"]:+.3f}, deviation {found["deviation"]:.3f}; nine
of ten between {low:+.2f} and {high:+.2f}; correlation with the exact ones {found["correlation_with_exact"]:.3f}.
"""


def _parts_of_speech(report: dict[str, Any]) -> str:
    found = report.get("parts_of_speech")
    if not found:
        return ""
    return f"""## Word similarity
Of {found["words"]:,} frequent words, {found["same_kind"]:.1%} have a nearest neighbour of their own part of speech
(chance: {found["chance"]:.1%}, {found["kinds"]} kinds). The parts of speech are those that people gave the newspaper
text; no training saw them. No list of Chinese pairs with people's grades ships with a package.
"""


def _data(report: dict[str, Any]) -> str:
    data = report.get("data")
    if not data:
        return ""
    return f"""## Data
Version {data["version"]}, which stands for every byte of the text and the vocabulary; the vocabulary's SHA-256 is
`{data["vocabulary_sha256"]}`.
"""

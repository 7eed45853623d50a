"""The report's figures, page and plots."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.trainer.mixture.test_model import FITTED, SIZE, TEXT
from tests.unit.trainer.models import numpy_model
from trainer.errors import DataError
from trainer.evaluation.measure import Report, evaluate
from trainer.evaluation.parts_of_speech import agreement
from trainer.evaluation.plots import write_plots
from trainer.evaluation.report import as_markdown
from trainer.mixture.model import HeldOut


@pytest.fixture(scope="module")
def report() -> Report:
    return evaluate(FITTED, TEXT, TEXT[:4], 1000)


def test_perplexities_are_those_of_each_model_by_itself(report: Report) -> None:
    text = HeldOut.of(FITTED, TEXT[:4], 1000)
    for name, values in zip(FITTED.names, FITTED.log_probabilities(text).T, strict=True):
        assert report["perplexity"][name] == pytest.approx(np.exp(-values.mean()), rel=1e-3)
    assert report["perplexity"]["mixture"] == pytest.approx(np.exp(-FITTED.mixed(text).mean()), rel=1e-3)
    assert {"unigram", "co-occurrence", "bigram", "bigram, interpolated"} < set(report["perplexity"])


def test_a_word_is_the_likeliest_as_often_as_it_really_is(report: Report) -> None:
    text = HeldOut.of(FITTED, TEXT[:4], 1000)
    first = [parts[1].argmax() == text.positions[place, 0] for place, parts in FITTED.distributions(text)]
    assert report["next_word_accuracy"]["n-grams"]["1"] == pytest.approx(np.mean(first), abs=1e-4)
    for shares in report["next_word_accuracy"].values():
        assert shares["1"] <= shares["5"] <= shares["10"] <= 1.0


def test_the_score_is_off_by_the_logarithm_of_what_all_words_sum_to(report: Report) -> None:
    text = HeldOut.of(FITTED, TEXT[:4], 1000)
    scorer = FITTED.network.scorer()
    contexts = scorer.contexts(text.positions[:, 1 : 1 + FITTED.network.settings.window])
    off = scorer.log_totals(contexts) + scorer.log_samples
    assert report["calibration"]["mean"] == pytest.approx(off.mean(), abs=1e-3)
    assert report["calibration"]["deviation"] == pytest.approx(off.std(), abs=1e-3)


def test_the_page_tells_every_figure_and_shows_every_plot(report: Report, tmp_path: Path) -> None:
    plots = write_plots(report, tmp_path)
    for name in plots:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    told = {**report, "data": {"version": "0123", "vocabulary_sha256": "4567"}}
    page = as_markdown(told, "Model v1", plots)
    assert page.startswith("# Model v1")
    for part in (*report["perplexity"], "0123", "4567", *(f"({name})" for name in plots)):
        assert part in page
    assert "Word similarity" not in page, "nothing is said of what was not measured"


def test_vectors_that_know_the_parts_of_speech_agree_with_them() -> None:
    vocabulary = numpy_model().vocabulary
    counts = tuple(100 for _ in vocabulary.words)
    known = type(vocabulary)(vocabulary.words, counts)
    tags = {word: "nv"[index % 2] for index, word in enumerate(vocabulary.words[2:])}
    draw = np.random.default_rng(0)
    vectors = draw.normal(0, 0.1, (SIZE, 4)).astype(np.float32)
    vectors[2:, 0] += np.arange(SIZE - 2) % 2
    found = agreement(vectors, known, tags)
    assert found["same_kind"] == 1.0
    assert found["chance"] == pytest.approx(0.5, abs=0.02)
    with pytest.raises(DataError, match="too few"):
        agreement(vectors, vocabulary, tags)

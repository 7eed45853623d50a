"""Training on one machine, on a small language whose rule a bigram can't see."""

from __future__ import annotations

import numpy as np

from tests.unit.trainer.data import job, small_split
from trainer.evaluate import as_markdown, evaluate
from trainer.export import numpy_model
from trainer.training import train
from trainer.vocabulary import Vocabulary


def test_the_loss_falls_and_the_network_beats_the_unigram_and_the_bigram_model() -> None:
    found = small_split(1200)
    words = Vocabulary.count(found.train, 100)
    settings = job()
    sentences, held_out = ([words.encode(line) for line in part] for part in (found.train, found.valid))
    schedule = settings.schedule.model_copy(update={"epochs": 6})
    result = train(settings.model, schedule, words, sentences)
    losses = [loss for _, loss in result.losses]
    assert np.mean(losses[-5:]) < 0.7 * losses[0]
    report = evaluate(numpy_model(result.model, settings.model, words), sentences, held_out, 1000)
    perplexity = report["perplexity"]
    assert perplexity["network"] < perplexity["bigram"] < perplexity["unigram"]
    assert "| network |" in as_markdown(report, "Title")

"""Training on one machine, on a small language whose rule a bigram can't see."""

from __future__ import annotations

import numpy as np

from tests.unit.trainer.data import job, small_split
from trainer.evaluation.measure import evaluate
from trainer.export import numpy_model
from trainer.mixture_training import train_mixture
from trainer.training import train
from trainer.vocabulary import Vocabulary


def test_the_loss_falls_and_the_network_beats_the_unigram_and_the_bigram_model() -> None:
    found = small_split(1200)
    words = Vocabulary.count(found.train, 100)
    settings = job()
    sentences, valid, test = ([words.encode(line) for line in part] for part in (found.train, found.valid, found.test))
    schedule = settings.schedule.model_copy(update={"epochs": 6})
    result = train(settings.model, schedule, words, sentences)
    losses = [loss for _, loss in result.losses]
    assert np.mean(losses[-5:]) < 0.7 * losses[0]
    mixture = train_mixture(numpy_model(result.model, settings.model, words), sentences, valid, 1000)
    perplexity = evaluate(mixture, sentences, test, 1000)["perplexity"]
    assert perplexity["network"] < perplexity["bigram"] < perplexity["unigram"]
    assert perplexity["mixture"] < 1.01 * min(perplexity["network"], perplexity["n-grams"])

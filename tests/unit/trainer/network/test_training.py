"""Training on one machine, on a small language whose rule a bigram can't see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.unit.trainer.small_data import job, small_split
from trainer.data.vocabulary import Vocabulary
from trainer.evaluation.measure import evaluate
from trainer.mixture.training import train_mixture
from trainer.network.export import numpy_model
from trainer.network.training import Conveniences, steps_at_once, train


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


def test_training_stops_when_the_validation_loss_rises_and_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    found = small_split(100)
    words = Vocabulary.count(found.train, 100)
    settings = job()
    sentences, held_out = ([words.encode(line) for line in part] for part in (found.train, found.valid))
    diverging = settings.model.model_copy(update={"learning_rate": 0.5})
    schedule = settings.schedule.model_copy(update={"epochs": 12})
    wanted = Conveniences(patience=1, logs=tmp_path / "logs")
    result = train(diverging, schedule, words, sentences, validation=held_out, conveniences=wanted)
    assert len(result.validation) < 12
    assert result.validation[-1] > min(result.validation)
    assert list((tmp_path / "logs").rglob("events*"))

    class Interrupted(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            if epoch == 1:
                raise KeyboardInterrupt

    kept = Conveniences(checkpoints=tmp_path / "state")
    schedule = schedule.model_copy(update={"epochs": 3})
    with pytest.raises(KeyboardInterrupt):
        train(settings.model, schedule, words, sentences, conveniences=replace(kept, callbacks=(Interrupted(),)))
    again = train(settings.model, schedule, words, sentences, validation=held_out, conveniences=kept)
    assert len(again.validation) == 2


@pytest.mark.parametrize(("every", "steps"), [(1, 1), (7, 7), (60, 20), (100, 25), (101, 1)])
def test_an_execution_ends_where_a_loss_is_to_be_noted(every: int, steps: int) -> None:
    assert steps_at_once(every) == steps

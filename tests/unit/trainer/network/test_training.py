"""Training on one machine, on a small language whose rule a bigram can't see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.unit.trainer.small_data import job, small_split
from trainer.data.vocabulary import BOUNDARY, UNKNOWN, Ids, Vocabulary
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


def test_class_features_tell_the_network_what_its_window_does_not_reach() -> None:
    """The first word decides the last, beyond a window of two words; the features are the first word."""
    more = 93
    words = Vocabulary(
        (UNKNOWN, BOUNDARY, *"abcde", *(f"w{number}" for number in range(more))),
        (1, 200, 100, 100, 400, 100, 100, *[1] * more),
    )
    settings, schedule = job().model, job().schedule.model_copy(update={"epochs": 12})
    sentences = [np.array([2 + kind, 4, 4, 5 + kind], dtype=np.int32) for kind in (0, 1)] * 100

    def features(text: Sequence[Ids]) -> np.ndarray:
        first = [np.eye(2)[np.full(len(sentence) + 1, sentence[0] - 2)] for sentence in text]
        return np.concatenate(first or [np.empty((0, 2))]).astype(np.float32)

    blind = train(settings, schedule, words, sentences, validation=sentences[:20])
    seeing = train(settings, schedule, words, sentences, validation=sentences[:20], features=features)
    assert seeing.validation[-1] < blind.validation[-1] - 0.2
    folded = numpy_model(seeing.model, settings, words).scorer()
    before = np.array([[4, 4]], dtype=np.int32)
    for kind in (0, 1):
        chances = next(folded.distributions(folded.contexts(before, np.eye(2, dtype=np.float32)[[kind]])))
        assert chances[5 + kind] > np.log(0.75), "without them it would be a half"


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

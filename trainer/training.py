"""Training on one machine with Keras alone: the same model, examples and objective as ElasticDL's workers use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import tensorflow as tf

from trainer.config import ModelSettings, ScheduleSettings
from trainer.examples import Batch, ExampleMaker
from trainer.losses import noise_contrastive_loss
from trainer.model import build_model
from trainer.noise import NoiseDistribution, smoothed
from trainer.vocabulary import Ids, Vocabulary

POSITIONS_MULTIPLE = 512


@dataclass
class Trained:
    """The model and how its loss went: (step, mean loss since the entry before)."""

    model: Any
    losses: list[tuple[int, float]] = field(default_factory=list)
    seconds: float = 0.0


def train(
    model_settings: ModelSettings,
    schedule: ScheduleSettings,
    vocabulary: Vocabulary,
    sentences: list[Ids],
    report: Callable[[int, float], None] = lambda _step, _loss: None,
) -> Trained:
    """Run all epochs. The same settings and sentences give the same model (on one thread)."""
    noise = NoiseDistribution(smoothed(vocabulary.counts, model_settings.smoothing))
    maker = ExampleMaker(
        model_settings.window, model_settings.negative_samples, noise, schedule.seed, POSITIONS_MULTIPLE
    )
    model = build_model(model_settings, schedule.minibatch_size, schedule.seed)
    step = _training_step(model, model_settings.learning_rate)
    result, recent, started = Trained(model), [], time.monotonic()
    for number, batch in enumerate(_batches(sentences, schedule, maker), start=1):
        recent.append(float(step(batch.context_ids, batch.labels)))
        if number % schedule.evaluation_steps == 0:
            result.losses.append((number, float(np.mean(recent))))
            report(*result.losses[-1])
            recent = []
    if recent:
        result.losses.append((number, float(np.mean(recent))))
        report(*result.losses[-1])
    result.seconds = time.monotonic() - started
    return result


def _batches(sentences: list[Ids], schedule: ScheduleSettings, maker: ExampleMaker) -> Iterator[Batch]:
    size = schedule.minibatch_size
    for epoch in range(schedule.epochs):
        order = np.random.default_rng([schedule.seed, epoch]).permutation(len(sentences))
        for start in range(0, len(order), size):
            yield maker.batch([sentences[index] for index in order[start : start + size]], salt=epoch)


def _training_step(model: Any, learning_rate: float) -> Callable[[Any, Any], Any]:
    optimizer = tf.keras.optimizers.legacy.Adam(learning_rate)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(context_ids: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = noise_contrastive_loss(labels, model(context_ids, training=True))
            penalised = loss + tf.add_n(model.losses) if model.losses else loss
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(penalised, variables), variables, strict=True))
        return loss

    return cast(Callable[[Any, Any], Any], step)

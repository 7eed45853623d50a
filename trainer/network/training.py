"""Training on one machine with Keras alone: the same model, batches, gradients and optimiser as ElasticDL's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer.config import ModelSettings, ScheduleSettings
from trainer.data.vocabulary import Ids, Vocabulary
from trainer.errors import TrainingError
from trainer.network.gradients import SIGNATURE, Parameters, loss_and_gradients
from trainer.network.model import CONTEXT, WINDOW_TABLE, WORD_TABLE, build_model, parameters_of
from trainer.network.noise import NoiseDistribution, smoothed
from trainer.network.optimizer import LazyAdam
from trainer.network.runs import Features, RunBatch, RunMaker, Text
from trainer.network.schedule import LAST_SHARE, planned_steps

STEPS_AT_ONCE = 25
"""At most. Python's part of a step, callbacks included, is a tenth of it; of 25 steps, nothing to speak of."""


@dataclass
class Trained:
    """The model, and how its loss went: (step, mean since the entry before); and by epoch on the validation text."""

    model: Any
    losses: list[tuple[int, float]] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Conveniences:
    """What a person may want beside the model."""

    patience: int = 0
    """Stop when the validation loss has not fallen for so many epochs, and keep the best epoch's weights. 0: never."""
    logs: Path | None = None
    """TensorBoard's folder."""
    checkpoints: Path | None = None
    """Each epoch's state goes here; the same command goes on from it, and the state is removed at the end."""
    progress: bool = False
    """A bar on the terminal."""
    callbacks: tuple[Any, ...] = ()
    """More of Keras' own kind."""


class RunTraining(tf.keras.Model):  # type: ignore[misc]
    """What `fit` trains: the network of `trainer.network.model` over batches of running text.

    Input: the arrays of a `RunBatch`, in its order. Output: the loss, for `fit`'s own bookkeeping.
    """

    def __init__(self, network: Any, settings: ModelSettings) -> None:
        super().__init__(name="run_training")
        self.network = network
        self.tables = tuple(network.get_layer(name).trainable_variables[0] for name in (WORD_TABLE, WINDOW_TABLE))
        self.parameters = parameters_of(network)
        self.class_kernel = network.get_layer(CONTEXT).class_kernel
        self._settings = settings
        self._loss = tf.keras.metrics.Mean(name="loss")

    @property
    def metrics(self) -> list[Any]:
        return [self._loss]

    def train_step(self, data: Any) -> dict[str, Any]:
        found = self._result(data, self._settings.l2_penalty, self._settings.dropout)
        word_table, window_table = self.tables
        sparse = [
            (tf.IndexedSlices(found.word_rows, data[0]), word_table),
            (tf.IndexedSlices(found.window_rows, data[2]), window_table),
        ]
        dense = list(zip(found.parameters, self.parameters, strict=True))
        if self.class_kernel is not None:
            dense.append((found.class_kernel, self.class_kernel))
        self.optimizer.apply_gradients([*sparse, *dense])
        self._loss.update_state(found.loss)
        return {"loss": self._loss.result()}

    def test_step(self, data: Any) -> dict[str, Any]:
        self._loss.update_state(self._result(data, 0.0, 0.0).loss)
        return {"loss": self._loss.result()}

    def _result(self, data: Any, l2_penalty: float, dropout: float) -> Any:
        rows = (tf.gather(self.tables[0], data[0]), tf.gather(self.tables[1], data[2]))
        values = Parameters(*(tf.convert_to_tensor(variable) for variable in self.parameters))
        classes = None if self.class_kernel is None else tf.convert_to_tensor(self.class_kernel)
        return loss_and_gradients(data, *rows, values, l2_penalty, dropout, classes)


class _Losses(tf.keras.callbacks.Callback):  # type: ignore[misc]
    """Notes the mean loss of every so many steps, and ends a training that has diverged. Called once an execution."""

    def __init__(self, every: int, result: Trained, report: Callable[[int, float], None]) -> None:
        super().__init__()
        self._every = every
        self._result = result
        self._report = report
        self._step = self._earlier = self._since = 0
        self._before = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._earlier, self._since, self._before = self._step, 0, 0.0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """`logs["loss"]` is the epoch's mean so far."""
        steps = batch + 1
        self._step = self._earlier + steps
        if steps - self._since < self._every:
            return
        total = logs["loss"] * steps
        mean = (total - self._before) / (steps - self._since)
        if mean != mean:
            raise TrainingError(f"the loss is not a number at step {self._step}: lower the learning rate")
        self._since, self._before = steps, total
        self._result.losses.append((self._step, mean))
        self._report(self._step, mean)


def train(
    model_settings: ModelSettings,
    schedule: ScheduleSettings,
    vocabulary: Vocabulary,
    sentences: Sequence[Ids],
    report: Callable[[int, float], None] = lambda _step, _loss: None,
    validation: Sequence[Ids] = (),
    conveniences: Conveniences | None = None,
    features: Callable[[Sequence[Ids]], Features] | None = None,
) -> Trained:
    """Run all epochs. The same settings and sentences give the same model (on one thread).

    `features`: what the network is given beside its window, a row for each sentence's words and end: the method
    `HiddenMarkovModel.features`. The whole text's are kept in memory, 256 MB a million words for 64 classes.
    """
    wanted = conveniences or Conveniences()
    text, held_out = (Text(part, features and features(part)) for part in (sentences, validation))
    network = build_model(model_settings, schedule.seed, 0 if text.features is None else text.features.shape[1])
    maker = run_maker(model_settings, schedule, vocabulary)
    steps = planned_steps(len(text), schedule.minibatch_size, 1)
    training = RunTraining(network, model_settings)
    training.compile(
        LazyAdam(learning_rate(model_settings, schedule.epochs * steps)),
        steps_per_execution=steps_at_once(schedule.evaluation_steps),
    )
    result = Trained(network)
    callbacks: list[Any] = [_Losses(schedule.evaluation_steps, result, report), *wanted.callbacks]
    if wanted.patience:
        callbacks.append(
            tf.keras.callbacks.EarlyStopping("val_loss", patience=wanted.patience, restore_best_weights=True)
        )
    if wanted.logs:
        callbacks.append(tf.keras.callbacks.TensorBoard(wanted.logs, update_freq=schedule.evaluation_steps))
    if wanted.checkpoints:
        callbacks.append(tf.keras.callbacks.BackupAndRestore(wanted.checkpoints))
    held_out_steps = planned_steps(len(held_out), schedule.minibatch_size, 1)
    signature = _signature_of(text)
    measured = _dataset(lambda: maker.in_order(held_out, schedule.minibatch_size), held_out_steps, signature)
    started = time.monotonic()
    history = training.fit(
        _epochs(maker, text, schedule, steps, signature),
        epochs=schedule.epochs,
        steps_per_epoch=steps,
        validation_data=measured if validation else None,
        validation_steps=held_out_steps if validation else None,
        callbacks=callbacks,
        verbose=1 if wanted.progress else 0,
    )
    result.validation = history.history.get("val_loss", [])
    result.seconds = time.monotonic() - started
    return result


def use_threads(count: int) -> None:
    """How many threads TensorFlow computes with; without effect once it has computed anything.

    A step's arrays fit a core's cache, so that a second thread saves little time, and both wait actively: on two cores
    a training took a third more processor time with two threads than with one.
    """
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = str(count)


def steps_at_once(every: int) -> int:
    """Steps that TensorFlow runs without a return to Python: as many as possible, so that one ends where the loss is to
    be noted."""
    return next(steps for steps in range(STEPS_AT_ONCE, 0, -1) if every % steps == 0)


def run_maker(model: ModelSettings, schedule: ScheduleSettings, vocabulary: Vocabulary) -> RunMaker:
    """Makes the batches that the settings ask for."""
    noise = NoiseDistribution(smoothed(vocabulary.counts, model.smoothing))
    return RunMaker(model.window, model.negative_samples, noise, schedule.seed)


def learning_rate(settings: ModelSettings, steps: int) -> Any:
    """A straight line over all steps, from the settings' rate."""
    return tf.keras.optimizers.schedules.PolynomialDecay(
        settings.learning_rate, max(1, steps), settings.learning_rate * LAST_SHARE
    )


def _signature_of(text: Text) -> tuple[Any, ...]:
    """Shapes and types of the tensors of this text's batches."""
    if text.features is None:
        return SIGNATURE
    return (*SIGNATURE, tf.TensorSpec([None, text.features.shape[1]], tf.float32, "features"))


def _epochs(maker: RunMaker, text: Text, schedule: ScheduleSettings, steps: int, signature: tuple[Any, ...]) -> Any:
    def batches() -> Iterator[RunBatch]:
        for epoch in range(schedule.epochs):
            yield from maker.batches(text, schedule.minibatch_size, epoch)

    return _dataset(batches, schedule.epochs * steps, signature)


def _dataset(batches: Callable[[], Iterator[RunBatch]], count: int, signature: tuple[Any, ...]) -> Any:
    """So many batches. `Dataset.from_generator` does the same, but takes as long for a batch as it takes to make it."""
    made: Iterator[RunBatch] = iter(())

    def following(number: Any) -> tuple[Any, ...]:
        nonlocal made
        if number == 0:
            made = batches()
        return next(made).arrays()

    def shaped(number: Any) -> tuple[Any, ...]:
        arrays = tf.numpy_function(following, [number], [entry.dtype for entry in signature])
        return tuple(tf.ensure_shape(array, entry.shape) for array, entry in zip(arrays, signature, strict=True))

    return tf.data.Dataset.range(count).map(shaped).prefetch(2)

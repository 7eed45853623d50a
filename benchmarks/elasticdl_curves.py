"""What ElasticDL learns beside plain Keras: held-out nats a word after each epoch, on the same data and settings.

    .venv-trainer/bin/python -m benchmarks.elasticdl_curves

Plain Keras is trained with each of `--seeds` seeds, of which the spread shows what is noise; ElasticDL with one worker
and with two, as in `benchmarks.elasticdl_throughput`. A word's nats are exact (normalised over the whole vocabulary),
at the same `--positions` of the validation part for all. It ends within noise if no further from the seeds'
mean than three of their standard deviations.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from benchmarks.elasticdl_observation import JobError, end_on_signals, job
from benchmarks.elasticdl_throughput import NEVER, prepared
from trainer.config import ClusterSettings, ModelSettings, ScheduleSettings, TrainingJob
from trainer.data.dataset import Dataset
from trainer.errors import TrainerError
from trainer.network.examples import windows
from trainer.network.export import numpy_model
from trainer.network.model import build_model
from trainer.network.training import Conveniences, train, use_threads
from trainer.storage.object_store import DirectoryStore

DEVIATIONS = 3.0
"""From the mean of the seeds, within which it may be chance."""

Curve = list[float]
"""Nats a word after each epoch."""


def settings_of(options: argparse.Namespace, seed: int, workers: int = 1) -> TrainingJob:
    """As the stacks have it, with the validation left to this benchmark."""
    return TrainingJob(
        business="benchmark",
        namespace="benchmark",
        region="local",
        image="none",
        bucket="none",
        model=ModelSettings(
            vocabulary_size=options.vocabulary, learning_rate=options.learning_rate, dropout=0.0, l2_penalty=0.0005
        ),
        schedule=ScheduleSettings(
            epochs=options.epochs,
            minibatch_size=options.minibatch,
            evaluation_steps=NEVER,
            checkpoint_steps=NEVER,
            records_per_task=1024,
            seed=seed,
        ),
        cluster=ClusterSettings(workers=workers),
    )


class HeldOut:
    """Positions of the validation part, and how well a network expects their words."""

    def __init__(self, dataset: Dataset, vocabulary_size: int, window: int, limit: int) -> None:
        self.vocabulary = dataset.vocabulary(vocabulary_size)
        every = windows(dataset.sentences("valid", self.vocabulary), window)
        self._positions = every[np.linspace(0, len(every) - 1, min(limit, len(every))).astype(int)]

    def nats(self, network: Any, settings: ModelSettings) -> float:
        """A word, in the mean."""
        scorer = numpy_model(network, settings, self.vocabulary).scorer()
        found = scorer.exact(self._positions[:, 0], scorer.contexts(self._positions[:, 1 : 1 + settings.window]))
        return -float(found.mean())


def plain_keras(dataset: Dataset, held_out: HeldOut, wanted: TrainingJob) -> Curve:
    """Keras alone, on one thread."""
    curve: Curve = []

    class Measured(tf.keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            curve.append(held_out.nats(self.model.network, wanted.model))

    sentences = dataset.sentences("train", held_out.vocabulary)
    train(
        wanted.model,
        wanted.schedule,
        held_out.vocabulary,
        sentences,
        conveniences=Conveniences(callbacks=(Measured(),)),
    )
    return curve


def elasticdl(store: Path, held_out: HeldOut, wanted: TrainingJob, steps: int) -> Curve:
    """A job from its beginning to its end. Raises JobError if it ends without the last epoch's weights."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(store / "data", folder / "store" / "data")  # a run's checkpoints go beside its data
        (folder / "logs").mkdir()
        with job(folder / "store", wanted.model_dump_json(), folder / "logs", steps) as observations:
            for _ in observations:
                pass
        return [
            _of_file(folder / "logs" / f"step-{epoch * steps}.npz", held_out, wanted)
            for epoch in range(1, wanted.schedule.epochs + 1)
        ]


def _of_file(file: Path, held_out: HeldOut, wanted: TrainingJob) -> float:
    if not file.exists():
        raise JobError(f"the job ended before {file.name} was written")
    network = build_model(wanted.model, wanted.schedule.seed)
    with np.load(file) as arrays:
        for variable in network.trainable_variables:
            variable.assign(arrays[variable.name])
    return held_out.nats(network, wanted.model)


def report(keras: list[Curve], others: dict[str, Curve]) -> list[str]:
    """The table, and whether ElasticDL ends where Keras does."""
    ends = [curve[-1] for curve in keras]
    mean, noise = statistics.mean(ends), statistics.stdev(ends) if len(ends) > 1 else 0.0
    named = {f"plain Keras, seed {seed}": curve for seed, curve in enumerate(keras)} | others
    width = max(map(len, named)) + 2
    lines = [f"{'held-out nats a word after epoch':<{width}}" + "".join(f"{1 + at:>8}" for at in range(len(keras[0])))]
    lines += [f"{name:<{width}}" + "".join(f"{value:>8.3f}" for value in curve) for name, curve in named.items()]
    lines.append(f"plain Keras ends at {mean:.3f}, and deviates by {noise:.3f}")
    for name, curve in others.items():
        away = curve[-1] - mean
        within = abs(away) <= DEVIATIONS * noise
        lines.append(f"{name}: {away:+.3f}, {'within' if within else 'beyond'} {DEVIATIONS:.0f} deviations")
    return lines


def plot(keras: list[Curve], others: dict[str, Curve], file: Path) -> None:
    """All curves, SVG."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    epochs = range(1, len(keras[0]) + 1)
    for seed, curve in enumerate(keras):
        axes.plot(epochs, curve, color="#9e9e9e", label=f"plain Keras, {len(keras)} seeds" if seed == 0 else None)
    for name, curve in others.items():
        axes.plot(epochs, curve, marker="o", label=name)
    axes.set_xlabel("epochs")
    axes.set_ylabel("held-out nats a word")
    axes.set_xticks(list(epochs))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(file)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and draw; 1 when it can't be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.elasticdl_curves", description="What ElasticDL learns beside plain Keras."
    )
    parser.add_argument("--epochs", type=int, default=6, help="(6, as the stacks have it)")
    parser.add_argument("--seeds", type=int, default=3, help="of plain Keras (3)")
    parser.add_argument("--positions", type=int, default=3000, help="of the validation part (3000)")
    parser.add_argument("--vocabulary", type=int, default=8000, help="words (8000)")
    parser.add_argument("--minibatch", type=int, default=128, help="sentences (128)")
    parser.add_argument("--learning-rate", type=float, default=0.02, help="(0.02)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the curves (SVG)")
    options = parser.parse_args(arguments)
    end_on_signals()
    use_threads(1)
    try:
        store = prepared(options.vocabulary)
        dataset = Dataset(DirectoryStore(store), "data/")
        first = settings_of(options, 0)
        held_out = HeldOut(dataset, options.vocabulary, first.model.window, options.positions)
        # A worker's minibatches go over the ends of tasks and epochs: now and then the run has a step less than this.
        steps = dataset.manifest.sentences("train") // options.minibatch
        keras = []
        for seed in range(options.seeds):
            keras.append(plain_keras(dataset, held_out, settings_of(options, seed)))
            print(f"plain Keras, seed {seed}: {keras[-1][-1]:.3f}", flush=True)
        others = {}
        for workers in (1, 2):
            name = f"ElasticDL, {workers} worker{'s' * (workers > 1)}"
            others[name] = elasticdl(store, held_out, settings_of(options, 0, workers), steps)
            print(f"{name}: {others[name][-1]:.3f}", flush=True)
    except (JobError, TrainerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: all that was begun has ended", file=sys.stderr)
        return 130
    print("\n".join(report(keras, others)))
    if options.plot:
        plot(keras, others, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Steps a second: ElasticDL beside plain Keras, and two workers beside one, on the same data and settings.

    .venv-trainer/bin/python -m benchmarks.elasticdl_throughput

Plain Keras is `python -m trainer train`'s training, on one thread. ElasticDL is what the product runs: the job is
submitted as the launcher does it, its master hands out the tasks, its Go parameter server keeps the model, its workers
run our zoo, one thread each; only that pods are processes of this machine (`benchmarks.local_pods`), so neither a
network nor a container's limit is between them. Neither side evaluates or writes checkpoints. What comes before every
worker has done `--first-step` steps is start-up, and is left out; so is what ElasticDL's job starts and ends with.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.elasticdl_observation import JobError, Observation, Window, end_on_signals, job, spoken, window
from trainer.config import ClusterSettings, ModelSettings, ScheduleSettings, TrainingJob
from trainer.data.dataset import read_manifest
from trainer.data.preparation import prepare_newspaper
from trainer.errors import TrainerError
from trainer.storage.object_store import DirectoryStore

GOAL_OF_KERAS, GOAL_OF_ONE_WORKER = 0.8, 1.4
NEVER = 1_000_000_000
STORE = "build/news-{}"
"""A directory for each size of the vocabulary."""


def settings_of(options: argparse.Namespace, workers: int = 1, evaluation_steps: int = NEVER) -> TrainingJob:
    """As the stacks have it, but that it has no end, evaluates nothing and writes no checkpoint."""
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
            epochs=1000,
            minibatch_size=options.minibatch,
            evaluation_steps=evaluation_steps,
            checkpoint_steps=NEVER,
            records_per_task=1024,
        ),
        cluster=ClusterSettings(workers=workers),
    )


def prepared(vocabulary: int) -> Path:
    """A directory with the newspaper's data set."""
    store = Path(STORE.format(vocabulary))
    prepare_newspaper(DirectoryStore(store), 0, vocabulary)
    return store


def plain_keras(store: Path, options: argparse.Namespace) -> Window:
    """Keras alone."""
    # Keras runs up to 25 steps without a return to Python, if one of these ends where the loss is to be noted.
    encoded = settings_of(options, evaluation_steps=100).model_dump_json()
    command = [sys.executable, "-m", "benchmarks.plain_keras", str(store), encoded]
    with spoken(command) as lines:
        found = (Observation(**json.loads(line)) for line in lines)
        return window(found, 1, options.first_step, options.seconds)


def elasticdl(store: Path, options: argparse.Namespace, workers: int) -> Window:
    """A job with so many workers."""
    encoded = settings_of(options, workers).model_dump_json()
    with tempfile.TemporaryDirectory() as folder, job(store, encoded, Path(folder)) as observations:
        return window(observations, workers, options.first_step, options.seconds)


def row(name: str, found: Window, reference: Window | None) -> str:
    """A line of the table."""
    ratio = f"{found.rate / reference.rate:>7.2f}" if reference else f"{'':>7}"
    return f"{name:<36} {found.rate:>8.1f} {found.milliseconds:>13.2f} {found.cores:>7.2f} {ratio}"


def shares(found: Window) -> str:
    """What each process took of a step, in milliseconds of processor."""
    parts = sorted(found.processor.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {1000 * used / found.steps:.2f}" for name, used in parts)


def report(keras: Window, one: Window, two: Window) -> list[str]:
    """The table, and whether the goals are met."""
    of_keras, of_one = one.rate / keras.rate, two.rate / one.rate
    verdicts = {True: "met", False: "not met"}
    return [
        f"{'':<36} {'steps/s':>8} {'ms processor':>13} {'cores':>7} {'ratio':>7}",
        row("plain Keras, one thread", keras, None),
        row("ElasticDL, 1 worker", one, keras),
        row("ElasticDL, 2 workers", two, one),
        f"milliseconds of processor a step, 1 worker:  {shares(one)}",
        f"milliseconds of processor a step, 2 workers: {shares(two)}",
        f"1 worker, of plain Keras' steps a second: {of_keras:.2f} (goal {GOAL_OF_KERAS}): "
        f"{verdicts[of_keras >= GOAL_OF_KERAS]}",
        f"2 workers, of 1 worker's steps a second:  {of_one:.2f} (goal {GOAL_OF_ONE_WORKER}): "
        f"{verdicts[of_one >= GOAL_OF_ONE_WORKER]}",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when it can't be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.elasticdl_throughput", description="ElasticDL's steps a second beside plain Keras'."
    )
    parser.add_argument(
        "--store", type=Path, help=f"directory of the data set (default: {STORE.format('VOCABULARY')}, made if need be)"
    )
    parser.add_argument("--seconds", type=float, default=15.0, help="measured, of each (15)")
    parser.add_argument("--first-step", type=int, default=50, help="of each worker, from which on is measured (50)")
    parser.add_argument("--vocabulary", type=int, default=8000, help="words (8000)")
    parser.add_argument("--minibatch", type=int, default=128, help="sentences (128)")
    parser.add_argument("--learning-rate", type=float, default=0.02, help="(0.02)")
    options = parser.parse_args(arguments)
    end_on_signals()
    try:
        store = options.store or prepared(options.vocabulary)
        sentences = read_manifest(DirectoryStore(store), "data/").sentences("train")
        print(
            f"{len(os.sched_getaffinity(0))} cores; {sentences:,} sentences, {options.minibatch} a step; "
            f"{options.vocabulary:,} words; {options.seconds:.0f} s each",
            flush=True,
        )
        keras = plain_keras(store, options)
        one, two = (elasticdl(store, options, workers) for workers in (1, 2))
    except (JobError, TrainerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: all that was begun has ended", file=sys.stderr)
        return 130
    print("\n".join(report(keras, one, two)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Training with Keras alone, observed, as the reference of the ElasticDL benchmarks, which start it.

    python -m benchmarks.plain_keras STORE JOB < a pipe

STORE is a directory with a data set, JOB the settings of a training job (`TrainingJob`, JSON): its model and schedule
are trained by `trainer.network.training`, on one thread, as `python -m trainer train` does. Prints a line of JSON
(`Observation`) for each execution of up to 25 steps, and at the end one with the held-out loss of each epoch.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

import tensorflow as tf

from benchmarks.elasticdl_job import end_with_the_pipe
from benchmarks.elasticdl_observation import Observation
from trainer.config import TrainingJob
from trainer.data.dataset import Dataset
from trainer.network.training import Conveniences, train, use_threads
from trainer.storage.object_store import DirectoryStore


class _Observed(tf.keras.callbacks.Callback):  # type: ignore[misc]
    """Tells how far the training is. Called once an execution."""

    def __init__(self) -> None:
        super().__init__()
        self._earlier = self._step = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._earlier = self._step

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._step = self._earlier + batch + 1
        used = {"keras": time.process_time()}
        print(json.dumps(asdict(Observation(time.monotonic(), self._step, used, {"0": self._step}))), flush=True)


def main(store: str, settings: str) -> int:
    """Until the training or the pipe ends."""
    end_with_the_pipe()
    use_threads(1)
    job = TrainingJob.model_validate_json(settings)
    dataset = Dataset(DirectoryStore(Path(store)), job.data_prefix)
    vocabulary = dataset.vocabulary(job.model.vocabulary_size)
    trained = train(
        job.model,
        job.schedule,
        vocabulary,
        dataset.sentences("train", vocabulary),
        validation=dataset.sentences("valid", vocabulary),
        conveniences=Conveniences(callbacks=(_Observed(),)),
    )
    print(json.dumps({"validation": trained.validation, "processor": time.process_time()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

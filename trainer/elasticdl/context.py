"""What a pod of the job knows: the settings, the run they make with a version of the data, and where to read and write.

The settings travel in one environment variable. ElasticDL hands variables on as `--envs name=value,...` inside a
shell command, splits them at "=" and leaves an argument that contains "--" unquoted, so the value is Base64 of the
ordinary alphabet (no "-") without its padding (no "=").
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import json
import os

from pydantic import ValidationError

from trainer.config import Frozen, TrainingJob
from trainer.data.dataset import Dataset
from trainer.data.vocabulary import Vocabulary
from trainer.elasticdl.pointers import term_folder
from trainer.errors import SettingsError
from trainer.network.examples import ExampleMaker
from trainer.network.noise import NoiseDistribution, smoothed
from trainer.network.runs import RunMaker
from trainer.network.schedule import planned_steps
from trainer.storage.joined_store import open_job_store
from trainer.storage.object_store import ObjectStore
from trainer.storage.patient_store import PatientStore

VARIABLE = "TRAINING_JOB"
POSITIONS_MULTIPLE = 512
"""Batches of an evaluation are filled up to it: about four shapes in all, so TensorFlow traces it about four times."""
EVALUATED_NOISE = 5
"""Noise words for each true one in an evaluation; every row's output travels to the master."""


class RunContext(Frozen):
    """One training run: these settings on that data. A restart goes on with the same run; a change begins another."""

    job: TrainingJob
    data_version: str
    term: int = 0
    """The lease's, under which this region trains; 0 where there is none."""
    address: str = ""
    """Where the bucket is, if not in OSS (a directory, for tests)."""

    @property
    def run(self) -> str:
        """Name of the run: changes with the data and with what shapes the model, not with the image or the pods."""
        shape = [self.job.model.model_dump(mode="json"), self.job.schedule.model_dump(mode="json"), self.data_version]
        return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def checkpoint_prefix(self) -> str:
        return f"{self.job.checkpoint_prefix}{self.job.job_name}/{self.run}/"

    @property
    def own_prefix(self) -> str:
        """Where this region writes its checkpoints: below the term, so that no two regions ever write one object."""
        return f"{self.checkpoint_prefix}{term_folder(self.term)}"

    def open(self) -> ObjectStore:
        return open_job_store(self.job, self.address)

    def encode(self) -> str:
        """For the environment variable."""
        return base64.b64encode(self.model_dump_json().encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, value: str) -> RunContext:
        try:
            return cls.model_validate_json(base64.b64decode(value + "=" * (-len(value) % 4), validate=True))
        except (binascii.Error, ValidationError) as error:
            raise SettingsError(f"${VARIABLE} does not hold a training job: {error}") from error


@functools.cache
def current() -> RunContext:
    """This process's context. Raises SettingsError outside of a training job's pod."""
    value = os.environ.get(VARIABLE, "")
    if not value:
        raise SettingsError(f"${VARIABLE} is not set; the launcher sets it in every pod of a training job")
    return RunContext.decode(value)


@functools.cache
def store() -> ObjectStore:
    return current().open()


@functools.cache
def patient_store() -> ObjectStore:
    """The same, for what cannot be done without: it waits while object storage is away."""
    return PatientStore(store())


@functools.cache
def dataset() -> Dataset:
    return Dataset(patient_store(), current().job.data_prefix)


@functools.cache
def vocabulary() -> Vocabulary:
    return dataset().vocabulary(current().job.model.vocabulary_size)


@functools.cache
def noise() -> NoiseDistribution:
    return NoiseDistribution(smoothed(vocabulary().counts, current().job.model.smoothing))


@functools.cache
def example_maker() -> ExampleMaker:
    """Rows, for evaluations."""
    job = current().job
    return ExampleMaker(job.model.window, EVALUATED_NOISE, noise(), job.schedule.seed, POSITIONS_MULTIPLE)


@functools.cache
def run_maker() -> RunMaker:
    """Batches of running text, for training."""
    job = current().job
    return RunMaker(job.model.window, job.model.negative_samples, noise(), job.schedule.seed)


@functools.cache
def total_steps() -> int:
    """Of the run, over all workers."""
    schedule = current().job.schedule
    return planned_steps(dataset().manifest.sentences("train"), schedule.minibatch_size, schedule.epochs)

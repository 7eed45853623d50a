"""The settings contract between the program and the trainer."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from trainer.config import ModelSettings, ScheduleSettings, TrainingJob

REQUIRED = {"business": "qa", "namespace": "qa", "region": "cn-hangzhou", "image": "trainer:1", "bucket": "b"}


def test_the_defaults_are_the_products() -> None:
    model, schedule = ModelSettings(), ScheduleSettings()
    assert (model.learning_rate, model.hidden_dimension, model.vocabulary_size) == (0.001, 128, 30_000)
    assert (model.dropout, model.smoothing, model.l2_penalty) == (0.5, 0.01, 0.01)
    assert (schedule.epochs, schedule.minibatch_size, schedule.evaluation_steps) == (10, 128, 100)


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="hidden_size"):
        TrainingJob.model_validate({**REQUIRED, "model": {"hidden_size": 3}})


@pytest.mark.parametrize("name", ["", "Model", "a" * 40, "a-", "1a", "a_b"])
def test_a_job_name_that_no_pod_could_have_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="job_name"):
        TrainingJob.model_validate({**REQUIRED, "job_name": name})


def test_importing_the_settings_loads_nothing_heavy() -> None:
    code = "import sys, trainer.config; print(sorted({'tensorflow', 'numpy', 'kubernetes'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"

"""The settings contract between the program and the trainer."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest
from pydantic import ValidationError

from trainer.config import (
    ENDPOINTS,
    BusinessKind,
    ModelSettings,
    RequestLimits,
    ScheduleSettings,
    ServingJob,
    ServingSettings,
    TrainingJob,
)

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


def test_a_server_is_described_by_a_few_keys_and_the_rest_has_defaults() -> None:
    job = ServingJob.model_validate({"business": "qa", "kind": "qa", "region": "cn-hangzhou", "bucket": "b"})
    assert (job.model_prefix, job.serving.port) == ("models/", 8080)
    assert set(ENDPOINTS) == set(get_args(BusinessKind))


def test_an_unknown_kind_of_business_is_refused() -> None:
    with pytest.raises(ValidationError, match="'qa', 'textgen', 'chatbot', 'summarization' or 'dialogue'"):
        ServingJob.model_validate({"business": "x", "kind": "x", "region": "cn-hangzhou", "bucket": "b"})


@pytest.mark.parametrize(("drain", "timeout", "grace"), [(5.0, 10.0, 20), (0.0, 0.1, 6), (2.5, 30.0, 38)])
def test_a_pod_is_given_time_for_the_drain_and_the_longest_request(drain: float, timeout: float, grace: int) -> None:
    settings = ServingSettings(drain_seconds=drain, requests=RequestLimits(timeout_seconds=timeout))
    assert settings.termination_grace_seconds == grace

"""Shared by the trainer's tests, which run in the trainer's own environment (.venv-trainer)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples each time, so that a run is repeatable, and few, so that the whole tier stays quick.
settings.register_profile("quick", max_examples=25, deadline=None, derandomize=True, database=None)
settings.load_profile("quick")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# ElasticDL's pods have these modules on PYTHONPATH; see trainer/elasticdl/stand_ins.
sys.path.append(str(Path(__file__).parents[3] / "trainer" / "elasticdl" / "stand_ins"))


def pytest_configure(config: pytest.Config) -> None:
    """Warnings are errors, but for those of other people's modules while they are imported."""
    for line in (
        "ignore::DeprecationWarning",
        "ignore:.*google.protobuf.*:UserWarning",
    ):
        config.addinivalue_line("filterwarnings", line)


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the person who runs the tests has in the environment changes nothing."""
    for name in list(os.environ):
        if name.startswith(("ALIBABA_CLOUD_", "ALICLOUD_", "OSS_")) or name == "TRAINING_JOB":
            monkeypatch.delenv(name)

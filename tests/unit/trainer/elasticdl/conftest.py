"""A job whose pods are a fake."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.trainer.elasticdl.fake_pods import Job


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job]:
    # Within, as ElasticDL warns when it is imported, which only a test may do.
    from elasticdl.python.master import k8s_instance_manager

    from tests.unit.trainer.elasticdl.fake_pods import Client, Job
    from tests.unit.trainer.small_data import job
    from trainer.elasticdl import context, pods
    from trainer.elasticdl.context import RunContext

    monkeypatch.setattr(k8s_instance_manager.k8s, "Client", Client)
    monkeypatch.setattr(pods, "RETRY_SECONDS", (0.001,))

    def begin(standbys: int = 0, maximum: int | None = None, **options: int) -> Job:
        changed = job()
        cluster = changed.cluster.model_copy(update={"standby_workers": standbys, "maximum_workers": maximum})
        run = RunContext(job=changed.model_copy(update={"cluster": cluster}), data_version="v1")
        monkeypatch.setattr(context, "current", lambda: run)
        return Job(**options)

    return begin

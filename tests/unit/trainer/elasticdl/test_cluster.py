"""What the launcher asks of Kubernetes, of an API that the test plays."""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from trainer.elasticdl import cluster
from trainer.elasticdl.cluster import KubernetesCluster

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class Api:
    """Pods that go with a grace: each look takes a second of it."""

    def __init__(self, graces: dict[str, int | None]) -> None:
        self.graces = graces
        """By the pod's name; None while nobody has deleted it."""
        self.looks = 0

    def list_namespaced_pod(self, _namespace: str, **_: Any) -> Any:
        self.looks += 1
        self.graces = {name: grace for name, grace in self.graces.items() if grace is None or grace >= self.looks}
        return SimpleNamespace(items=[pod(name, grace) for name, grace in self.graces.items()])

    def list_namespaced_service(self, _namespace: str, **_: Any) -> Any:
        return SimpleNamespace(items=[])

    def delete_namespaced_pod(self, name: str, _namespace: str, *, grace_period_seconds: int, **_: Any) -> None:
        self.graces[name] = self.looks + grace_period_seconds - 1

    def patch_namespaced_pod(self, *_: Any, **__: Any) -> None:
        """The removal is announced."""


def pod(name: str, grace: int | None) -> Any:
    going = None if grace is None else NOW
    metadata = SimpleNamespace(name=name, uid="u", deletion_timestamp=going, deletion_grace_period_seconds=grace)
    return SimpleNamespace(metadata=metadata, status=SimpleNamespace(phase="Running"))


@pytest.fixture
def removed(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(cluster, "time", SimpleNamespace(sleep=lambda _: None, monotonic=lambda: 0.0))
    made = KubernetesCluster.__new__(KubernetesCluster)
    made._job_name, made._namespace, made._selector = "language-model", "qa", ""

    def remove(graces: dict[str, int | None]) -> int:
        made._api = api = Api(graces)
        made.remove(lambda: api.looks < 100)
        assert not api.graces
        return api.looks

    return remove


def test_a_jobs_pods_are_gone_at_the_next_look(removed: Any) -> None:
    assert removed({"elasticdl-language-model-master": None, "elasticdl-language-model-ps-0": None}) == 2


def test_pods_that_kubernetes_lets_go_slowly_since_their_master_is_gone_are_hurried(removed: Any) -> None:
    assert removed({"elasticdl-language-model-ps-0": 10, "elasticdl-language-model-worker-0": 10}) == 2

"""What every pod of the job gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client

from tests.unit.trainer.small_data import job
from trainer.elasticdl import context
from trainer.elasticdl.cluster_spec import cluster
from trainer.elasticdl.context import RunContext

TOLERATION = {"key": "business", "operator": "Equal", "value": "qa", "effect": "NoSchedule"}


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    placed = {"node_selector": {"business": "qa"}, "tolerations": [TOLERATION], "priority_class": "qa-training"}
    made = RunContext(job=job(cluster=placed), data_version="1")
    monkeypatch.setenv(context.VARIABLE, made.encode())
    context.current.cache_clear()
    yield
    context.current.cache_clear()


def pod(gpu: bool = False) -> Any:
    asked = {"cpu": "1", "memory": "1Gi", **({"nvidia.com/gpu": "1"} if gpu else {})}
    container = client.V1Container(
        name="c", resources=client.V1ResourceRequirements(requests=dict(asked), limits=dict(asked))
    )
    return cluster.with_pod(
        client.V1Pod(metadata=client.V1ObjectMeta(name="p", labels={}), spec=client.V1PodSpec(containers=[container]))
    )


def test_pods_run_on_the_business_nodes_with_its_identity_and_priority() -> None:
    spec = pod().spec
    assert spec.node_selector == {"business": "qa"}
    assert [(entry.key, entry.value) for entry in spec.tolerations] == [("business", "qa")]
    assert (spec.service_account_name, spec.priority_class_name) == ("training", "qa-training")


def test_only_pods_with_gpus_tolerate_the_gpu_taint() -> None:
    assert [entry.key for entry in pod(gpu=True).spec.tolerations] == ["business", "nvidia.com/gpu"]


def test_pods_meet_the_restricted_pod_security_standard() -> None:
    spec = pod().spec
    assert spec.security_context.run_as_non_root
    assert spec.security_context.seccomp_profile.type == "RuntimeDefault"
    container = spec.containers[0]
    assert container.security_context.allow_privilege_escalation is False
    assert container.security_context.capabilities.drop == ["ALL"]
    assert container.security_context.read_only_root_filesystem
    assert [mount.mount_path for mount in container.volume_mounts] == ["/tmp"]


def test_memory_and_gpus_are_limited_and_cpu_is_not() -> None:
    assert set(pod(gpu=True).spec.containers[0].resources.limits) == {"memory", "nvidia.com/gpu"}
    assert pod().spec.containers[0].resources.requests["cpu"] == "1"

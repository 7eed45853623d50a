"""What the pods of all workloads have in common. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.naming import BUSINESS_LABEL, POOL_LABEL
from trainer.config import ResourceRequest

USER = 10001
"""The images' own user."""

POD_SECURITY: Mapping[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,  # lets the user read the projected identity token
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY: Mapping[str, Any] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""With POD_SECURITY, what Pod Security's level `restricted` asks for, and a read-only root file system besides."""


def node_selector(business: str, kind: str) -> dict[str, str]:
    """Selects the business's nodes of a kind of pool."""
    return {BUSINESS_LABEL: business, POOL_LABEL: kind}


def tolerations(business: str) -> list[dict[str, str]]:
    """Tolerates the business's taint."""
    return [{"key": BUSINESS_LABEL, "operator": "Equal", "value": business, "effect": "NoSchedule"}]


def resources(request: ResourceRequest) -> dict[str, Any]:
    """Memory is limited to what is asked; CPU is not, since idle CPU used by a start-up harms nobody."""
    memory = f"{request.memory_mebibytes}Mi"
    gpu = {"nvidia.com/gpu": str(request.gpu)} if request.gpu else {}
    return {"requests": {"cpu": f"{request.cpu:g}", "memory": memory, **gpu}, "limits": {"memory": memory, **gpu}}


def probe(port: int, path: str, **timing: int) -> dict[str, Any]:
    """An HTTP probe; an answer that takes 5 s counts as none."""
    return {"httpGet": {"path": path, "port": port}, "timeoutSeconds": 5, **timing}


def selector(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels that tell a workload's pods from others'; they can never change, so there are few."""
    return {key: labels[key] for key in ("app.kubernetes.io/name", "app.kubernetes.io/part-of")}


def spread(labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Over zones and nodes as evenly as there is room: two replicas on one node are better than one replica."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(labels)},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]

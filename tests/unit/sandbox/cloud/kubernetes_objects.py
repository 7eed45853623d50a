"""Pods, nodes and an API server in memory, for the tests of controllers."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from sandbox.cloud.core.kubernetes import KubernetesError


def pod(name: str, node: str = "", *, owner: str = "ReplicaSet", annotations: Any = None, **spec: Any) -> Any:
    """A pod that asks for `requests`; without a node, one that the scheduler found no node for."""
    requests = spec.pop("requests", {"cpu": "500m"})
    owners = [{"kind": owner, "uid": f"{owner}-uid", "controller": True}] if owner else []
    unschedulable = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    return {
        "metadata": {
            "name": name,
            "namespace": "qa",
            "uid": f"uid-{name}",
            "labels": {"app": "web"},
            "annotations": annotations or {},
            "ownerReferences": owners,
        },
        "spec": {
            "containers": [{"name": "main", "resources": {"requests": requests}}],
            **({"nodeName": node} if node else {}),
            **spec,
        },
        "status": {"phase": "Running"} if node else {"phase": "Pending", "conditions": [unschedulable]},
    }


def node(name: str, *, labels: Any = None, taints: Any = None, gpus: int = 0, cpu: str = "4") -> Any:
    """A Ready node."""
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": "1", "labels": labels or {}},
        "spec": {"taints": taints or []},
        "status": {
            "allocatable": {"cpu": cpu, "memory": "16Gi", "pods": "110", "nvidia.com/gpu": str(gpus)},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def volume(name: str, folder: str = "/elsewhere", phase: str = "Bound", zone: str = "cn-hangzhou-h") -> Any:
    """A PersistentVolume of a disk, bound to the claim qa/data."""
    key = "topology.diskplugin.csi.alibabacloud.com/zone"
    expression = {"key": key, "operator": "In", "values": [zone]}
    return {
        "metadata": {"name": name, "uid": f"uid-{name}"},
        "spec": {
            "capacity": {"storage": "20Gi"},
            "storageClassName": "alicloud-disk-essd",
            "claimRef": {"namespace": "qa", "name": "data"},
            "local": {"path": folder},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}},
        },
        "status": {"phase": phase},
    }


def budget(allowed: int) -> Any:
    """A PodDisruptionBudget of the pods that `pod` makes."""
    return {
        "metadata": {"name": "web", "namespace": "qa"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
        "status": {"disruptionsAllowed": allowed},
    }


class FakeApi:
    """As much of an API server as the autoscaler asks."""

    def __init__(self) -> None:
        self.pods: list[Any] = []
        self.nodes: list[Any] = []
        self.budgets: list[Any] = []
        self.volumes: list[Any] = []
        self.events: list[dict[str, Any]] = []
        self.evicted: list[str] = []
        self.refuses_evictions = False
        self.calls = 0

    def get(self, path: str) -> dict[str, Any] | None:
        self.calls += 1
        parts = urlsplit(path)
        kind = parts.path.rpartition("/")[2]
        kept = {
            "pods": self.pods,
            "nodes": self.nodes,
            "poddisruptionbudgets": self.budgets,
            "persistentvolumes": self.volumes,
        }
        found = kept.get(kind, [])
        for selector in parse_qs(parts.query).get("fieldSelector", []):
            found = [item for item in found if item["spec"].get("nodeName") == selector.removeprefix("spec.nodeName=")]
        return {"items": list(found)}

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if not path.endswith("/eviction"):
            self.events.append(body)
        elif self.refuses_evictions:
            raise KubernetesError("Cannot evict pod as it would violate the pod's disruption budget.")
        else:
            self.evicted.append(body["metadata"]["name"])
            self.pods = [item for item in self.pods if item["metadata"]["name"] != body["metadata"]["name"]]
        return body

    def merge(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        found = next(item for item in self.nodes if path == f"/api/v1/nodes/{item['metadata']['name']}")
        found["spec"] = {key: value for key, value in {**found["spec"], **body["spec"]}.items() if value is not None}
        return dict(found)

    def reasons(self) -> list[str]:
        return [event["reason"] for event in self.events]


class ObjectApi:
    """An API server that keeps objects by their paths, with what it answers of lists and merge patches."""

    def __init__(self, *objects: tuple[str, dict[str, Any]]) -> None:
        self.objects: dict[str, dict[str, Any]] = dict(objects)
        self.events: list[dict[str, Any]] = []

    def get(self, path: str) -> dict[str, Any] | None:
        return self.objects.get(path)

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path.endswith("/events"):
            self.events.append(body)
            return body
        place = f"{path}/{body['metadata']['name']}"
        if place in self.objects:
            raise KubernetesError(f"the cluster refused POST {path} (409)")
        self.objects[place] = body
        return body

    def merge(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        found = self.objects[path.removesuffix("/status")]
        _merge(found, body)
        return found

    def delete(self, path: str) -> None:
        found = self.objects.get(path)
        if found is not None and not found["metadata"].get("finalizers"):
            del self.objects[path]

    def reasons(self) -> list[str]:
        return [event["reason"] for event in self.events]


def _merge(target: dict[str, Any], patch: dict[str, Any]) -> None:
    """A JSON merge patch (RFC 7386)."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            _merge(target.setdefault(key, {}), value)
        else:
            target[key] = value

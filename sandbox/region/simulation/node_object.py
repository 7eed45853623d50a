"""The Node object of a simulated node: pure."""

from __future__ import annotations

from typing import Any

from sandbox.region.layout import RegionLayout, simulated_pod_network
from sandbox.region.specification import GPU_RESOURCE, NodeSpec

SIMULATED_LABEL = "sandbox/simulated"
"""On every simulated node, with the value "true": for kwok, for metrics-server, and for who looks."""
EXCLUDED_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"
"""Kubernetes' own: no load balancer sends packets to a node that cannot take them."""
PODS_A_NODE = 110
DISK = "120Gi"


def node_object(spec: NodeSpec, layout: RegionLayout, kubelet_version: str) -> dict[str, Any]:
    """The Node with its size, GPUs, addresses and range of pods; what changes later is kwok's to say.

    Args:
        spec: what was asked for; its `simulated` must be a number.
        layout: its region's.
        kubelet_version: what `kubectl get nodes` shows, such as "v1.34.4".
    """
    if spec.simulated is None:
        raise ValueError(f"node {spec.name} is a real one")
    pods = str(simulated_pod_network(spec.simulated))
    labels = {
        "kubernetes.io/hostname": spec.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": layout.name,
        **({"node.kubernetes.io/instance-type": spec.instance_type} if spec.instance_type else {}),
        **spec.labels,
        SIMULATED_LABEL: "true",
        EXCLUDED_LABEL: "true",
    }
    resources = {
        "cpu": str(spec.cpu_cores),
        "memory": f"{spec.memory_mebibytes}Mi",
        "pods": str(PODS_A_NODE),
        "ephemeral-storage": DISK,
        **({GPU_RESOURCE: str(spec.gpus)} if spec.gpus else {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": spec.name, "labels": labels},
        "spec": {"podCIDR": pods, "podCIDRs": [pods], "taints": [dict(taint) for taint in spec.taints]},
        "status": {
            "capacity": resources,
            "allocatable": resources,
            "addresses": [
                {
                    "type": "InternalIP",
                    "address": str(layout.sandbox.addresses.simulated_node(layout.slot, spec.simulated)),
                },
                {"type": "Hostname", "address": spec.name},
                # Where the API server asks for logs: kwok answers for all of them. See api_server_arguments.
                {"type": "InternalDNS", "address": "localhost"},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": layout.ports.simulated_kubelet}},
            "nodeInfo": {
                "architecture": "amd64",
                "operatingSystem": "linux",
                "kubeletVersion": kubelet_version,
                "containerRuntimeVersion": "simulated://",
                "osImage": "simulated",
                "kernelVersion": "simulated",
                **dict.fromkeys(("machineID", "systemUUID", "bootID", "kubeProxyVersion"), ""),
            },
        },
    }


def is_ready(node: dict[str, Any]) -> bool:
    """Whether a simulated node takes pods: it says Ready, and no taint says otherwise."""
    conditions = node.get("status", {}).get("conditions") or []
    ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
    taints = node.get("spec", {}).get("taints") or []
    return ready and not any(
        taint["key"].startswith("node.kubernetes.io/") and taint["key"] != "node.kubernetes.io/unschedulable"
        for taint in taints
    )

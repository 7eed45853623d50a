"""Configuration of a node's kubelet and kube-proxy, and of the Node object they find: pure."""

from __future__ import annotations

import json
from datetime import datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from sandbox.addresses import POD_NETWORK
from sandbox.region.container_runtime import SOCKET
from sandbox.region.dns import CLUSTER_DOMAIN
from sandbox.region.layout import NodeLayout, pod_network
from sandbox.region.specification import GPU_RESOURCE, NodeSpec


def render_kubelet_configuration(node: NodeLayout, number: int, authority: Path) -> str:
    """The KubeletConfiguration (JSON is YAML)."""
    region = node.region
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": str(region.node_address(number)),
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(authority)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(node.state / "pki" / "kubelet.pem"),
            "tlsPrivateKeyFile": str(node.state / "pki" / "kubelet.key"),
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{node.control_group}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "clusterDNS": [str(region.control_plane_address)],
            "clusterDomain": CLUSTER_DOMAIN,
            "resolvConf": str(node.state / "resolv.conf"),
            "containerRuntimeEndpoint": f"unix://{SOCKET}",
            "volumePluginDir": "/var/lib/kubelet/volume-plugins",
            # Written when it changes; the default of ten seconds makes new devices wait for that long.
            "nodeStatusUpdateFrequency": "2s",
            "nodeStatusReportFrequency": "60s",
            # All nodes share the machine's disk and its images: what one node deletes frees nothing. Of memory, kubelet
            # would compare what the whole machine uses with what this node claims to have; limits still hold.
            "evictionHard": {
                "memory.available": "0%",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
                "nodefs.inodesFree": "1%",
            },
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            # Without CAP_SYS_RESOURCE no process may lower this score.
            "oomScoreAdj": 0,
            "logging": {"verbosity": 1},
        },
        indent=1,
    )


def with_full_disk(configuration: str, capacity: int) -> str:
    """A KubeletConfiguration for which the disk is full.

    Args:
        configuration: as rendered for the node.
        capacity: bytes of the disk's file system, of which there are never that many free.
    """
    document = json.loads(configuration)
    document["evictionHard"]["nodefs.available"] = str(capacity)
    return json.dumps(document, indent=1)


def kubelet_arguments(node: NodeLayout, address: IPv4Address) -> list[str]:
    """kubelet's command line."""
    return [
        f"--config={node.state / 'kubelet.json'}",
        f"--kubeconfig={node.state / 'pki' / 'kubelet.kubeconfig'}",
        f"--node-ip={address}",
        f"--hostname-override={node.name}",
    ]


def render_proxy_configuration(node: NodeLayout) -> str:
    """The KubeProxyConfiguration: connection tracking's limits are the machine's, a namespace must not set them."""
    unlimited = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
    return json.dumps(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "iptables": {"localhostNodePorts": False},
            "nodePortAddresses": ["primary"],
            "clusterCIDR": str(POD_NETWORK),
            "detectLocalMode": "ClusterCIDR",
            "hostnameOverride": node.name,
            "clientConnection": {"kubeconfig": str(node.state / "pki" / "kube-proxy.kubeconfig")},
            "conntrack": unlimited,
            "oomScoreAdj": 0,
        },
        indent=1,
    )


def node_object(spec: NodeSpec, number: int, region: str) -> dict[str, Any]:
    """The Node that kubelet finds when it registers.

    Made by the administrator beforehand, so that labels that a kubelet may not set itself, and taints, hold from the
    first moment: no pod slips onto a node that is not for it. The range of pods is fixed by the node's number, so the
    pod network is configured before kubelet has spoken to anyone.
    """
    labels = {
        "kubernetes.io/hostname": spec.name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/region": region,
        **({"node.kubernetes.io/instance-type": spec.instance_type} if spec.instance_type else {}),
        **spec.labels,
    }
    pods = str(pod_network(number))
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": spec.name, "labels": labels},
        "spec": {"podCIDR": pods, "podCIDRs": [pods], "taints": [dict(taint) for taint in spec.taints]},
    }


def is_ready(node: dict[str, Any] | None, gpus: int, since: datetime | None = None) -> bool:
    """Whether a Node object reports Ready, has its GPUs, and carries no taint that says otherwise.

    Args:
        node: the object; None when there is none.
        gpus: how many it must offer.
        since: when its kubelet was started; a report from before is that of the kubelet before it.
    """
    if node is None:
        return False
    conditions = node.get("status", {}).get("conditions", [])
    ready = any(
        condition["type"] == "Ready" and condition["status"] == "True" and _is_recent(condition, since)
        for condition in conditions
    )
    taints = node.get("spec", {}).get("taints", [])
    devices = node.get("status", {}).get("allocatable", {}).get(GPU_RESOURCE, "0") == str(gpus)
    return ready and devices and not any(taint["key"].startswith("node.kubernetes.io/") for taint in taints)


def _is_recent(condition: dict[str, Any], since: datetime | None) -> bool:
    """Whether a condition was reported at or after a moment; reports have whole seconds."""
    if since is None:
        return True
    reported = condition.get("lastHeartbeatTime")
    return reported is not None and datetime.fromisoformat(reported) >= since.replace(microsecond=0)

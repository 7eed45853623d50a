"""The process that plays simulated nodes: kwok's command line, its configuration, and what it may do in the cluster."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from sandbox.region.layout import RegionLayout
from sandbox.region.simulation.node_object import SIMULATED_LABEL

NAME = "kwok"
USER = "system:kwok"
STAGES = Path(__file__).with_name("stages")
LEASE_SECONDS = 80
"""kwok renews a lease after a quarter of it. With kubelet's 40 s, a thousand nodes would write a hundred leases a
second; the controller manager gives a node up when it hears nothing for 50 s, so one renewal may be late or lost."""
PARALLELISM = 16
"""How many pods, nodes or leases kwok works on at once; each waits for the API server most of the time."""
LOG_TEXT = "Nothing runs here: this pod's node is simulated, see docs/sandbox.md."


def arguments(layout: RegionLayout, pki: Path) -> list[str]:
    """kwok's command line.

    Nodes are chosen by a label, not by an annotation, so that the API server sends kwok only its own.
    """
    return [
        f"--kubeconfig={pki / f'{NAME}.kubeconfig'}",
        f"--config={configuration_file(layout)}",
        f"--manage-nodes-with-label-selector={SIMULATED_LABEL}=true",
        f"--server-address=127.0.0.1:{layout.ports.simulated_kubelet}",
        f"--tls-cert-file={pki / f'{NAME}.pem'}",
        f"--tls-private-key-file={pki / f'{NAME}.key'}",
        # It would write a line a pod.
        "--v=WARN",
    ]


def configuration_file(layout: RegionLayout) -> Path:
    """Where the region's configuration of kwok is."""
    return layout.state / "kwok.yaml"


def log_file(layout: RegionLayout) -> Path:
    """What `kubectl logs` shows of every simulated pod."""
    return layout.state / "simulated-pods.log"


def log_lines(now: datetime.datetime) -> str:
    """The content of that file, in the form in which container runtimes write logs."""
    return f"{now:%Y-%m-%dT%H:%M:%S.%fZ} stdout F {LOG_TEXT}\n"


def render_configuration(layout: RegionLayout) -> str:
    """kwok's configuration and stages, as one stream of YAML documents."""
    options = {
        "podPlayStageParallelism": PARALLELISM,
        "nodePlayStageParallelism": PARALLELISM,
        "nodeLeaseParallelism": PARALLELISM,
        "nodeLeaseDurationSeconds": LEASE_SECONDS,
        # For `kubectl logs`; profiles of the process are nobody's business who can reach its port.
        "enableDebuggingHandlers": True,
        "enableProfilingHandler": False,
    }
    documents = [
        {"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration", "options": options},
        {
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "ClusterLogs",
            "metadata": {"name": "simulated"},
            "spec": {"logs": [{"logsFile": str(log_file(layout)), "follow": False}]},
        },
    ]
    stages = [path.read_text() for path in sorted(STAGES.glob("*.yaml"))]
    return "\n---\n".join([*(json.dumps(document) for document in documents), *stages])


def objects() -> list[tuple[str, dict[str, Any]]]:
    """API paths and objects: the right to say what becomes of nodes, pods and leases."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": USER},
        "rules": [
            {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["get", "list", "watch", "patch", "update"]},
            {"apiGroups": [""], "resources": ["nodes/status", "pods/status"], "verbs": ["patch", "update"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["delete"]},
            {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch", "update"]},
            {
                "apiGroups": ["coordination.k8s.io"],
                "resources": ["leases"],
                "verbs": ["get", "list", "watch", "create", "patch", "update"],
            },
        ],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": USER},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": USER},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}],
    }
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    return [(f"{rbac}/clusterroles/{USER}", role), (f"{rbac}/clusterrolebindings/{USER}", binding)]

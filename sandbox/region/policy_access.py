"""What the one who enforces network policies may read at the API server."""

from __future__ import annotations

from typing import Any

USER = "system:network-policy"


def objects() -> list[tuple[str, dict[str, Any]]]:
    """API paths and objects: the right to read pods, namespaces and policies."""
    verbs = ["get", "list", "watch"]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": USER},
        "rules": [
            {"apiGroups": [""], "resources": ["pods", "namespaces"], "verbs": verbs},
            {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": verbs},
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

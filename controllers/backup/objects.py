"""The namespace's Kubernetes objects as files: what a person could `kubectl apply` to a namespace of any name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from lightkube.core.resource import NamespacedResource, api_info
from lightkube.resources import apps_v1, autoscaling_v2, batch_v1, core_v1, networking_v1, policy_v1
from lightkube.resources import rbac_authorization_v1 as rbac_v1

KINDS: tuple[type[NamespacedResource], ...] = (
    core_v1.ServiceAccount,
    core_v1.ConfigMap,
    core_v1.Service,
    core_v1.ResourceQuota,
    core_v1.LimitRange,
    apps_v1.Deployment,
    apps_v1.StatefulSet,
    apps_v1.DaemonSet,
    batch_v1.CronJob,
    autoscaling_v2.HorizontalPodAutoscaler,
    policy_v1.PodDisruptionBudget,
    networking_v1.NetworkPolicy,
    networking_v1.Ingress,
    rbac_v1.Role,
    rbac_v1.RoleBinding,
)
"""As `BACKUP_RULES` allow; in an order in which they can be made."""
RUNTIME = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink", "namespace")
ASSIGNED = ("clusterIP", "clusterIPs", "healthCheckNodePort")
"""Of a Service: another cluster assigns its own."""
CLUSTERS_OWN = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}

Lister = Callable[[type[NamespacedResource]], Iterable[dict[str, Any]]]


def documents(lister: Lister) -> Iterator[tuple[str, bytes]]:
    """(key, JSON) of all objects that somebody made. What a controller made from another (a ReplicaSet) is left out."""
    for number, kind in enumerate(KINDS):
        info = api_info(kind)
        for found in lister(kind):
            metadata = found.get("metadata", {})
            if metadata.get("ownerReferences") or (info.resource.kind, metadata.get("name")) in CLUSTERS_OWN:
                continue
            document = {"apiVersion": info.resource.api_version, "kind": info.resource.kind, **cleaned(found)}
            text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
            yield f"{number:02}-{info.plural}/{metadata.get('name')}.json", text.encode()


def cleaned(found: dict[str, Any]) -> dict[str, Any]:
    """Without what a cluster assigns."""
    metadata = {key: value for key, value in found.get("metadata", {}).items() if key not in RUNTIME}
    rest = {key: value for key, value in found.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    spec = rest.get("spec")
    if isinstance(spec, dict) and "clusterIP" in spec and spec["clusterIP"] != "None":
        rest["spec"] = {key: value for key, value in spec.items() if key not in ASSIGNED}
    return {"metadata": metadata, **rest}


def of_namespace(namespace: str) -> Lister:
    """Asks the API server, in pages. Raises ClusterError."""
    from lightkube import Client  # noqa: PLC0415 - the client only where it is needed

    from controllers.errors import ClusterError  # noqa: PLC0415
    from controllers.monitor.kubernetes import FAILURES, PAGE, refusal  # noqa: PLC0415

    try:
        client = Client(namespace=namespace)
    except Exception as error:  # lightkube raises whatever the file's reader does
        raise ClusterError(f"no way to the Kubernetes API: {' '.join(str(error).split())[:300]}") from error

    def listed(kind: type[NamespacedResource]) -> list[dict[str, Any]]:
        try:
            return [cast(Any, found).to_dict() for found in client.list(kind, chunk_size=PAGE)]
        except FAILURES as error:
            raise refusal(error) from error

    return listed

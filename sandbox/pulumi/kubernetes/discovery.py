"""Which kinds a cluster serves, under which path, and whether they live in a namespace."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from sandbox.pulumi.kubernetes.client import Client
from sandbox.pulumi.kubernetes.errors import ApiError, ClusterUnreachableError

CLUSTER_KINDS = frozenset(
    {
        *("Namespace", "Node", "PersistentVolume", "ComponentStatus"),
        *("ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "APIService"),
        *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
        *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy"),
        *("MutatingAdmissionPolicyBinding", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"),
        *("CSIDriver", "CSINode", "PriorityClass", "RuntimeClass", "IngressClass", "FlowSchema"),
        *("PriorityLevelConfiguration", "CertificateSigningRequest", "ClusterTrustBundle", "DeviceClass"),
        *("ResourceSlice", "ServiceCIDR", "IPAddress", "TokenReview", "SubjectAccessReview"),
    }
)
"""Kinds of Kubernetes itself that have no namespace."""

BUILT_IN_GROUPS = frozenset(
    {
        *("", "apps", "batch", "autoscaling", "policy", "extensions"),
        *("rbac.authorization.k8s.io", "networking.k8s.io", "storage.k8s.io", "scheduling.k8s.io"),
        *("coordination.k8s.io", "node.k8s.io", "discovery.k8s.io", "events.k8s.io", "certificates.k8s.io"),
        *("admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "resource.k8s.io"),
        *("flowcontrol.apiserver.k8s.io", "authentication.k8s.io", "authorization.k8s.io"),
    }
)
"""Groups whose kinds are known without asking, so that a preview without a change asks the cluster nothing."""


@dataclass(frozen=True)
class Kind:
    """A kind as the cluster serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """The path of an object, or of the collection when no name is given."""
        prefix = f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{prefix}{scope}/{self.plural}" + (f"/{name}" if name else "")


class Discovery:
    """Kinds by API version, asked once and remembered; a missing kind is asked for again, since it may be new."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._kinds: dict[str, dict[str, Kind]] = {}

    def kind(self, api_version: str, kind: str) -> Kind | None:
        """The kind, or None when this cluster does not serve it. Raises ClusterUnreachableError."""
        with self._lock:
            known = self._kinds.get(api_version, {}).get(kind)
        if known is not None:
            return known
        # Not under the lock: others must not wait for a cluster that doesn't answer. Asked twice is no harm.
        kinds = self._ask(api_version)
        with self._lock:
            self._kinds[api_version] = kinds
        return kinds.get(kind)

    def is_namespaced(self, api_version: str, kind: str) -> bool:
        """Whether objects of this kind live in a namespace; guessed for a custom kind that the cluster can't tell."""
        group = api_version.partition("/")[0] if "/" in api_version else ""
        if group in BUILT_IN_GROUPS:
            return kind not in CLUSTER_KINDS
        try:
            found = self.kind(api_version, kind)
        except (ClusterUnreachableError, ApiError):
            found = None
        return found is None or found.namespaced

    def _ask(self, api_version: str) -> dict[str, Kind]:
        prefix = "/api/" if "/" not in api_version else "/apis/"
        try:
            answer = self._client.get(prefix + api_version)
        except ApiError as error:
            if error.status == 404:
                return {}
            raise
        rows: list[dict[str, Any]] = answer.get("resources") or []
        return {
            row["kind"]: Kind(api_version, row["kind"], row["name"], bool(row["namespaced"]))
            for row in rows
            if "/" not in row["name"]
        }
